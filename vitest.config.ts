import { defineConfig } from 'vitest/config';

const isNightly = process.env.FLEET_TEST_NIGHTLY === '1';
const schedules = 'test/simulator/schedules-*.test.ts';
/** A report of failures shows what a command said whole, not the first 40 characters of it. */
const chaiConfig = { truncateThreshold: 4_000 };

/**
 * Projects: `fast` and `schedules` need nothing but Node; `lab` needs the lab's network namespace
 * around it (see test/run.ts).
 */
export default defineConfig({
  test: {
    // Without it one core of a small machine would stay idle.
    maxWorkers: '100%',
    projects: [
      // A busy machine is no failure: the limit is there for what never ends.
      {
        test: {
          name: 'fast',
          include: [isNightly ? 'test/**/*.nightly.test.ts' : 'test/**/*.test.ts'],
          exclude: [
            'test/**/*.lab.test.ts',
            schedules,
            ...(isNightly ? [] : ['test/**/*.nightly.test.ts']),
          ],
          testTimeout: 120_000,
          hookTimeout: 60_000,
          chaiConfig,
        },
      },
      {
        test: {
          name: 'schedules',
          include: [schedules],
          globalSetup: ['test/simulator/counted-kinds.ts'],
          chaiConfig,
        },
      },
      {
        test: {
          name: 'lab',
          include: ['test/**/*.lab.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
          chaiConfig,
        },
      },
    ],
  },
});

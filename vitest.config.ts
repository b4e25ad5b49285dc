import { defineConfig } from 'vitest/config';

/** In CI, where nobody looks twice: a time limit that a busy moment of the machine broke gets a second look, and the report says so. */
const retry = process.env.CI === 'true' ? 1 : 0;

/** Two projects: `fast` needs nothing but Node; `lab` needs the lab's network namespace around it (see test/run.ts). */
export default defineConfig({
  test: {
    projects: [
      { test: { name: 'fast', include: ['test/**/*.test.ts'], exclude: ['test/**/*.lab.test.ts'], testTimeout: 30_000, retry } },
      {
        test: {
          name: 'lab',
          include: ['test/**/*.lab.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
          retry,
        },
      },
    ],
  },
});

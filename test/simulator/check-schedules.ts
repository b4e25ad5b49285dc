import { expect } from 'vitest';
import './borders.ts';
import { runSchedule, themeOf } from './schedule.ts';

/** Where the seeds of a run begin. */
const first = Number(process.env.FLEET_SIM_FIRST ?? 1);
/** How many there are in a run. */
const count = Number(process.env.FLEET_SIM_SCHEDULES ?? (process.env.CI === 'true' ? 10_000 : 400));

/** Seeds of a part of a run: every `parts`-th one from `part` (0 based). */
export const seedsOf = (part: number, parts: number): readonly number[] =>
  Array.from({ length: count }, (_, index) => first + index).filter((seed) => seed % parts === part);

/** With the trace, so that a failure of a run at night can be read in the morning. */
async function check(seed: number): Promise<string | null> {
  const { violations, trace } = await runSchedule(seed);
  if (violations.length === 0) return null;
  return [`FLEET_SIM_SEED=${seed} (${themeOf(seed)}) replays this:`, ...violations.map((text) => `  ${text}`), ...trace].join('\n');
}

/** Runs the schedules; stops at the third that fails. */
export async function checkSchedules(seeds: readonly number[]): Promise<void> {
  const startedMs = performance.now();
  const failures: string[] = [];
  let done = 0;
  for (const seed of seeds) {
    const failure = await check(seed);
    done += 1;
    if (failure !== null) failures.push(failure);
    if (failures.length === 3) break;
  }
  const seconds = (performance.now() - startedMs) / 1000;
  console.log(`${done} schedules in ${seconds.toFixed(0)} s, ${Math.round(done / seconds)} a second: ${failures.length} failed`);
  expect(failures.join('\n\n')).toBe('');
}

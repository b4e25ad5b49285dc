import { expect } from 'vitest';
import './borders.ts';
import { allKinds } from './kinds.ts';
import { isOn } from './not-yet.ts';
import { runSchedule, themeOf } from './schedule.ts';
import { shortestFailure } from './shortest-failure.ts';

/** Where the seeds of a run begin. */
const first = Number(process.env.FLEET_SIM_FIRST ?? 1);
/** How many there are in a run. */
const count = Number(process.env.FLEET_SIM_SCHEDULES ?? (process.env.CI === 'true' ? 10_000 : 400));

/** Seeds of a part of a run: every `parts`-th one from `part` (0 based). */
export const seedsOf = (part: number, parts: number): readonly number[] =>
  Array.from({ length: count }, (_, index) => first + index).filter((seed) => seed % parts === part);

/** With the shortest run that still fails, so that a failure at night can be read in the morning. */
async function describeFailure(seed: number): Promise<string> {
  const { violations, trace, without } = await shortestFailure(seed);
  return [
    `seed ${seed} (${themeOf(seed)}), the shortest run that still fails; to see it again:`,
    `  FLEET_SIM_SEED=${seed} FLEET_SIM_WITHOUT='${without.join()}' npx vitest run --project fast test/simulator/random-schedules.test.ts`,
    ...violations.map((text) => `  ${text}`),
    ...trace,
  ].join('\n');
}

/** Runs the schedules; stops at the third that fails. Prints how often each kind of fault took place. */
export async function checkSchedules(seeds: readonly number[]): Promise<void> {
  const startedMs = performance.now();
  const failures: string[] = [];
  const kinds = new Map<string, number>();
  let done = 0;
  for (const seed of seeds) {
    const { violations, kinds: ofRun } = await runSchedule(seed);
    done += 1;
    for (const [kind, count] of ofRun) kinds.set(kind, (kinds.get(kind) ?? 0) + count);
    if (violations.length > 0) failures.push(await describeFailure(seed));
    if (failures.length === 3) break;
  }
  const seconds = (performance.now() - startedMs) / 1000;
  console.log(`${done} schedules in ${seconds.toFixed(0)} s, ${Math.round(done / seconds)} a second: ${failures.length} failed`);
  console.log(`faults: ${allKinds.map((kind) => `${kind} ${isOn(kind) ? (kinds.get(kind) ?? 0) : 'off'}`).join(', ')}`);
  expect(failures.join('\n\n')).toBe('');
}

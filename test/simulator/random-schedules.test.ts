import { describe, expect, it } from 'vitest';
import './borders.ts';
import { runSchedule, themeOf } from './schedule.ts';

const count = Number(process.env.FLEET_SIM_SCHEDULES ?? (process.env.CI === 'true' ? 600 : 160));
const only = process.env.FLEET_SIM_SEED;
/** Where the seeds of a run begin. */
const first = Number(process.env.FLEET_SIM_FIRST ?? 1);

/** With the trace, so that a failure of a run at night can be read in the morning. */
async function check(seed: number): Promise<string | null> {
  const { violations, trace } = await runSchedule(seed);
  if (violations.length === 0) return null;
  return [`FLEET_SIM_SEED=${seed} (${themeOf(seed)}) replays this:`, ...violations.map((text) => `  ${text}`), ...trace].join('\n');
}

describe('random schedules', () => {
  it.runIf(only !== undefined)(`seed ${only}`, async () => {
    const { violations, trace } = await runSchedule(Number(only));
    console.log(trace.join('\n'));
    expect(violations).toEqual([]);
  });

  it.runIf(only === undefined)(
    `${count} seeds from ${first}: nothing runs twice, everything comes to rest`,
    async () => {
      const startedMs = performance.now();
      const failures: string[] = [];
      for (let seed = first; seed < first + count && failures.length < 3; seed += 1) {
        const failure = await check(seed);
        if (failure !== null) failures.push(failure);
      }
      console.log(`${Math.round((1000 * count) / (performance.now() - startedMs))} schedules a second`);
      expect(failures.join('\n\n')).toBe('');
    },
    60_000 + count * 1_000,
  );

  it('the same seed gives the same run', async () => {
    for (const seed of [2, 3, 5]) {
      const [once, again] = [await runSchedule(seed), await runSchedule(seed)];
      expect(again.trace).toEqual(once.trace);
      expect(once.trace.length).toBeGreaterThan(20);
    }
  });
});

import { describe, expect, it } from 'vitest';
import './borders.ts';
import { runSchedule, themes } from './schedule.ts';

const only = process.env.FLEET_SIM_SEED;
const without = new Set((process.env.FLEET_SIM_WITHOUT ?? '').split(',').filter(Boolean));

describe('a schedule', () => {
  it.runIf(only !== undefined)(`seed ${only}`, async () => {
    const { violations, trace } = await runSchedule(Number(only), undefined, without);
    console.log(trace.join('\n'));
    expect(violations).toEqual([]);
  });

  it.each([666, 3848, 5411, 5846, 6418, 8429, 9344, 9352, 30057])(
    'seed %i, which has failed once',
    async (seed) => {
      const { violations } = await runSchedule(seed);
      expect(violations).toEqual([]);
    },
  );

  it.each(themes)('%s: the same seed gives the same run', async (theme) => {
    const [once, again] = [await runSchedule(7, theme), await runSchedule(7, theme)];
    expect(again.trace).toEqual(once.trace);
    expect(once.trace.length).toBeGreaterThan(15);
  });
});

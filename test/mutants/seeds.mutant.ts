import { expect, it } from 'vitest';
import '../simulator/borders.ts';
import { runSchedule } from '../simulator/schedule.ts';

/** `FLEET_MUTANT_SEEDS`: how many random schedules of the simulator, or which: `120`, `5,7`. */
const wish = process.env.FLEET_MUTANT_SEEDS ?? '200';
const seeds = wish.includes(',') ? wish.split(',').map(Number) : Array.from({ length: Number(wish) }, (_, index) => index + 1);

it('no random schedule notices', { timeout: 3_600_000 }, async () => {
  for (const seed of seeds) {
    const { violations } = await runSchedule(seed);
    if (violations.length > 0) console.log(`NOTICED seed ${seed}: ${violations[0]}`);
    expect(violations).toEqual([]);
  }
});

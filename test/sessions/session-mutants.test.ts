import { afterAll, beforeAll, expect, test } from 'vitest';
import { chanceOf, judge, mutantKinds } from './session-mutants.ts';

/** A sample of `npm run bench:sessions`, which tries 600,000. */
const each = 150;

let made: Awaited<ReturnType<typeof mutantKinds>>;
beforeAll(async () => {
  made = await mutantKinds();
});
afterAll(() => made.end());

test('damaged sources of every kind: no exception, no other key than what their own programs read', async () => {
  for (const { name, make } of made.kinds) {
    const counts = { refused: 0, accepted: 0, 'wrong key': 0 };
    for (let seed = 0; seed < each; seed += 1) {
      const { verdict } = await judge(make(chanceOf(seed))).catch((cause: unknown) => {
        throw new Error(`${name}, seed ${seed}`, { cause });
      });
      counts[verdict] += 1;
    }
    expect({ name, wrong: counts['wrong key'] }).toEqual({ name, wrong: 0 });
    // A sample that nothing of is refused, or everything before it is looked at, would prove
    // nothing.
    expect(counts.refused, name).toBeGreaterThan(each / 10);
  }
});

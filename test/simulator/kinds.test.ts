import { afterEach, describe, expect, it } from 'vitest';
import './borders.ts';
import { allKinds, type FaultKind, faultKinds } from './kinds.ts';
import { type Mutant, mutation } from './mutants.ts';
import { runSchedule, type Theme } from './schedule.ts';
import { settle } from './settle.ts';
import { failsAlike, shortestFailure } from './shortest-failure.ts';
import { mishaps } from './stories/mishaps.ts';
import { World } from './world.ts';

/** Kinds of faults that need a story of their own, and seeds of it in which they take place. */
const storyOf: Partial<Readonly<Record<FaultKind, readonly [Theme, readonly number[]]>>> = {
  'boot-after-failover': ['returned', [1, 2, 3]],
  'announced-reboot': ['maintenance', [1, 2, 3]],
  'leaves-around-failover': ['left', [1, 2, 3]],
  stranger: ['left', [1, 2, 3, 4, 5]],
  'ended-session': ['logins', [1, 2, 3]],
  'revived-session': ['logins', [1, 2, 3, 4, 5, 6]],
  'two-lost': ['two-lost', [1, 2, 3]],
  'young-rollback': ['young', [1, 2, 3, 4]],
  'same-identity': ['young', [1, 2, 3, 4]],
  'bad-fence': ['bad-fence', [1, 2, 3]],
  'waiting-prompt': ['prompt', [1, 2, 3]],
  'changed-settings': ['settings', [1, 2, 3]],
  'restored-files': ['files', [1, 2, 3]],
  'forgotten-host': ['forgotten', [1, 2, 3]],
  'take-over': ['adopt', [1, 2, 3, 4, 5]],
  'late-message': ['calls', [27, 31]],
  leftover: ['releases', Array.from({ length: 8 }, (_, index) => index + 1)],
  'escaped-process': ['releases', Array.from({ length: 12 }, (_, index) => index + 1)],
  'stubborn-worker': ['releases', [13, 18]],
  upgrade: ['upgrades', [1, 2, 3]],
  'programs-put-back': ['upgrades', [1, 2, 3, 4]],
  'boot-of-before': ['upgrades', [1, 2, 3, 4]],
  uninstall: ['uninstalls', [1, 2, 3]],
  'large-fleet': ['moves', [9, 11]],
  'unsynced-disk': ['hosts', [1, 2, 3, 4]],
  linger: ['hosts', [1, 2, 3, 4]],
  'close-linger': ['releases', [1, 2, 3, 4]],
};

const isMishap = (kind: FaultKind): kind is FaultKind & keyof typeof mishaps => kind in mishaps;
const minute = 60_000;

/**
 * It happens to a host with accounts, while an operator goes on working; then the faults are over.
 */
async function afterMishap(kind: keyof typeof mishaps, seed: number): Promise<readonly string[]> {
  const world = await World.create(seed);
  const { simulation } = world;
  try {
    await world.command({ verb: 'allocate' });
    mishaps[kind](world, world.host('h1'), simulation.branch(kind));
    for (const verb of [
      { verb: 'sweep' },
      { verb: 'move', account: 'a1', host: 'h2' },
      { verb: 'stop', account: 'a1' },
    ] as const) {
      await world.command(verb);
      await simulation.pass(4 * minute);
    }
    await settle(world);
    return simulation.violations;
  } finally {
    world.killControllers();
    await simulation.pass(0);
    await world.destroy();
  }
}

describe('every kind of fault, on its own', () => {
  it('has a story that is named here, or happens to a host of a fleet that works', () => {
    expect(allKinds.filter((kind) => storyOf[kind] === undefined && !isMishap(kind))).toEqual([]);
  });

  for (const kind of allKinds) {
    const title = `${kind}: ${faultKinds[kind]}`;
    if (storyOf[kind] !== undefined) {
      const [theme, seeds] = storyOf[kind];
      it(title, async () => {
        let times = 0;
        for (const seed of seeds) {
          const { violations, kinds } = await runSchedule(seed, theme);
          expect(violations).toEqual([]);
          times += kinds.get(kind) ?? 0;
        }
        expect(times).toBeGreaterThan(0);
      });
    } else if (isMishap(kind)) {
      it.each([1, 2])(`${title} (%i)`, async (seed) => {
        expect(await afterMishap(kind, seed)).toEqual([]);
      });
    }
  }
});

describe('a run that fails', () => {
  afterEach(() => {
    mutation.current = null;
  });

  const known: readonly (readonly [Mutant, number, Theme])[] = [
    ['hold-oneshot', 5, 'rolled-back'],
    ['gate-before-stop', 1, 'releases'],
    ['safe-moment', 19, 'failover'],
  ];

  it.each(known)(
    '%s: is told without what it does not need, and fails again in the same way',
    async (mutant, seed, theme) => {
      mutation.current = mutant;
      const whole = await runSchedule(seed, theme);
      const [first = ''] = whole.violations;
      expect(first).not.toBe('');
      const { violations, trace, happened, without, isMinimal } = await shortestFailure(
        seed,
        theme,
      );
      expect(happened.length).toBeLessThan(whole.happened.length);
      const again = await runSchedule(seed, theme, new Set(without));
      expect([again.violations, again.trace]).toEqual([violations, trace]);
      expect(failsAlike(again, first)).toBe(true);
      // A machine that is too busy tells the shortest one that it has found by then.
      for (const name of isMinimal ? happened : [])
        expect(failsAlike(await runSchedule(seed, theme, new Set([...without, name])), first)).toBe(
          false,
        );
    },
  );
});

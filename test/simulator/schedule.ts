import { settle } from './settle.ts';
import { randomFrom } from './simulation.ts';
import { luckOf } from './stories/faults.ts';
import { loginStories } from './stories/login-stories.ts';
import { moveStories } from './stories/move-stories.ts';
import { checkMemory } from './stories/moving.ts';
import { rebootStories } from './stories/reboot-stories.ts';
import { returnStories } from './stories/return-stories.ts';
import { stories as otherStories } from './stories/stories.ts';
import { uninstallStories } from './stories/uninstall-stories.ts';
import { upgradeStories } from './stories/upgrade-stories.ts';
import { World, type WorldSize } from './world.ts';

const stories = {
  ...otherStories,
  ...moveStories,
  ...returnStories,
  ...rebootStories,
  ...loginStories,
  ...upgradeStories,
  ...uninstallStories,
};
export type Theme = keyof typeof stories;

/**
 * What a schedule is about; each seed has one, in turn, so that any run of seeds meets all of them.
 */
export const themes = Object.keys(stories) as readonly Theme[];

/**
 * Some stories take the places of other schedules, so that all other seeds keep theirs: logins and
 * uninstalls one in 23, upgrades two.
 */
const insteadOf: ReadonlyMap<number, Theme> = new Map([
  [5, 'logins'],
  [9, 'upgrades'],
  [14, 'uninstalls'],
  [18, 'upgrades'],
]);
const insteadEvery = 23;
const otherThemes = themes.filter((theme) => ![...insteadOf.values()].includes(theme));

export const themeOf = (seed: number): Theme =>
  insteadOf.get(seed % insteadEvery) ?? otherThemes[seed % otherThemes.length] ?? 'calls';

const largeSizes: readonly WorldSize[] = [
  { hosts: 4, accounts: 5 },
  { hosts: 6, accounts: 8 },
];

/** Small worlds are cheap, and few hosts are the harder case: nothing is left when one is lost. */
function sizeOf(seed: number): WorldSize {
  const random = randomFrom(seed ^ 0x5eed);
  if (random() < 0.04) return largeSizes[seed % largeSizes.length] ?? { hosts: 6, accounts: 8 };
  return { hosts: random() < 0.5 ? 2 : 3, accounts: 1 + Math.floor(random() * 2.6) };
}

export interface ScheduleResult {
  readonly seed: number;
  readonly theme: Theme;
  readonly violations: readonly string[];
  readonly trace: readonly string[];
  /** How often each kind of fault took place. */
  readonly kinds: ReadonlyMap<string, number>;
  /** Names of what can be left out. */
  readonly happened: readonly string[];
}

/**
 * One seeded run: faults, then a clean end, in which everything that is not lost for good has to
 * come to rest. `removed`: what is left out.
 */
export async function runSchedule(
  seed: number,
  theme: Theme = themeOf(seed),
  removed: ReadonlySet<string> = new Set(),
): Promise<ScheduleResult> {
  const size = sizeOf(seed);
  const world = await World.create(seed, size, removed);
  const { simulation } = world;
  try {
    if (size.hosts > 3) simulation.count('large-fleet');
    for (const host of world.hosts)
      host.luck = luckOf(simulation, host.name, theme === 'releases' || theme === 'hosts');
    try {
      await stories[theme](world);
      await settle(world);
      await checkMemory(world);
    } catch (error) {
      // Told like any other failure, with its seed and the shortest run.
      simulation.violate(
        'the story broke: ' +
          `${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
      );
    }
    const { violations, trace, kinds, happened } = simulation;
    return { seed, theme, violations, trace, kinds, happened };
  } finally {
    world.killControllers();
    await simulation.pass(0);
    await world.destroy();
  }
}

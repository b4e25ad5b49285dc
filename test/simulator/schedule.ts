import { luckOf } from './faults.ts';
import { moveStories } from './move-stories.ts';
import { checkMemory } from './moving.ts';
import { settle } from './settle.ts';
import { randomFrom } from './simulation.ts';
import { stories as otherStories } from './stories.ts';
import { World, type WorldSize } from './world.ts';

const stories = { ...otherStories, ...moveStories };
export type Theme = keyof typeof stories;
/** What a schedule is about; each seed has one, in turn, so that any run of seeds meets all of them. */
export const themes = Object.keys(stories) as readonly Theme[];

export const themeOf = (seed: number): Theme => themes[seed % themes.length] ?? 'calls';

/** Small worlds are cheap, and few hosts are the harder case: nothing is left when one is lost. */
function sizeOf(seed: number): WorldSize {
  const random = randomFrom(seed ^ 0x5eed);
  return { hosts: random() < 0.5 ? 2 : 3, accounts: 1 + Math.floor(random() * 2.6) };
}

export interface ScheduleResult {
  readonly seed: number;
  readonly theme: Theme;
  readonly violations: readonly string[];
  readonly trace: readonly string[];
}

/** One seeded run: faults, then a clean end, in which everything that is not lost for good has to come to rest. */
export async function runSchedule(seed: number, theme: Theme = themeOf(seed)): Promise<ScheduleResult> {
  const world = await World.create(seed, sizeOf(seed));
  const { simulation } = world;
  try {
    for (const host of world.hosts) host.luck = luckOf(simulation, theme === 'releases' || theme === 'hosts');
    await stories[theme](world);
    await settle(world);
    await checkMemory(world);
    return { seed, theme, violations: simulation.violations, trace: simulation.trace };
  } finally {
    world.killControllers();
    await simulation.pass(0);
    await world.destroy();
  }
}

import { describe, expect, it } from 'vitest';
import './borders.ts';
import { checkMemory, remember, someMove, uncordonAll } from './moving.ts';
import { commandAt, luckOf, mishapAt } from './schedule.ts';
import { settle } from './settle.ts';
import { World } from './world.ts';

const count = Number(process.env.FLEET_SIM_SCHEDULES ?? 60);
const only = process.env.FLEET_SIM_SEED;
const first = Number(process.env.FLEET_SIM_FIRST ?? 1);

async function runSchedule(seed: number): Promise<{ violations: readonly string[]; trace: readonly string[] }> {
  const world = await World.create(seed);
  const { simulation } = world;
  try {
    for (const host of world.hosts) host.luck = luckOf(simulation, 'calls');
    await world.command({ verb: 'allocate' });
    await simulation.pass(10_000);
    await remember(world);
    const mishaps = seed % 3 === 0 ? 0 : simulation.between(1, 4);
    for (let index = 0; index < mishaps; index += 1) mishapAt(world, simulation.between(0, 200_000));
    const fault = seed % 3 === 0 ? 0.12 : 0.04;
    for (let index = 0; index < 6; index += 1) commandAt(world, index * simulation.between(200, 60_000), someMove(world), fault);
    await simulation.pass(500_000);
    await uncordonAll(world);
    await settle(world);
    await checkMemory(world);
    return { violations: simulation.violations, trace: simulation.trace };
  } finally {
    world.killControllers();
    await simulation.pass(0);
    await world.destroy();
  }
}

describe('moves', () => {
  it(
    'under kills, lost and late messages and power loss: nothing runs twice, nothing is forgotten, everything arrives',
    async () => {
      const failures: string[] = [];
      const seeds = only === undefined ? Array.from({ length: count }, (_, index) => first + index) : [Number(only)];
      for (const seed of seeds) {
        const { violations, trace } = await runSchedule(seed);
        if (only !== undefined) console.log(trace.join('\n'));
        if (violations.length > 0)
          failures.push([`FLEET_SIM_SEED=${seed} replays this:`, ...violations.map((text) => `  ${text}`), ...trace].join('\n'));
        if (failures.length === 3) break;
      }
      expect(failures.join('\n\n')).toBe('');
    },
    60_000 + count * 2_000,
  );
});

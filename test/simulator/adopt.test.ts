import { describe, expect, it } from 'vitest';
import './borders.ts';
import { checkMemory, remember, someMove, uncordonAll } from './moving.ts';
import { commandAt, luckOf, mishapAt } from './schedule.ts';
import { settle } from './settle.ts';
import { World } from './world.ts';

const count = Number(process.env.FLEET_SIM_SCHEDULES ?? 60);
const only = process.env.FLEET_SIM_SEED;
const first = Number(process.env.FLEET_SIM_FIRST ?? 1);

/** The operator moves accounts, loses the ledger in the middle of it, and goes on with an older copy, or with an empty one. */
async function runSchedule(seed: number): Promise<{ violations: readonly string[]; trace: readonly string[] }> {
  const world = await World.create(seed);
  const { simulation } = world;
  const commands = (): void => {
    for (let index = 0; index < 4; index += 1) commandAt(world, index * simulation.between(200, 60_000), someMove(world), 0.05);
  };
  try {
    for (const host of world.hosts) host.luck = luckOf(simulation, 'calls');
    await world.command({ verb: 'allocate' });
    await simulation.pass(10_000);
    await remember(world);
    const old = simulation.chance(0.6) ? world.copyLedger('old') : await world.secondLedger();
    commands();
    for (let index = simulation.between(0, 2); index > 0; index -= 1) mishapAt(world, simulation.between(0, 100_000));
    await simulation.pass(simulation.between(1_000, 200_000));
    const isLost = simulation.chance(0.7);
    if (isLost) world.killControllers();
    simulation.note(`--- the ledger is ${isLost ? 'lost' : 'copied'}`);
    world.ledgerPath = old;
    commandAt(world, simulation.between(0, 1_000), { verb: 'adopt' }, 0.05);
    await simulation.pass(simulation.between(1_000, 100_000));
    commands();
    await simulation.pass(500_000);
    world.killControllers();
    for (const host of world.hosts) {
      host.link = { hears: true, isHeard: true };
      host.disk = 'good';
      host.boot();
    }
    await simulation.pass(200_000);
    const problem = await world.command({ verb: 'adopt' });
    if (problem !== null) simulation.violate(`adopt: ${problem.message}`);
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

describe('adopt', () => {
  it(
    'a ledger that is lost in the middle of moves is rebuilt from the hosts: nothing runs twice, everything arrives',
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

import type { World } from '../world.ts';
import { commandAt, mishapAt } from './faults.ts';
import { bootLater } from './mishaps.ts';
import { placedAndKept } from './move-stories.ts';

const minute = 60_000;

/** Stories of reboots that an operator announces. */
export const rebootStories = {
  /**
   * Hosts are rebooted in order, quickly, slowly or without coming back; commands, failovers and
   * further boots come in the middle.
   */
  maintenance: async (world: World) => {
    const { simulation } = world;
    await placedAndKept(world);
    const fault = simulation.pick([0, 0.05, 0.12]);
    for (const host of world.hosts)
      host.firmwareMs = simulation.pick([
        simulation.between(5_000, 60_000),
        simulation.between(2, 14) * minute,
        null,
      ]);
    const host = simulation.pick(world.hosts);
    const isRolling = simulation.chance(0.3);
    const hosts = isRolling ? world.hosts.map(({ name }) => name) : [host.name];
    commandAt(
      world,
      0,
      { verb: 'reboot', hosts, isRolling, withinMs: simulation.between(2, 30) * minute },
      fault,
    );
    const account = simulation.pick(world.accounts);
    for (let times = simulation.between(0, 4); times > 0; times -= 1) {
      const verb = simulation.pick([
        { verb: 'sweep', isAutomatic: simulation.chance(0.5) },
        { verb: 'move', account, host: simulation.pick(world.hosts).name },
        {
          verb: 'failover',
          host: host.name,
          statement: simulation.pick(['powered-off', 'fenced'] as const),
        },
        { verb: 'start', account },
        { verb: 'reboot', hosts: [host.name] },
      ] as const);
      commandAt(world, simulation.between(0, 40 * minute), verb, fault);
    }
    for (let boots = simulation.between(0, 3); boots > 0; boots -= 1) {
      const atMs = simulation.between(minute, 30 * minute);
      if (simulation.chance(0.5)) world.later(atMs, () => host.crash());
      bootLater(
        world,
        host,
        simulation.branch(simulation.nameOf('boot')),
        atMs + simulation.between(1_000, 10 * minute),
      );
    }
    if (simulation.chance(0.3)) mishapAt(world, simulation.between(0, 20 * minute));
    await simulation.pass(simulation.between(5, 60) * minute);
  },
};

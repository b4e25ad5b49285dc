import type { World } from '../world.ts';
import { commandAt, mishapAt, plainMishaps, someVerb } from './faults.ts';
import { bootLater } from './mishaps.ts';
import { placedAndKept } from './move-stories.ts';
import { someMove } from './moving.ts';

const minute = 60_000;

/** Stories of hosts that are taken out of use, and perhaps into use again. */
export const uninstallStories = {
  /**
   * Fleet is taken off a host, which mostly was drained before, killed in the middle or not; claims
   * stay there or are forgotten. Commands, boots and a disk that is put back come in between; then
   * the host may get fleet again.
   */
  uninstalls: async (world: World) => {
    const { simulation } = world;
    await placedAndKept(world);
    const fault = simulation.pick([0, 0.05, 0.15]);
    const host = simulation.pick(world.hosts);
    const disk = simulation.chance(0.3) ? world.snapshotDisk(host) : null;
    if (simulation.chance(0.8)) {
      commandAt(world, 0, { verb: 'drain', host: host.name }, fault);
      await simulation.pass(simulation.between(1, 4) * minute);
    }
    for (let times = simulation.between(1, 3); times > 0; times -= 1)
      commandAt(
        world,
        simulation.between(0, 10 * minute),
        { verb: 'uninstall', host: host.name, forgetsClaims: simulation.chance(0.4) },
        fault,
      );
    for (let times = simulation.between(0, 4); times > 0; times -= 1) {
      const verb = simulation.pick([
        { verb: 'sweep' },
        someMove(world),
        { verb: 'init', host: host.name },
        { verb: 'rebalance' },
        someVerb(world),
      ] as const);
      commandAt(world, simulation.between(0, 12 * minute), verb, fault);
    }
    for (let boots = simulation.between(0, 2); boots > 0; boots -= 1) {
      const atMs = simulation.between(0, 15 * minute);
      world.later(atMs, () => host.crash());
      bootLater(
        world,
        host,
        simulation.branch(simulation.nameOf('boot')),
        atMs + simulation.between(1_000, 5 * minute),
      );
    }
    if (simulation.chance(0.3)) mishapAt(world, simulation.between(0, 12 * minute), plainMishaps);
    await simulation.pass(simulation.between(2, 20) * minute);
    // What was taken off is there again, with claims of before.
    if (disk === null || world.gone.has(host.name) || (await world.knows(host.name))) return;
    simulation.note(`${host.name} its disk is put back to before the uninstall`);
    await simulation.pass(11 * minute);
    host.crash();
    world.restoreDisk(host, disk);
    host.boot();
    await simulation.pass(simulation.between(1, 5) * minute);
  },
} as const satisfies Readonly<Record<string, (world: World) => Promise<void>>>;

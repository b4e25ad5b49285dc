import type { CallFate, RemoteCall } from '../model/model-remote.ts';
import type { World } from '../world.ts';
import { commandAt, fates, mishapAt, someVerb } from './faults.ts';
import { cutLink, mishaps } from './mishaps.ts';
import { someMove } from './moving.ts';

/**
 * Each ends with faults that may still be there; how everything comes to rest then is the same for
 * all of them.
 */
export const stories = {
  calls: async (world: World) => {
    await someCommands(world, 0.12);
  },
  hosts: async (world: World) => {
    for (let count = world.simulation.between(2, 6); count > 0; count -= 1)
      mishapAt(world, world.simulation.between(0, 240_000));
    await someCommands(world, 0.02);
  },
  'two-operators': async (world: World) => {
    const { simulation } = world;
    // With the ledger's lock, as the command line takes it, or without, because a lock that has
    // expired protects nobody.
    for (let count = simulation.between(2, 4); count > 0; count -= 1)
      commandAt(
        world,
        simulation.between(0, 1_500),
        { verb: 'allocate' },
        0.06,
        undefined,
        simulation.chance(0.3),
      );
    // Two operators and cron.
    for (let count = simulation.between(1, 2); count > 0; count -= 1) {
      const atMs = simulation.between(5_000, 200_000);
      for (const verb of [someMove(world), someMove(world), { verb: 'sweep' } as const])
        commandAt(
          world,
          atMs + simulation.between(0, 2_000),
          verb,
          0.04,
          undefined,
          simulation.chance(0.5),
        );
    }
    await someCommands(world, 0.06);
  },
  'copied-ledger': async (world: World) => {
    const { simulation } = world;
    world.areEpochsUnique = false;
    const copy = await (simulation.chance(0.7) ? rivals : duel)(world);
    if (simulation.chance(0.6)) mishapAt(world, simulation.between(0, 60_000));
    await someCommands(world, 0.04);
    await simulation.pass(200_000);
    if (simulation.chance(0.5)) world.ledgerPath = copy;
    world.isLedgerOld = true;
  },
  'two-ledgers': async (world: World) => {
    const { simulation } = world;
    const second = await world.secondLedger();
    world.areEpochsUnique = false;
    if (simulation.chance(0.4)) cutLink(world, simulation.pick(world.hosts), simulation);
    // So that the two choose differently.
    if (simulation.chance(0.7)) await world.cordon(simulation.pick(world.hosts).name, second);
    for (let count = simulation.between(1, 3); count > 0; count -= 1) {
      commandAt(
        world,
        simulation.between(0, 40_000),
        { verb: 'allocate' },
        0.02,
        simulation.chance(0.5) ? second : undefined,
      );
      commandAt(world, simulation.between(0, 500), { verb: 'allocate' }, 0.02, second);
    }
    commandAt(world, simulation.between(0, 500), { verb: 'allocate' }, 0.02);
    if (simulation.chance(0.5)) mishapAt(world, simulation.between(0, 60_000));
    await simulation.pass(240_000);
    if (simulation.chance(0.5)) world.ledgerPath = second;
    world.isLedgerOld = true;
  },
  'rolled-back': async (world: World) => {
    const { simulation } = world;
    await world.command({ verb: 'allocate' });
    const host = simulation.pick(world.hosts);
    const disk = world.snapshotDisk(host);
    await world.cordon(host.name);
    for (const account of world.accounts) {
      await world.tell({ verb: simulation.pick(['remove', 'export'] as const), account });
      await world.tell({ verb: 'import', account });
    }
    await world.tell({ verb: 'allocate' }, { fateOf: fates(simulation, 0.02) });
    await simulation.pass(simulation.between(610_000, 900_000));
    host.crash();
    world.restoreDisk(host, disk);
    host.link = { hears: false, isHeard: false };
    host.boot(simulation.between(100, 3_000), simulation.between(100, 3_000));
    await simulation.pass(60_000);
    host.link = { hears: true, isHeard: true };
    await world.tell({ verb: 'status' });
    await world.tell({ verb: 'allocate' });
    await simulation.pass(60_000);
  },
  cloned: async (world: World) => {
    const { simulation } = world;
    await world.command({ verb: 'allocate' });
    await simulation.pass(simulation.between(1_000, 120_000));
    const chance = simulation.branch('the machine');
    const kind = chance.pick([
      'clone',
      'same-ids',
      'wrong-machine',
      'new-hardware',
      'less-hardware',
    ] as const);
    if (kind !== 'clone') {
      simulation.count(kind);
      mishaps[kind](world, simulation.pick(world.hosts), chance);
      for (let minutes = chance.between(6, 25); minutes > 0; minutes -= 5)
        await someCommands(world, 0.02);
      return;
    }
    const copy = world.clone(simulation.pick(world.hosts));
    await simulation.pass(simulation.between(1_000, 600_000));
    copy.boot();
    await someCommands(world, 0.02);
    copy.crash();
  },
  releases: async (world: World) => {
    const { simulation } = world;
    await world.command({ verb: 'allocate' });
    for (let count = simulation.between(3, 7); count > 0; count -= 1) {
      commandAt(
        world,
        simulation.between(0, 120_000),
        {
          verb: simulation.pick(['remove', 'export', 'stop', 'start', 'import'] as const),
          account: simulation.pick(world.accounts),
        },
        0.04,
      );
      commandAt(world, simulation.between(0, 200_000), { verb: 'allocate' }, 0.02);
    }
    if (simulation.chance(0.5)) mishapAt(world, simulation.between(0, 60_000));
    await simulation.pass(240_000);
  },
} as const satisfies Readonly<Record<string, (world: World) => Promise<void>>>;

/** Two copies of one ledger place the same accounts at the same time, on different hosts. */
async function rivals(world: World): Promise<string> {
  const { simulation } = world;
  const copy = world.copyLedger('copy');
  // Which is where the other one puts the first account.
  await world.cordon(world.hosts[0]?.name ?? '', copy);
  // Long enough between the survey and the grants that both have asked before either acts.
  const usual = fates(simulation, 0.02);
  const fateOf = (call: RemoteCall): CallFate =>
    /^(?:grant|wipe)/.test(call.what)
      ? { ...usual(), requestMs: simulation.between(10, 4_000) }
      : usual();
  for (const ledgerPath of [copy, world.ledgerPath])
    simulation.at(
      simulation.between(0, 600),
      () => void world.start({ verb: 'allocate' }, { ledgerPath, fateOf }),
    );
  for (let count = simulation.between(0, 3); count > 0; count -= 1) {
    commandAt(
      world,
      simulation.between(0, 60_000),
      someVerb(world),
      0.03,
      simulation.pick([copy, world.ledgerPath]),
    );
  }
  await simulation.pass(60_000);
  return copy;
}

/**
 * Two copies of one ledger take the same account out of the fleet; the later one insists until its
 * serial has caught up.
 */
async function duel(world: World): Promise<string> {
  const { simulation } = world;
  await world.command({ verb: 'allocate' });
  const copy = world.copyLedger('copy');
  const account = simulation.pick(world.accounts);
  const [early, late] = simulation.chance(0.5)
    ? [copy, world.ledgerPath]
    : [world.ledgerPath, copy];
  const leave = () => ({ verb: simulation.pick(['remove', 'export'] as const), account });
  commandAt(world, 0, leave(), 0.02, early);
  for (let count = simulation.between(1, 4); count > 0; count -= 1)
    commandAt(world, simulation.between(0, 50_000), leave(), 0.02, late);
  await simulation.pass(60_000);
  return copy;
}

/** A few commands over some minutes, the first of which places everything. */
async function someCommands(world: World, fault: number): Promise<void> {
  const { simulation } = world;
  commandAt(world, 0, { verb: 'allocate' }, fault);
  for (let count = simulation.between(1, 5); count > 0; count -= 1)
    commandAt(world, simulation.between(0, 240_000), someVerb(world), fault);
  await simulation.pass(300_000);
}

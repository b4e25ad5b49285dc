import type { Verb } from './controller.ts';
import type { HostLuck, ModelHost } from './model-host.ts';
import { type CallFate, plainFate } from './model-remote.ts';
import { settle } from './settle.ts';
import type { Simulation } from './simulation.ts';
import { accountNames, keyIds, World } from './world.ts';

/** What a schedule is about; each seed has one, in turn, so that any run of seeds meets all of them. */
export const themes = ['calls', 'hosts', 'two-operators', 'copied-ledger', 'two-ledgers', 'rolled-back', 'cloned', 'releases'] as const;
export type Theme = (typeof themes)[number];

export const themeOf = (seed: number): Theme => themes[seed % themes.length] ?? 'calls';

export interface ScheduleResult {
  readonly seed: number;
  readonly theme: Theme;
  readonly violations: readonly string[];
  readonly trace: readonly string[];
}

/** One seeded run: faults, then a clean end. */
export async function runSchedule(seed: number): Promise<ScheduleResult> {
  const world = await World.create(seed);
  const theme = themeOf(seed);
  try {
    for (const host of world.hosts) host.luck = luckOf(world.simulation, theme);
    await stories[theme](world);
    const { violations, trace } = world.simulation;
    return { seed, theme, violations, trace };
  } finally {
    world.killControllers();
    await world.simulation.pass(0);
    await world.destroy();
  }
}

export const luckOf = (simulation: Simulation, theme: Theme): HostLuck => {
  const rough = theme === 'releases' || theme === 'hosts';
  return {
    isCustomWorker: simulation.chance(0.5),
    stopNeedsKill: () => simulation.chance(rough ? 0.3 : 0.1),
    stopLagMs: () => (simulation.chance(rough ? 0.5 : 0.05) ? simulation.between(500, 20_000) : 0),
    afterStop: (host, keyId, helper) => {
      // Somebody's `systemctl start`, at the worst moment: between the proof of the stop and its record.
      if (helper === undefined || !simulation.chance(rough ? 0.5 : 0.05)) return;
      helper.onWrite = () => {
        if (host.units.show(keyId).activeState !== 'inactive') return;
        helper.onWrite = null;
        simulation.note(`${host.name} somebody starts ${keyId.slice(0, 4)}`);
        host.units.start(keyId);
      };
    },
  };
};

/** Fates of calls where about one in `1 / fault` goes wrong. */
export const fates = (simulation: Simulation, fault: number) => (): CallFate => {
  const slow = simulation.chance(0.05) ? 60 : 1;
  const plain = { ...plainFate, requestMs: simulation.between(5, 300) * slow, replyMs: simulation.between(5, 300) * slow };
  if (!simulation.chance(fault)) return plain;
  const lateMs = simulation.between(500, 150_000);
  return simulation.pick<() => CallFate>([
    () => ({ ...plain, kill: 'before' }),
    () => ({ ...plain, kill: 'after' }),
    () => ({ ...plain, request: 'lost' }),
    () => ({ ...plain, request: 'late', lateMs }),
    () => ({ ...plain, request: 'twice', lateMs }),
    () => ({ ...plain, reply: 'lost' }),
    () => ({ ...plain, helperWrites: simulation.between(0, 40) }),
    () => ({ ...plain, helperWrites: simulation.between(0, 40), powerLost: true }),
  ])();
};

/** A command of the operator at some moment; importing waits for real I/O and therefore happens at once. */
export function commandAt(world: World, delayMs: number, verb: Verb, fault: number, ledgerPath?: string): void {
  const { simulation } = world;
  const queriesLeft = simulation.chance(fault) ? { queriesLeft: simulation.between(1, 60) } : {};
  simulation.at(delayMs, async () => {
    const started = world.start(verb, {
      fateOf: fates(simulation, fault),
      ...queriesLeft,
      ...(ledgerPath === undefined ? {} : { ledgerPath }),
    });
    if (verb.verb === 'import') await world.lastWork;
    if (simulation.chance(fault))
      simulation.at(simulation.between(10, 3_000), () => started.controller.sleep(simulation.between(1_000, 120_000)));
  });
}

function someVerb(simulation: Simulation): Verb {
  const account = simulation.pick(accountNames);
  const verb = simulation.pick(['allocate', 'allocate', 'stop', 'start', 'remove', 'export', 'import', 'status'] as const);
  return verb === 'allocate' || verb === 'status' ? { verb } : { verb, account };
}

/** One of the things that happen to servers, at some moment. */
export function mishapAt(world: World, delayMs: number): void {
  const { simulation } = world;
  const host = simulation.pick(world.hosts);
  const happen = simulation.pick([powerCycle, cutLink, stepClock, spoilDisk, crashWorker, dropConnection, blockLock]);
  simulation.at(delayMs, () => happen(world, host));
}

function powerCycle({ simulation }: World, host: ModelHost): void {
  host.crash();
  const [sshMs, holdMs] = [simulation.between(100, 3_000), simulation.between(100, 3_000)];
  simulation.at(simulation.between(2_000, simulation.pick([30_000, 1_200_000])), () => host.boot(sshMs, holdMs));
}

function cutLink({ simulation }: World, host: ModelHost): void {
  host.link = simulation.pick([
    { hears: false, isHeard: false },
    { hears: true, isHeard: false },
    { hears: false, isHeard: true },
  ]);
  simulation.note(`${host.name} link ${JSON.stringify(host.link)}`);
  simulation.at(simulation.between(500, 200_000), () => {
    host.link = { hears: true, isHeard: true };
  });
}

function stepClock({ simulation }: World, host: ModelHost): void {
  host.clockOffsetMs += simulation.between(-300_000, 300_000);
  host.isClockSynchronized = simulation.chance(0.5);
  simulation.note(`${host.name} clock ${host.clockOffsetMs}`);
}

function spoilDisk({ simulation }: World, host: ModelHost): void {
  host.disk = simulation.pick(['full', 'broken'] as const);
  simulation.note(`${host.name} disk ${host.disk}`);
  simulation.at(simulation.between(500, 60_000), () => {
    host.disk = 'good';
  });
}

function crashWorker({ simulation }: World, host: ModelHost): void {
  const keyId = keyIds[simulation.pick(accountNames)] ?? '';
  host.units.crash(keyId, simulation.chance(0.3));
}

function dropConnection({ dataCentre }: World): void {
  dataCentre.dropOne();
}

/** A helper that hangs in the kernel with its locks: acts on the account, or a new serial, have to wait or are refused. */
function blockLock({ simulation }: World, host: ModelHost): void {
  if (!host.isUp) return;
  const keyId = keyIds[simulation.pick(accountNames)] ?? '';
  const stuck = host.spawn('a helper that hangs');
  const lock = simulation.chance(0.5) ? `${keyId}.act` : 'authority.act';
  if (!host.takeLock(stuck, `${host.places.locks}/${lock}`, true)) return;
  simulation.note(`${host.name} ${lock} is held`);
  simulation.at(simulation.between(1_000, 150_000), () => host.end(stuck));
}

const stories: Readonly<Record<Theme, (world: World) => Promise<void>>> = {
  calls: async (world) => {
    await someCommands(world, 0.12);
    await settle(world);
  },
  hosts: async (world) => {
    for (let count = world.simulation.between(2, 6); count > 0; count -= 1) mishapAt(world, world.simulation.between(0, 240_000));
    await someCommands(world, 0.02);
    await settle(world);
  },
  'two-operators': async (world) => {
    const { simulation } = world;
    for (let count = simulation.between(2, 4); count > 0; count -= 1)
      commandAt(world, simulation.between(0, 1_500), { verb: 'allocate' }, 0.06);
    await someCommands(world, 0.06);
    await settle(world);
  },
  'copied-ledger': async (world) => {
    const { simulation } = world;
    world.areEpochsUnique = false;
    if (simulation.chance(0.5)) await rivals(world);
    else await duel(world);
    if (simulation.chance(0.6)) mishapAt(world, simulation.between(0, 60_000));
    await someCommands(world, 0.04);
    await simulation.pass(200_000);
  },
  'two-ledgers': async (world) => {
    const { simulation } = world;
    const second = await world.secondLedger();
    world.areEpochsUnique = false;
    if (simulation.chance(0.4)) cutLink(world, simulation.pick(world.hosts));
    // So that the two choose differently.
    if (simulation.chance(0.7)) await world.cordon(simulation.pick(world.hosts).name, second);
    for (let count = simulation.between(1, 3); count > 0; count -= 1) {
      commandAt(world, simulation.between(0, 40_000), { verb: 'allocate' }, 0.02, simulation.chance(0.5) ? second : undefined);
      commandAt(world, simulation.between(0, 500), { verb: 'allocate' }, 0.02, second);
    }
    commandAt(world, simulation.between(0, 500), { verb: 'allocate' }, 0.02);
    if (simulation.chance(0.5)) mishapAt(world, simulation.between(0, 60_000));
    await simulation.pass(240_000);
  },
  'rolled-back': async (world) => {
    const { simulation } = world;
    await world.command({ verb: 'allocate' });
    const host = simulation.pick(world.hosts);
    const disk = world.snapshotDisk(host);
    await world.cordon(host.name);
    for (const account of accountNames) {
      await world.command({ verb: simulation.pick(['remove', 'export'] as const), account });
      await world.command({ verb: 'import', account });
    }
    await world.command({ verb: 'allocate' }, { fateOf: fates(simulation, 0.02) });
    await simulation.pass(simulation.between(610_000, 900_000));
    host.crash();
    world.restoreDisk(host, disk);
    host.link = { hears: false, isHeard: false };
    host.boot(simulation.between(100, 3_000), simulation.between(100, 3_000));
    await simulation.pass(60_000);
    host.link = { hears: true, isHeard: true };
    await world.command({ verb: 'status' });
    await world.command({ verb: 'allocate' });
    await simulation.pass(60_000);
  },
  cloned: async (world) => {
    const { simulation } = world;
    await world.command({ verb: 'allocate' });
    await simulation.pass(simulation.between(1_000, 120_000));
    const copy = world.clone(simulation.pick(world.hosts));
    await simulation.pass(simulation.between(1_000, 600_000));
    copy.boot();
    await someCommands(world, 0.02);
    copy.crash();
    await settle(world);
  },
  releases: async (world) => {
    const { simulation } = world;
    await world.command({ verb: 'allocate' });
    for (let count = simulation.between(3, 7); count > 0; count -= 1) {
      commandAt(
        world,
        simulation.between(0, 120_000),
        { verb: simulation.pick(['remove', 'export', 'stop', 'start', 'import'] as const), account: simulation.pick(accountNames) },
        0.04,
      );
      commandAt(world, simulation.between(0, 200_000), { verb: 'allocate' }, 0.02);
    }
    if (simulation.chance(0.5)) mishapAt(world, simulation.between(0, 60_000));
    await simulation.pass(240_000);
    await settle(world);
  },
};

/** Two copies of one ledger place the same accounts at the same time, on different hosts. */
async function rivals(world: World): Promise<void> {
  const { simulation } = world;
  const copy = world.copyLedger('copy');
  await world.cordon(simulation.pick(world.hosts).name, copy);
  for (const ledgerPath of [copy, world.ledgerPath]) commandAt(world, simulation.between(0, 150), { verb: 'allocate' }, 0.02, ledgerPath);
  for (let count = simulation.between(0, 3); count > 0; count -= 1) {
    commandAt(world, simulation.between(0, 60_000), someVerb(simulation), 0.03, simulation.pick([copy, world.ledgerPath]));
  }
  await simulation.pass(60_000);
}

/** Two copies of one ledger take the same account out of the fleet; the later one insists until its serial has caught up. */
async function duel(world: World): Promise<void> {
  const { simulation } = world;
  await world.command({ verb: 'allocate' });
  const copy = world.copyLedger('copy');
  const account = simulation.pick(accountNames);
  const [early, late] = simulation.chance(0.5) ? [copy, world.ledgerPath] : [world.ledgerPath, copy];
  const leave = () => ({ verb: simulation.pick(['remove', 'export'] as const), account });
  commandAt(world, 0, leave(), 0.02, early);
  for (let count = simulation.between(1, 4); count > 0; count -= 1) commandAt(world, simulation.between(0, 50_000), leave(), 0.02, late);
  await simulation.pass(60_000);
}

/** A few commands over some minutes, the first of which places everything. */
async function someCommands(world: World, fault: number): Promise<void> {
  const { simulation } = world;
  commandAt(world, 0, { verb: 'allocate' }, fault);
  for (let count = simulation.between(1, 5); count > 0; count -= 1)
    commandAt(world, simulation.between(0, 240_000), someVerb(simulation), fault);
  await simulation.pass(300_000);
}

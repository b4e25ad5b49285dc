import type { Verb } from '../controller.ts';
import type { ModelHost } from '../model/model-host.ts';
import type { Chance } from '../simulation.ts';
import { keyIds, type World } from '../world.ts';
import { commandAt, fates, mishapAt } from './faults.ts';
import { bootLater, mishaps } from './mishaps.ts';
import { placed, placedAndKept } from './move-stories.ts';
import { someMove } from './moving.ts';

const whole = { hears: true, isHeard: true };
const cut = { hears: false, isHeard: false };
const minute = 60_000;
const hour = 60 * minute;

/** Longer than `hold.after`, and the margin, since anybody could have been in contact. */
const untilBelieved = 21 * minute;

/**
 * Stories of hosts that come back after their accounts were given to others, and of what people do
 * about them.
 */
export const returnStories = {
  /**
   * It boots again and again; commands reach it, or not, and die in the middle; now and then it is
   * said again, truly, that it is off.
   */
  returned: async (world: World) => {
    const { simulation } = world;
    await placedAndKept(world);
    const lost = simulation.pick(world.hosts);
    const fault = simulation.pick([0, 0.05, 0.12]);
    if (simulation.chance(0.2)) setAnew(world, lost);
    if (simulation.chance(0.2)) {
      lost.isContainer = true;
      simulation.count('container-boot');
    }
    await failOver(world, lost, fault);
    lost.link = simulation.chance(0.7) ? whole : cut;
    for (let boots = simulation.between(1, 3); boots > 0; boots -= 1) {
      if (!lost.isUp) lost.boot(simulation.between(100, 3_000), simulation.between(100, 3_000));
      simulation.count('boot-after-failover');
      for (let times = simulation.between(0, 3); times > 0; times -= 1)
        commandAt(world, simulation.between(0, 3 * minute), aroundReturn(world, lost), fault);
      if (simulation.chance(0.2)) mishapAt(world, simulation.between(0, 5 * minute));
      await simulation.pass(
        simulation.between(5_000, simulation.pick([minute, 9 * minute, 30 * minute])),
      );
      if (simulation.chance(0.3)) lost.link = simulation.pick([whole, cut]);
      if (simulation.chance(0.3)) lost.shutDown();
      else lost.crash();
      if (simulation.chance(0.4))
        commandAt(
          world,
          simulation.between(0, minute),
          { verb: 'failover', host: lost.name, statement: 'powered-off' },
          fault,
        );
      await simulation.pass(
        simulation.between(2_000, simulation.pick([minute, 9 * minute, 30 * minute])),
      );
    }
    lost.boot(simulation.between(100, 3_000), simulation.between(100, 3_000));
    await simulation.pass(simulation.between(minute, hour));
  },

  /**
   * Accounts leave the fleet, or come back into it, while the host that had them is away; strangers
   * use what was exported.
   */
  left: async (world: World) => {
    const { simulation } = world;
    await placedAndKept(world);
    const lost = simulation.pick(world.hosts);
    const fault = simulation.pick([0, 0.05]);
    if (simulation.chance(0.8)) await failOver(world, lost, fault);
    else lost.link = cut;
    for (const account of world.accounts.filter(() => simulation.chance(0.7))) {
      const verb = simulation.pick(['export', 'export', 'remove'] as const);
      simulation.count('leaves-around-failover');
      const problem = await world.command({ verb, account }, { fateOf: fates(simulation, fault) });
      if (problem === null && verb === 'export') strangeAt(world, account);
      if (simulation.chance(0.3))
        commandAt(world, simulation.between(minute, hour), { verb: 'import', account }, 0);
    }
    await simulation.pass(simulation.between(1_000, hour));
    lost.link = simulation.chance(0.8) ? whole : cut;
    lost.boot(simulation.between(100, 3_000), simulation.between(100, 3_000));
    for (let times = simulation.between(0, 4); times > 0; times -= 1)
      commandAt(world, simulation.between(0, hour), aroundReturn(world, lost), fault);
    await simulation.pass(simulation.between(minute, hour));
    mishaps['reboot-again'](world, lost, simulation.branch('the reboots'));
    await simulation.pass(30 * minute);
  },

  /**
   * A machine stands still for so long that it is failed over, and then goes on in the same boot.
   */
  asleep: async (world: World) => {
    const { simulation } = world;
    // One that does not ask before it connects can be kept by no software.
    for (const host of world.hosts) host.luck = { ...host.luck, isCustomWorker: false };
    await placedAndKept(world);
    const lost = simulation.pick(world.hosts);
    const how = simulation.pick(['suspend', 'pause'] as const);
    simulation.count(how);
    lost.standStill(how);
    await simulation.pass(untilBelieved + simulation.between(0, hour));
    await world.tell(
      { verb: 'failover', host: lost.name, statement: 'powered-off' },
      { fateOf: fates(simulation, 0.03) },
    );
    await simulation.pass(simulation.between(1_000, 2 * hour));
    if (simulation.chance(0.5)) lost.link = cut;
    lost.goOn();
    for (let times = simulation.between(0, 3); times > 0; times -= 1)
      commandAt(world, simulation.between(0, 5 * minute), aroundReturn(world, lost), 0.03);
    if (simulation.chance(0.3)) mishapAt(world, simulation.between(0, 5 * minute));
    await simulation.pass(simulation.between(minute, hour));
  },

  /**
   * The one will never boot again, the other one is off and comes back; or the second is only cut
   * off.
   */
  'two-lost': async (world: World) => {
    const { simulation } = world;
    await placedAndKept(world);
    simulation.count('two-lost');
    const [burnt, off] = world.hosts.toSorted(() => simulation.between(0, 1) * 2 - 1);
    if (burnt === undefined || off === undefined) return;
    const fault = simulation.pick([0, 0.05]);
    burnt.crash();
    world.gone.add(burnt.name);
    const isOff = world.hosts.length > 2 && simulation.chance(0.7);
    if (isOff) off.crash();
    else off.link = cut;
    const burntAtMs = simulation.between(0, 30 * minute);
    commandAt(
      world,
      burntAtMs,
      { verb: 'failover', host: burnt.name, statement: 'destroyed' },
      fault,
    );
    commandAt(world, burntAtMs + simulation.between(0, 2 * minute), { verb: 'resume' }, fault);
    if (isOff) {
      commandAt(
        world,
        untilBelieved + simulation.between(0, 10 * minute),
        { verb: 'failover', host: off.name, statement: 'powered-off' },
        fault,
      );
      bootLater(world, off, simulation, untilBelieved + simulation.between(0, hour));
    }
    for (let times = simulation.between(0, 4); times > 0; times -= 1)
      commandAt(world, simulation.between(0, hour), aroundReturn(world, off), fault);
    await simulation.pass(simulation.between(hour, 2 * hour));
    off.link = whole;
    if (isOff) mishaps['reboot-again'](world, off, simulation.branch('the reboots'));
    await simulation.pass(10 * minute);
  },

  /**
   * The fence does nothing, or nobody can ask it; or somebody switches the machine on before
   * anything was given to others: a survey was incomplete, the
   * command was killed. Later than that no software can know.
   */
  'bad-fence': async (world: World) => {
    const { simulation } = world;
    await placedAndKept(world);
    simulation.count('bad-fence');
    const lost = simulation.pick(world.hosts);
    const other = simulation.pick(world.hosts.filter((host) => host !== lost));
    lost.link = cut;
    world.fences = { fails: simulation.chance(0.2), isUnknown: simulation.chance(0.2) };
    if (simulation.chance(0.5))
      mishaps['cut-link'](world, other, simulation.branch('another is cut off, too'));
    commandAt(
      world,
      simulation.between(0, 20_000),
      { verb: 'failover', host: lost.name, statement: 'fenced' },
      simulation.pick([0, 0.12]),
    );
    simulation.at(simulation.between(5_000, 9 * minute), () => switchOnEarly(world, lost));
    for (let times = simulation.between(1, 6); times > 0; times -= 1)
      commandAt(world, simulation.between(20_000, 10 * minute), someReturnVerb(world, lost), 0.03);
    simulation.at(simulation.between(0, 3 * minute), () => {
      world.fences = { fails: false, isUnknown: false };
    });
    await simulation.pass(40 * minute);
    lost.link = whole;
    lost.boot();
    await simulation.pass(minute);
  },

  /**
   * "Are you sure?" is answered after minutes, in which the host came back, was heard, and died
   * again.
   */
  prompt: async (world: World) => {
    const { simulation } = world;
    await placedAndKept(world);
    simulation.count('waiting-prompt');
    const lost = simulation.pick(world.hosts);
    lost.crash();
    await simulation.pass(untilBelieved + simulation.between(0, 10 * minute));
    const promptMs = simulation.between(2 * minute, 40 * minute);
    const statement = simulation.pick(['powered-off', 'powered-off', 'fenced'] as const);
    const chance = simulation.branch('the process');
    const stoppedMs = chance.chance(0.4) ? chance.between(1_000, 30 * minute) : 0;
    if (chance.chance(0.3)) await sayTooEarly(world, lost, chance);
    world.start(
      { verb: 'failover', host: lost.name, statement, promptMs, stoppedMs },
      { withLock: simulation.chance(0.5) },
    );
    if (stoppedMs > 0)
      stepClockAround(world, chance, [promptMs - minute, promptMs + stoppedMs / 2]);
    const backAtMs = simulation.between(1_000, promptMs - minute);
    bootLater(world, lost, simulation, backAtMs);
    for (let times = simulation.between(0, 3); times > 0; times -= 1)
      commandAt(world, backAtMs + simulation.between(0, minute), aroundReturn(world, lost), 0.03);
    simulation.at(promptMs - simulation.between(1_000, 50_000), () => lost.crash());
    await simulation.pass(promptMs + stoppedMs + 30_000);
    lost.link = simulation.pick([whole, cut]);
    lost.boot();
    await simulation.pass(simulation.between(minute, 10 * minute));
  },

  /**
   * The disk of a host is put back to what it was some minutes ago, when it still had its accounts;
   * or a machine of the same identity boots from an image
   * of that time. No way leads to the operator, and the last contact is younger than `hold.after`.
   */
  young: async (world: World) => {
    const { simulation } = world;
    await placed(world);
    const host = simulation.pick(world.hosts);
    const isClone = simulation.chance(0.4);
    simulation.count(isClone ? 'same-identity' : 'young-rollback');
    const clone = isClone ? world.clone(host, 'everything') : null;
    const disk = world.snapshotDisk(host);
    await simulation.pass(simulation.between(0, minute));
    for (const verb of [{ verb: 'drain', host: host.name }, { verb: 'sweep' }] as const)
      await world.tell(verb, { fateOf: fates(simulation, 0.03) });
    await simulation.pass(simulation.between(2 * minute, 7 * minute));
    const machine = clone ?? host;
    if (clone === null) {
      host.crash();
      world.restoreDisk(host, disk);
    }
    machine.link = cut;
    machine.boot();
    await simulation.pass(simulation.between(minute, 10 * minute));
    clone?.crash();
    if (simulation.chance(0.5)) mishapAt(world, simulation.between(0, minute));
    await simulation.pass(2 * minute);
  },

  /**
   * fleet's files on a host come back from a backup, or go, while accounts run; or the host has
   * booted without any of them.
   */
  files: async (world: World) => {
    const { simulation } = world;
    await placed(world);
    const host = simulation.pick(world.hosts);
    simulation.count('restored-files');
    const backup = world.placeFor('backup');
    host.backUpFiles(backup);
    await world.tell({ verb: 'drain', host: host.name }, { fateOf: fates(simulation, 0.03) });
    if (simulation.chance(0.5)) await world.tell({ verb: 'sweep' });
    if (simulation.chance(0.7)) {
      host.shutDown();
      if (simulation.chance(0.5)) host.removeFiles();
      host.boot();
      await simulation.pass(30_000);
    }
    host.restoreFiles(backup);
    for (const account of world.accounts) host.units.start(keyIds[account] ?? '');
    for (let times = simulation.between(0, 3); times > 0; times -= 1)
      commandAt(world, simulation.between(0, 5 * minute), aroundReturn(world, host), 0.03);
    await simulation.pass(simulation.between(minute, 10 * minute));
    world.isLedgerOld = true;
  },

  /**
   * The ledger is lost; the operator writes a new inventory, forgets a host that runs accounts, and
   * adopts.
   */
  forgotten: async (world: World) => {
    const { simulation } = world;
    await placed(world);
    simulation.count('forgotten-host');
    world.ledgerPath = await world.secondLedger({
      hosts: world.hosts.length - 1,
      accounts: world.accounts.length,
    });
    world.forgetLastHost();
    const verbs: Verb[] = [
      { verb: 'adopt' },
      { verb: 'allocate' },
      { verb: 'sweep' },
      { verb: 'allocate' },
    ];
    for (const verb of verbs) {
      await world.tell(verb, { fateOf: fates(simulation, 0.03) });
      await simulation.pass(simulation.between(1_000, 10 * minute));
    }
    if (simulation.chance(0.3)) mishapAt(world, simulation.between(0, minute));
    await simulation.pass(minute);
    world.isLedgerOld = true;
  },

  /**
   * Another program has told the hosts another `hold.after`, of which the ledger knows nothing;
   * then a host is lost.
   */
  settings: async (world: World) => {
    const { simulation } = world;
    await placedAndKept(world);
    const lost = simulation.pick(world.hosts);
    setAnew(world, lost);
    if (simulation.chance(0.7)) await world.tell({ verb: 'sweep' });
    await failOver(world, lost, 0.03);
    lost.link = simulation.pick([whole, cut]);
    lost.boot();
    await simulation.pass(simulation.between(minute, hour));
  },
} as const satisfies Readonly<Record<string, (world: World) => Promise<void>>>;

/**
 * It is back and has been heard, dies again, and is said to be off at once, by a clock that is set
 * to and fro around the serial of that command.
 */
async function sayTooEarly(world: World, lost: ModelHost, chance: Chance): Promise<void> {
  const { simulation } = world;
  lost.boot();
  await simulation.pass(chance.between(5_000, minute));
  await world.tell({ verb: 'sweep' });
  lost.crash();
  const stepMs = chance.between(30 * minute, 4 * hour);
  world.stepOperatorClock(stepMs);
  const [promptMs, stoppedMs] = [chance.between(1_000, minute), chance.between(1_000, minute)];
  world.start({ verb: 'failover', host: lost.name, statement: 'powered-off', promptMs, stoppedMs });
  if (chance.chance(0.8))
    simulation.at(promptMs - 500, () => world.stepOperatorClock(-world.operatorClockMs));
  if (chance.chance(0.8))
    simulation.at(promptMs + stoppedMs - 500, () =>
      world.stepOperatorClock(stepMs - world.operatorClockMs),
    );
  await simulation.pass(3 * minute);
  simulation.count('operator-clock');
}

/** At each of these moments, from now. */
function stepClockAround(world: World, chance: Chance, momentsMs: readonly number[]): void {
  for (const atMs of momentsMs) {
    if (!chance.chance(0.6)) continue;
    world.later(atMs, () => {
      world.simulation.count('operator-clock');
      world.stepOperatorClock(chance.between(-2 * hour, 2 * hour));
    });
  }
}

/** `init` of a pipeline, with its own idea of `hold.after`. */
function setAnew(world: World, host: ModelHost): void {
  world.simulation.count('changed-settings');
  mishaps['changed-settings'](world, host, world.simulation.branch('the settings'));
}

/** It loses its power; once that can be believed, the operator says so. */
async function failOver(world: World, lost: ModelHost, fault: number): Promise<void> {
  const { simulation } = world;
  lost.crash();
  await simulation.pass(untilBelieved + simulation.between(0, 10 * minute));
  await world.tell(
    { verb: 'failover', host: lost.name, statement: 'powered-off' },
    { fateOf: fates(simulation, fault) },
  );
  await simulation.pass(simulation.between(1_000, simulation.pick([minute, hour])));
}

function strangeAt(world: World, account: string): void {
  world.simulation.at(world.simulation.between(1_000, 10 * minute), async () => {
    const isOut = (await world.read()).accounts.some(
      ({ name, state }) => name === account && state === 'detached',
    );
    if (!isOut) return;
    world.simulation.count('stranger');
    world.dataCentre.strange(keyIds[account] ?? '');
  });
}

/** Not when something of it is elsewhere already, or may be granted at this very moment. */
function switchOnEarly(world: World, lost: ModelHost): void {
  if (lost.isUp || world.simulation.nowMs < world.askedFenceAtMs + minute) return;
  const isElsewhere = world.hosts.some(
    (host) => host !== lost && host.claimsOf().some((keyId) => lost.claimsOf().includes(keyId)),
  );
  if (isElsewhere) return;
  world.simulation.note('somebody switches it on');
  lost.boot();
}

function someReturnVerb(world: World, lost: ModelHost): Verb {
  const { simulation } = world;
  return simulation.pick<Verb>([
    { verb: 'sweep' },
    { verb: 'resume' },
    { verb: 'allocate' },
    { verb: 'failover', host: lost.name, statement: 'fenced' },
    someMove(world),
  ]);
}

function aroundReturn(world: World, lost: ModelHost): Verb {
  const { simulation } = world;
  const account = simulation.pick(world.accounts);
  return simulation.pick<Verb>([
    { verb: 'move', account, host: lost.name },
    { verb: 'move', account, host: simulation.pick(world.hosts).name },
    { verb: 'start', account },
    { verb: 'allocate' },
    { verb: 'sweep' },
    { verb: 'sweep' },
    { verb: 'resume' },
    { verb: 'status' },
    { verb: 'rebalance' },
    { verb: 'stop', account },
  ]);
}

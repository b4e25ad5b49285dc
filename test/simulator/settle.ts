import type { FleetError } from '../../src/model/errors.ts';
import { goodLuck } from './model/model-host.ts';
import type { World } from './world.ts';

const rounds = 6;

/**
 * Ends all faults, gives late messages their time, then does what an operator does until nothing is
 * left to be done: adopt where the ledger is not the
 * one that hosts obey, say which machines are gone for good, let a sweep carry on what stands open,
 * start what stands still. Checks that everything is
 * as it should be.
 */
export async function settle(world: World): Promise<void> {
  endFaults(world);
  await world.simulation.pass(200_000);
  world.simulation.note('--- the faults are over');
  if (world.isLedgerOld) {
    // Programs come before what is told to them; the sweep says so where the ledger is the hosts'
    // own.
    await upgradeAll(world);
    for (const host of world.gone)
      await world.command({ verb: 'failover', host, statement: 'destroyed' });
    const problem = await adopt(world);
    if (problem !== null) world.simulation.violate(`adopt: ${problem.message}`);
    await importStrangers(world);
  }
  await initTakenOff(world);
  await world.uncordonAll();
  for (let round = 0; round < rounds; round += 1) {
    if (await isDoneAfterRound(world)) break;
    await world.simulation.pass(60_000);
  }
  await world.checkSettled();
}

/** `fleet init` of hosts that still have the release before. */
async function upgradeAll(
  world: World,
  names: readonly string[] = world.hosts.map(({ name }) => name),
): Promise<void> {
  const hosts = world.hosts.filter(
    (host) => names.includes(host.name) && !world.gone.has(host.name),
  );
  for (const host of hosts.filter(
    ({ programs, agentPrograms }) => programs.isBefore || agentPrograms.isBefore,
  ))
    await world.command({ verb: 'init', host: host.name });
}

/** `fleet init` of hosts that fleet was taken off, wholly or in part. */
async function initTakenOff(world: World): Promise<void> {
  for (const host of world.hosts.filter(({ name }) => !world.gone.has(name)))
    if (!host.hasPrograms || !(await world.knows(host.name)))
      await world.command({ verb: 'init', host: host.name });
}

/**
 * A host runs what this ledger has removed without knowing that it was placed: adopt says to import
 * that session, and to adopt again.
 */
async function importStrangers(world: World): Promise<void> {
  if (world.strangers.length === 0) return;
  for (const account of world.strangers) await world.command({ verb: 'import', account });
  await world.command({ verb: 'adopt' });
  for (const account of world.strangers)
    world.simulation.violate(`adopt still finds ${account} without a session`);
}

function endFaults(world: World): void {
  world.isCalm = true;
  world.leadsTo.clear();
  world.killControllers();
  world.fences = { fails: false, isUnknown: false };
  world.inventory = world.wholeInventory;
  for (const host of world.hosts) {
    host.link = { hears: true, isHeard: true };
    host.disk = 'good';
    host.isClockSynchronized = true;
    host.isAgentUp = true;
    host.stallMs = 0;
    host.luck = { ...goodLuck, isCustomWorker: host.luck.isCustomWorker };
    host.configure({});
    host.units.thawAll();
    host.units.endRemains();
    host.units.dropIns.clear();
    host.mendWay();
    host.goOn();
    if (!world.gone.has(host.name)) host.boot();
  }
  for (const machine of world.machines) if (!world.hosts.includes(machine)) machine.crash();
  world.stepOperatorClock(-world.operatorClockMs);
}

/** Hosts with other hardware are what they were: copies of them have no way to the operator. */
async function adopt(world: World, hints = world.hints): Promise<FleetError | null> {
  const replaced = world.hosts
    .map(({ name }) => name)
    .filter((name) => hints.some((hint) => hint.includes(`--replaced ${name}`)));
  const problem = await world.command({ verb: 'adopt', replaced });
  return problem === null && world.doubted.length > 0
    ? world.command({ verb: 'adopt', replaced: world.doubted })
    : problem;
}

/**
 * Whether the sweep of this round found everything as it should be, and nothing was left to do for
 * the operator.
 */
async function isDoneAfterRound(world: World): Promise<boolean> {
  const found = await world.read();
  await world.command({ verb: 'sweep' });
  const { hints, remedies } = world;
  const unready = world.hosts.filter(({ name }) =>
    [...hints, ...remedies].some((hint) => hint.includes(`fleet init --limit ${name}`)),
  );
  for (const host of unready) host.repair();
  await upgradeAll(
    world,
    unready.map(({ name }) => name),
  );
  // What only the operator can know, the sweep asks for in a hint.
  if (hints.some((hint) => hint.includes('fleet adopt'))) await adopt(world, hints);
  const before = await world.read();
  for (const host of world.gone) {
    const isOwner = before.accounts.some((account) => account.host === host);
    if (isOwner || !before.destroyed.includes(host))
      await world.command({ verb: 'failover', host, statement: 'destroyed' });
  }
  for (const { name } of before.accounts) await importAgain(world, name);
  await logInAgain(world, before);
  // Somebody with another ledger has taken it out of the fleet; fleet adopt has said so.
  const removed = before.accounts
    .map(({ name }) => name)
    .filter((name) => world.vault.removed.has(name));
  for (const account of new Set([...before.leaving, ...removed]))
    await removeAccount(world, account);
  const waiting = before.accounts.filter(
    ({ host, state }) => host === null && state !== 'detached',
  );
  // That it finds nothing to do where nothing waits for a host is seen often enough in every fifth
  // schedule.
  if (waiting.length > 0 || world.simulation.seed % 5 === 0)
    await world.command({ verb: 'allocate' });
  // What the operator has stopped, only he starts.
  const stopped = waiting
    .filter(({ wanted, state }) => wanted === 0 && state === 'stored')
    .map(({ name }) => name);
  if (stopped.length > 0) await world.command({ verb: 'allocate', names: stopped });
  await rebootAsked(world);
  const after = await world.read();
  const idle = after.accounts.filter(
    ({ host, state }) => host !== null && state !== 'online' && state !== 'removing',
  );
  for (const { name } of idle) await world.command({ verb: 'start', account: name });
  const isAtRest = [found, after].every((each) => JSON.stringify(each) === JSON.stringify(before));
  // What the way of a moved account has left behind is for the sweep after the one that has ended
  // the move.
  return (
    isAtRest &&
    after.openMoves.length === 0 &&
    after.logins.length === 0 &&
    idle.length === 0 &&
    isQuiet(world)
  );
}

/**
 * Hosts whose machine is another one than at their boot are rebooted, where the last command asked
 * for it.
 */
async function rebootAsked(world: World): Promise<void> {
  const asked = world.hosts.filter(({ name }) =>
    world.hints.some((hint) => hint.includes(`fleet reboot ${name}`)),
  );
  for (const host of asked) {
    host.crash();
    await world.simulation.pass(10_000);
    host.boot();
  }
}

const dead: readonly string[] = ['needs-login', 'duplicated'];

/**
 * A login that was begun is gone on with, where it was begun or on another host where that one will
 * never boot again.
 */
async function logInAgain(
  world: World,
  { accounts, logins }: Awaited<ReturnType<World['read']>>,
): Promise<void> {
  const waiting = accounts.filter(
    ({ name, state }) => dead.includes(state) || logins.includes(name),
  );
  for (const { name } of waiting) {
    const problem = await world.command({ verb: 'login', account: name });
    const [there] = world.hosts.filter((host) => !world.gone.has(host.name));
    if (problem?.code === 'host-not-ready' && there !== undefined)
      await world.command({ verb: 'login', account: name, host: there.name });
  }
}

/**
 * The vault has lost the session of an account that the ledger knows: fleet adopt says to import it
 * again.
 */
async function importAgain(world: World, account: string): Promise<void> {
  if (world.vault.removed.has(account) || (await world.vault.list()).includes(account as never))
    return;
  await world.command({ verb: 'import', account });
}

/**
 * On its way to a host it is not removed before it has arrived, for which its session has to be
 * imported again: fleet adopt has said that, too.
 */
async function removeAccount(world: World, account: string): Promise<void> {
  const problem = await world.command({ verb: 'remove', account });
  if (problem?.code === 'in-doubt' && world.vault.removed.has(account))
    await world.command({ verb: 'import', account });
}

/** Every unit of an account is either online or not there. */
const isQuiet = (world: World): boolean =>
  world.hosts.every((host) =>
    world.allKeyIds.every((keyId) => host.units.workerOf(keyId)?.isOnline() !== false),
  );

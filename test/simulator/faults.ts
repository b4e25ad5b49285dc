import type { Verb } from './controller.ts';
import type { HostLuck, ModelHost } from './model-host.ts';
import { type CallFate, plainFate } from './model-remote.ts';
import type { Simulation } from './simulation.ts';
import { keyIds, type World } from './world.ts';

/** What chance decides inside the hosts; `isRough`: stops take long, need force, and meet somebody who starts the unit again. */
export const luckOf = (simulation: Simulation, rough: boolean): HostLuck => {
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
export function commandAt(world: World, delayMs: number, verb: Verb, fault: number, ledgerPath?: string, withLock = false): void {
  const { simulation } = world;
  const queriesLeft = simulation.chance(fault) ? { queriesLeft: simulation.between(1, 60) } : {};
  simulation.at(delayMs, async () => {
    const started = world.start(verb, {
      fateOf: fates(simulation, fault),
      withLock,
      ...queriesLeft,
      ...(ledgerPath === undefined ? {} : { ledgerPath }),
    });
    if (verb.verb === 'import') await world.lastWork;
    if (simulation.chance(fault))
      simulation.at(simulation.between(10, 3_000), () => started.controller.sleep(simulation.between(1_000, 120_000)));
  });
}

export function someVerb({ simulation, accounts }: World): Verb {
  const account = simulation.pick(accounts);
  const verb = simulation.pick(['allocate', 'allocate', 'stop', 'start', 'remove', 'export', 'import', 'status'] as const);
  return verb === 'allocate' || verb === 'status' ? { verb } : { verb, account };
}

/** One of the things that happen to servers, at some moment. */
export function mishapAt(world: World, delayMs: number): void {
  const { simulation } = world;
  const host = simulation.pick(world.hosts);
  const happen = simulation.pick([powerCycle, cutLink, stepClock, spoilDisk, crashWorker, dropConnection, blockLock, stopAgent]);
  simulation.at(delayMs, () => happen(world, host));
}

/** A machine of which was said meanwhile that it will never boot again does not. */
function powerCycle({ simulation, gone }: World, host: ModelHost): void {
  host.crash();
  const [sshMs, holdMs] = [simulation.between(100, 3_000), simulation.between(100, 3_000)];
  simulation.at(simulation.between(2_000, simulation.pick([30_000, 1_200_000])), () => {
    if (!gone.has(host.name)) host.boot(sshMs, holdMs);
  });
}

export function cutLink({ simulation }: World, host: ModelHost): void {
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

function crashWorker({ simulation, accounts }: World, host: ModelHost): void {
  const keyId = keyIds[simulation.pick(accounts)] ?? '';
  host.units.crash(keyId, simulation.chance(0.3));
}

function dropConnection({ dataCentre }: World): void {
  dataCentre.dropOne();
}

/** Accounts run on, claims are obeyed; only nobody reports. */
function stopAgent({ simulation }: World, host: ModelHost): void {
  host.isAgentUp = false;
  simulation.note(`${host.name} agent is stopped`);
  simulation.at(simulation.between(1_000, 300_000), () => {
    host.isAgentUp = true;
  });
}

/** A helper that hangs in the kernel with its locks: acts on the account, or a new serial, have to wait or are refused. */
function blockLock({ simulation, accounts }: World, host: ModelHost): void {
  if (!host.isUp) return;
  const keyId = keyIds[simulation.pick(accounts)] ?? '';
  const stuck = host.spawn('a helper that hangs');
  const lock = simulation.chance(0.5) ? `${keyId}.act` : 'authority.act';
  if (!host.takeLock(stuck, `${host.places.locks}/${lock}`, true)) return;
  simulation.note(`${host.name} ${lock} is held`);
  simulation.at(simulation.between(1_000, 150_000), () => host.end(stuck));
}

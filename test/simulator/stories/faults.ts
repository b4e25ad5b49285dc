import type { Verb } from '../controller.ts';
import type { HostLuck } from '../model/model-host.ts';
import { type CallFate, plainFate } from '../model/model-remote.ts';
import type { Chance, Simulation } from '../simulation.ts';
import type { World } from '../world.ts';
import { mishaps } from './mishaps.ts';

/**
 * What chance decides inside the hosts; `isRough`: stops take long, need force, leave something
 * behind, and meet somebody who starts the unit again.
 */
export const luckOf = (simulation: Simulation, name: string, isRough: boolean): HostLuck => {
  const chance = simulation.branch(`luck of ${name}`);
  return {
    isCustomWorker: chance.chance(0.5),
    stopNeedsKill: () => chance.chance(isRough ? 0.3 : 0.1),
    stopLagMs: () => (chance.chance(isRough ? 0.5 : 0.05) ? chance.between(500, 20_000) : 0),
    leavesBehind: () =>
      chance.chance(isRough ? 0.15 : 0.02)
        ? {
            where: chance.pick(['cgroup', 'elsewhere'] as const),
            forMs: chance.between(500, 300_000),
          }
        : null,
    stubbornMs: () => (chance.chance(isRough ? 0.1 : 0.01) ? chance.between(1_000, 400_000) : 0),
    afterStop: (host, keyId, helper) => {
      // Somebody's `systemctl start`, at the worst moment: between the proof of the stop and its
      // record.
      if (helper === undefined || !chance.chance(isRough ? 0.5 : 0.05)) return;
      helper.onWrite = () => {
        if (host.units.show(keyId).activeState !== 'inactive') return;
        helper.onWrite = null;
        simulation.note(`${host.name} somebody starts ${keyId.slice(0, 4)}`);
        host.units.start(keyId);
      };
    },
  };
};

/** Fates of the calls of one command, of which about one in `1 / fault` goes wrong. */
export const fates = (
  simulation: Simulation,
  fault: number,
  name = simulation.nameOf('fates'),
): (() => CallFate) => {
  const chance = simulation.branch(name);
  let calls = 0;
  return () => {
    calls += 1;
    const slow = chance.chance(0.05) ? 60 : 1;
    const plain = {
      ...plainFate,
      requestMs: chance.between(5, 300) * slow,
      replyMs: chance.between(5, 300) * slow,
    };
    if (!chance.chance(fault)) return plain;
    const { kind, ...fate } = badFate(chance);
    if (!simulation.happens(`${name}/call-${calls}`)) return plain;
    if (kind !== null) simulation.count(kind);
    return { ...plain, ...fate };
  };
};

/** One in six late messages is later than anything that the operator's side waits for. */
function badFate(chance: Chance): Partial<CallFate> & { readonly kind: 'late-message' | null } {
  const isVeryLate = chance.chance(0.17);
  const lateMs = isVeryLate ? chance.between(150_000, 900_000) : chance.between(500, 150_000);
  const late = isVeryLate ? ('late-message' as const) : null;
  const helperWrites = chance.between(0, 40);
  return chance.pick<Partial<CallFate> & { readonly kind: 'late-message' | null }>([
    { kind: null, kill: 'before' },
    { kind: null, kill: 'after' },
    { kind: null, request: 'lost' },
    { kind: late, request: 'late', lateMs },
    { kind: late, request: 'twice', lateMs },
    { kind: null, reply: 'lost' },
    { kind: null, helperWrites },
    { kind: null, helperWrites, powerLost: true },
  ]);
}

/**
 * A command of the operator at some moment; importing waits for real I/O and therefore happens at
 * once.
 */
export function commandAt(
  world: World,
  delayMs: number,
  verb: Verb,
  fault: number,
  ledgerPath?: string,
  withLock = false,
): void {
  const { simulation } = world;
  const name = simulation.nameOf(verb.verb);
  const chance = simulation.branch(`${name} dies`);
  const queriesLeft = chance.chance(fault) ? { queriesLeft: chance.between(1, 60) } : {};
  simulation.at(delayMs, async () => {
    if (world.isCalm || !simulation.happens(name)) return;
    const started = world.start(verb, {
      fateOf: fates(simulation, fault, name),
      withLock,
      ...queriesLeft,
      ...(ledgerPath === undefined ? {} : { ledgerPath }),
    });
    if (verb.verb === 'import') await world.lastWork;
    if (chance.chance(fault))
      simulation.at(chance.between(10, 3_000), () =>
        started.controller.sleep(chance.between(1_000, 120_000)),
      );
  });
}

export function someVerb({ simulation, accounts }: World): Verb {
  const account = simulation.pick(accounts);
  const verb = simulation.pick([
    'allocate',
    'allocate',
    'stop',
    'start',
    'remove',
    'export',
    'import',
    'status',
  ] as const);
  return verb === 'allocate' || verb === 'status' ? { verb } : { verb, account };
}

type MishapKind = keyof typeof mishaps;
const allMishaps = Object.keys(mishaps) as readonly MishapKind[];

/** What the release before stands, too: the other kinds are what today's programs were made for. */
export const plainMishaps = [
  ...([
    'power-loss',
    'cut-link',
    'step-clock',
    'spoiled-disk',
    'crashed-worker',
    'dropped-connection',
    'held-lock',
  ] as const),
  ...(['stopped-agent', 'reboot-again', 'frozen-unit', 'lost-commit', 'lost-vault-write'] as const),
] as const satisfies readonly MishapKind[];

const isPlain = (kind: MishapKind): boolean => plainMishaps.some((plain) => plain === kind);

/** One of the things that happen to servers, at some moment. */
export function mishapAt(
  world: World,
  delayMs: number,
  kinds: readonly MishapKind[] = allMishaps,
): void {
  const { simulation } = world;
  const host = simulation.pick(world.hosts);
  const kind = simulation.pick(kinds);
  const name = simulation.nameOf(kind);
  simulation.at(delayMs, () => {
    if (
      world.isCalm ||
      (!isPlain(kind) && world.hosts.some((each) => each.hasProgramsBefore())) ||
      !simulation.happens(name)
    )
      return;
    if (kind !== 'power-loss') simulation.count(kind);
    mishaps[kind](world, host, simulation.branch(name));
  });
}

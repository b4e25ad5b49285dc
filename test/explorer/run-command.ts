import { adopt } from './commands-adopt.ts';
import { failover } from './commands-failover.ts';
import { allocate, startOwned } from './commands-grant.ts';
import { exportAccount, importAccount, moveAccount } from './commands-move.ts';
import { resumeMoves, sweep } from './commands-sweep.ts';
import {
  askAsAuthority,
  beginRun,
  type Effect,
  Failed,
  fail,
  type Steps,
  setHost,
  write,
} from './effects.ts';
import { announcedForMs, Helper, losePower, nowMs } from './host.ts';
import type { Rules } from './rules.ts';
import {
  type Age,
  type Command,
  copyWorld,
  type Fault,
  type Given,
  type Host,
  type HostRow,
  type Ledger,
  machineAt,
  newName,
  type PausedCommand,
  type World,
} from './world.ts';

/** Rare things that a scope admits. */
export interface Faults {
  /**
   * Replies are lost, requests are lost, helpers and commands are killed, machines lose power under
   * them.
   */
  readonly crashes: boolean;
  /**
   * Commands stand still between two effects while the world goes on: all of them, or those of one
   * kind.
   */
  readonly pauses: boolean | Command['verb'];
  /** Requests arrive late, or twice. */
  readonly late: boolean;
}

export type Emit = (world: World, words: string) => void;

const stepsOf = (rules: Rules, { command }: PausedCommand): Steps<void> => {
  switch (command.verb) {
    case 'allocate':
      return allocate(rules, command.host);
    case 'reboot':
      return announceReboot(rules, command.host);
    case 'init':
      return init(rules, command.host);
    case 'sweep':
      return sweep(rules);
    case 'resume':
      return resumeMoves(rules);
    case 'adopt':
      return adopt(rules);
    case 'move':
      return moveAccount(rules, command.account, command.host);
    case 'start':
      return startAccount(rules, command.account);
    case 'export':
      return exportAccount(rules, command.account);
    case 'import':
      return importAccount(command.account);
    case 'failover':
      return failover(rules, command);
  }
};

function* startAccount(rules: Rules, account: number): Steps<void> {
  const run = yield* beginRun(rules);
  yield* startOwned(run, account);
}

/**
 * The programs first, with whatever runs; then the first contact, which tells the host what is its
 * own.
 */
function* init(rules: Rules, host: number): Steps<void> {
  yield { kind: 'connect', host };
  yield {
    ...{ kind: 'shell', host, words: 'new programs' },
    act: (found: Host) => {
      found.isOld = false;
    },
  };
  const run = yield* beginRun(rules);
  yield* askAsAuthority(run, host, 'contact', [{ act: 'contact' }]);
}

/**
 * `announceReboot`: journal first, then the host. That it reboots is an event of its own, which may
 * come later, twice, or never.
 */
function* announceReboot(rules: Rules, host: number): Steps<void> {
  const run = yield* beginRun(rules);
  yield* write('journals the announcement', (ledger, world) => {
    const row = ledger.hosts[host] as HostRow;
    const announcedAhead =
      row.announced === null ? 0 : Math.min(0, row.announced + row.announcedAhead);
    setHost(ledger, host, {
      announced: 0,
      announcedAhead,
      mark: newName(world, 'c'),
      off: null,
      isDestroyed: false,
    });
  });
  const [reply] = yield* askAsAuthority(run, host, 'announce', [
    { act: 'announce', id: run.nonce, untilMs: nowMs + announcedForMs },
  ]);
  if (reply?.ok !== true) throw fail('refused', `the announcement was refused: ${reply?.message}`);
}

/** One command from where it stands, with everything that may come between two of its effects. */
export class CommandRunner {
  readonly #rules: Rules;
  readonly #faults: Faults;
  readonly #emit: Emit;
  /** Whether this world must never be; asked after each effect. */
  readonly #isWrong: (world: World) => boolean;

  constructor(rules: Rules, faults: Faults, isWrong: (world: World) => boolean, emit: Emit) {
    this.#rules = rules;
    this.#faults = faults;
    this.#isWrong = isWrong;
    this.#emit = emit;
  }

  /** `world` is not changed. */
  run(world: World, command: PausedCommand): void {
    this.#go(
      copyWorld(world),
      { ...command, log: [...command.log], connections: [...command.connections] },
      '',
    );
  }

  #go(world: World, command: PausedCommand, words: string): void {
    const steps = stepsOf(this.#rules, command);
    const log = command.log as Given[];
    const connections = command.connections as (string | null)[];
    const atStart = log.length;
    try {
      let next = replay(steps, log);
      while (next.done !== true) {
        const effect = next.value;
        if (effect.kind === 'order') this.#orders(world, command, effect.hosts, words);
        else if (world.faultsLeft > 0)
          this.#mayFail(world, command, effect, words, log.length > atStart || words !== '');
        const given = this.#perform(world, effect, command.ledger, connections);
        log.push(given);
        if (effect.kind !== 'ledger' && this.#isWrong(world)) {
          this.#emit(world, `${words}; it goes as far as: ${wordsOf(effect)}`);
          return;
        }
        next = feed(steps, given);
      }
      this.#emit(world, words);
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
      this.#emit(world, `${words} and it gives up (${error.message})`);
    }
  }

  /** Which host hears first matters only when something comes between. */
  #orders(world: World, command: PausedCommand, hosts: readonly number[], words: string): void {
    if (world.faultsLeft === 0) return;
    for (let first = 1; first < hosts.length; first += 1) {
      const order = [...hosts.slice(first), ...hosts.slice(0, first)];
      this.#go(copyWorld(world), fork(command, { value: order }), words);
    }
  }

  #mayFail(
    world: World,
    command: PausedCommand,
    effect: Effect,
    words: string,
    hasBegun: boolean,
  ): void {
    const isLook = effect.kind === 'ledger' && effect.isLook;
    if (isLook) return;
    const before = `before step ${command.log.length} (${wordsOf(effect)})`;
    if (hasBegun && this.#faults.crashes) this.#emit(rarer(world), `${words}; killed ${before}`);
    if (this.#faults.pauses === true || this.#faults.pauses === command.command.verb) {
      const stands = rarer(world);
      stands.paused = { ...command, log: [...command.log], connections: [...command.connections] };
      this.#emit(stands, `${words}; stands still ${before}`);
    }
    if (effect.kind === 'request') this.#requestMayFail(world, command, effect, words);
  }

  #requestMayFail(
    world: World,
    command: PausedCommand,
    effect: Extract<Effect, { kind: 'request' }>,
    words: string,
  ): void {
    const { host, request } = effect;
    const machine = machineAt(world, host);
    const { bootId } = world.hosts[machine] as World['hosts'][number];
    if (
      this.#rules.mechanisms.refusesOld &&
      world.hosts[machine]?.isOld === true &&
      request.stamp !== null
    )
      return;
    if (command.connections[host] !== bootId || !isReachable(world, host)) return;
    const what = `step ${command.log.length}, ${effect.words} to ${host}`;
    const variant = (text: string, act: (changed: World) => void): void => {
      const changed = rarer(world);
      act(changed);
      const soFar = `${words}; ${text}`;
      if (this.#isWrong(changed)) this.#emit(changed, soFar);
      else this.#go(changed, fork(command, { fault: lost }), soFar);
    };
    const help = (changed: World, writes?: number) =>
      new Helper(this.#rules, changed, machine, sentAge(changed, command.ledger, host), writes).run(
        request,
      );
    const { writes } = help(copyWorld(world));
    if (this.#faults.crashes) {
      variant(`the request is lost: ${what}`, () => undefined);
      variant(`the reply is lost: ${what}`, (changed) => void help(changed));
      for (let written = 1; written < writes; written += 1)
        variant(
          `the helper is killed after write ${written}: ${what}`,
          (changed) => void help(changed, written),
        );
      for (let written = 0; written <= writes; written += 1)
        variant(`the machine loses power after write ${written}: ${what}`, (changed) => {
          help(changed, written);
          losePower(changed, machine);
        });
    }
    if (this.#faults.late && request.stamp !== null) {
      const later = { host, bootId, request };
      variant(`the request is late: ${what}`, (changed) => void changed.late.push(later));
      const twice = rarer(world);
      twice.late.push(later);
      const replies = help(twice).replies ?? [];
      this.#go(
        twice,
        fork(command, { value: replies }),
        `${words}; the request will come once more: ${what}`,
      );
    }
  }

  #perform(world: World, effect: Effect, ledger: number, connections: (string | null)[]): Given {
    switch (effect.kind) {
      case 'ledger':
        return attempt(() => effect.act(world.ledgers[ledger] as Ledger, world));
      case 'connect': {
        if (!isReachable(world, effect.host))
          return { fault: { kind: 'unreachable', text: `${effect.host} does not answer` } };
        connections[effect.host] = world.hosts[machineAt(world, effect.host)]?.bootId ?? null;
        return { value: null };
      }
      case 'request': {
        const machine = machineAt(world, effect.host);
        const isRefused =
          this.#rules.mechanisms.refusesOld &&
          world.hosts[machine]?.isOld === true &&
          effect.request.stamp !== null;
        if (isRefused && isReachable(world, effect.host))
          return { fault: { kind: 'old', text: 'its programs are of an earlier fleet' } };
        const isOpen =
          connections[effect.host] === world.hosts[machine]?.bootId &&
          isReachable(world, effect.host);
        const replies = isOpen
          ? new Helper(this.#rules, world, machine, sentAge(world, ledger, effect.host)).run(
              effect.request,
            ).replies
          : null;
        return replies === null ? { fault: lost } : { value: replies };
      }
      case 'shell': {
        const machine = world.hosts[machineAt(world, effect.host)];
        if (
          machine === undefined ||
          connections[effect.host] !== machine.bootId ||
          !isReachable(world, effect.host)
        )
          return { fault: lost };
        effect.act(machine);
        return { value: null };
      }
      case 'fence':
        losePower(world, effect.host);
        return { value: null };
      case 'verify':
        return { value: world.hosts[effect.host]?.power !== 'on' };
      case 'wait':
        passLinger(world, effect.ms);
        return { value: null };
      case 'order':
        return { value: effect.hosts };
    }
  }
}

/** By the operator's clock when the request left; the host takes the earlier one of both clocks. */
const sentAge = (world: World, ledger: number, host: number): Age => {
  const intent = world.ledgers[ledger]?.hosts[host]?.intent ?? 0;
  return Math.max(0, Math.min(2, intent - world.clock)) as Age;
};

const lost: Fault = { kind: 'lost', text: 'no answer came' };

export const isReachable = (world: World, host: number): boolean => {
  const found = world.hosts[machineAt(world, host)];
  return found?.power === 'on' && found.isLinked;
};

export const passLinger = (world: World, ms: number): void => {
  for (const { linger } of world.hosts)
    for (const [account, left] of linger.entries()) linger[account] = Math.max(0, left - ms);
};

const rarer = (world: World): World => {
  const copy = copyWorld(world);
  copy.faultsLeft -= 1;
  return copy;
};

const fork = (command: PausedCommand, given: Given): PausedCommand => ({
  ...command,
  log: [...command.log, given],
  connections: [...command.connections],
});

function attempt(act: () => unknown): Given {
  try {
    return { value: act() };
  } catch (error) {
    if (error instanceof Failed) return { fault: error.fault };
    throw error;
  }
}

const feed = (steps: Steps<void>, given: Given): IteratorResult<Effect, void> =>
  'fault' in given ? steps.throw(new Failed(given.fault)) : steps.next(given.value);

function replay(steps: Steps<void>, log: readonly Given[]): IteratorResult<Effect, void> {
  let next = steps.next();
  for (const given of log) next = feed(steps, given);
  return next;
}

const wordsOf = (effect: Effect): string => {
  switch (effect.kind) {
    case 'ledger':
      return `the ledger ${effect.words}`;
    case 'connect':
      return `a connection to ${effect.host}`;
    case 'request':
    case 'shell':
      return `${effect.words} to ${effect.host}`;
    case 'wait':
      return `a wait of ${effect.ms / 1000} s`;
    default:
      return effect.kind;
  }
};

import { commandsIn, isTwice, timePasses, usersOf } from './events.ts';
import { fold } from './fold.ts';
import { hash } from './hash.ts';
import { boot, losePower } from './host.ts';
import type { Rules } from './rules.ts';
import { CommandRunner, isReachable } from './run-command.ts';
import { type Command, copyWorld, type Host, machineAt, type World } from './world.ts';

/** What helps when nothing else goes wrong; what mostly helps is tried first. */
const helpful: readonly Command['verb'][] = [
  'init',
  'sweep',
  'import',
  'allocate',
  'start',
  'failover',
  'export',
  'resume',
  'adopt',
];
/** Tried in turn: most worlds need few. */
const mostCommands: readonly number[] = [3, 6, 12];
const noFaults = { crashes: false, pauses: false, late: false } as const;

/**
 * Whether some sequence of commands brings every account online, once its hosts are repaired as far
 * as they can be. What was found out about one world is
 * kept for all those that lead to it.
 */
export class Liveness {
  readonly #rules: Rules;
  readonly #alive = new Set<number>();

  constructor(rules: Rules) {
    this.#rules = rules;
  }

  /** false: it is stuck, however many commands are given (up to {@link mostCommands} in a row). */
  isAlive(world: World): boolean {
    const start = this.#repaired(world);
    return mostCommands.some((most) => this.#leadsOn(start, new Map(), most));
  }

  /**
   * Depth first: one way is enough, and it is mostly short. `tried`: with how many commands left
   * the search has failed from a world, or is under way.
   */
  #leadsOn(world: World, tried: Map<number, number>, left: number): boolean {
    const key = hash(fold(world));
    if (this.#alive.has(key) || isWell(world)) {
      this.#alive.add(key);
      return true;
    }
    if (left === 0 || (tried.get(key) ?? -1) >= left) return false;
    tried.set(key, left);
    if (!this.#next(world, (found) => this.#leadsOn(found, tried, left - 1))) return false;
    this.#alive.add(key);
    return true;
  }

  /**
   * Links are mended, machines that can boot do, what stands still is given up, what is late comes
   * to nothing.
   */
  #repaired(world: World): World {
    const next = copyWorld(world);
    Object.assign(next, { faultsLeft: 0, paused: null });
    next.late.length = 0;
    settleCopies(next);
    for (const [index, host] of next.hosts.entries()) {
      host.isLinked = true;
      host.linger.fill(0);
      if (host.power === 'asleep') host.power = 'on';
      if (host.power === 'off') boot(this.#rules, next, index);
    }
    return next;
  }

  /** Whether a command, or time, gives a world that `leadsOn`. */
  #next(world: World, leadsOn: (found: World) => boolean): boolean {
    const connections = world.hosts.map(() => null);
    const given = commandsIn(helpful, world, 0).sort(
      (one, other) => helpful.indexOf(one.verb) - helpful.indexOf(other.verb),
    );
    const isOnItsWayOut = (account: number): boolean =>
      world.ledgers[0]?.accounts[account]?.state === 'removing';
    for (const command of given.filter(
      (each) => each.verb !== 'export' || isOnItsWayOut(each.account),
    )) {
      const found: World[] = [];
      new CommandRunner(this.#rules, noFaults, isTwice, (next) => found.push(next)).run(world, {
        command,
        ledger: 0,
        log: [],
        connections,
      });
      if (found.some((next) => !isTwice(next) && leadsOn(next))) return true;
    }
    const later: World[] = [];
    timePasses(this.#rules, world, (next) => later.push(next));
    // What cannot be put right while it runs is switched off, and failed over.
    for (const [index, { power }] of world.hosts.entries())
      if (power === 'on') {
        const next = copyWorld(world);
        losePower(next, index);
        for (const { linger } of next.hosts) linger.fill(0);
        later.push(next);
      }
    return later.some(leadsOn);
  }
}

/**
 * Where there are two of one machine, that which the ledger knows keeps the name, and the other one
 * is switched off for good.
 */
function settleCopies(world: World): void {
  for (const { copyOf, instanceId } of world.hosts) {
    if (copyOf === null) continue;
    const copy = world.hosts.length - 1;
    const known = world.ledgers[0]?.hosts[copyOf]?.instanceId;
    const isKnown = known === instanceId && known !== world.hosts[copyOf]?.instanceId;
    world.routes = world.routes.map((at, name) =>
      name === copyOf ? (isKnown ? copy : copyOf) : at,
    );
    losePower(world, isKnown ? copyOf : copy);
    Object.assign(world.hosts[isKnown ? copyOf : copy] as Host, { power: 'gone' });
  }
}

/** Every account runs once, on a host that answers, and the ledger knows where. */
const isWell = (world: World): boolean =>
  world.outside.every((isOutside, account) => {
    const row = world.ledgers[0]?.accounts[account];
    if (isOutside || row?.state !== 'online' || row.host === null || usersOf(world, account) !== 1)
      return false;
    return (
      world.hosts[machineAt(world, row.host)]?.running[account] === true &&
      isReachable(world, row.host)
    );
  });

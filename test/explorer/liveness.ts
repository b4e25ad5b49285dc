import { commandsIn, isTwice, timePasses, usersOf } from './events.ts';
import { fold } from './fold.ts';
import { hash } from './hash.ts';
import { boot } from './host.ts';
import type { Rules } from './rules.ts';
import { CommandRunner, isReachable } from './run-command.ts';
import { type Command, copyWorld, type World } from './world.ts';

/** What helps when nothing else goes wrong. */
const helpful: readonly Command['verb'][] = ['sweep', 'allocate', 'start', 'resume', 'adopt', 'export', 'import', 'failover'];
const noFaults = { crashes: false, pauses: false, late: false } as const;

/**
 * Whether some sequence of commands brings every account online, once its hosts are repaired as far as they can be. What was found out about one world is
 * kept for all those that lead to it.
 */
export class Liveness {
  readonly #rules: Rules;
  readonly #alive = new Set<number>();

  constructor(rules: Rules) {
    this.#rules = rules;
  }

  /** false: it is stuck for ever. */
  isAlive(world: World): boolean {
    const start = this.#repaired(world);
    const first = hash(fold(start));
    const parents = new Map<number, number>([[first, 0]]);
    let frontier = [{ world: start, key: first }];
    while (frontier.length > 0) {
      const next: typeof frontier = [];
      for (const { world: at, key } of frontier) {
        if (this.#alive.has(key) || isWell(at)) {
          for (let step = key; step !== 0; step = parents.get(step) ?? 0) this.#alive.add(step);
          return true;
        }
        this.#steps(at, (found) => {
          const reached = hash(fold(found));
          if (parents.has(reached)) return;
          parents.set(reached, key);
          next.push({ world: found, key: reached });
        });
      }
      frontier = next;
    }
    return false;
  }

  /** Links are mended, machines that can boot do, what stands still is given up, what is late comes to nothing. */
  #repaired(world: World): World {
    const next = copyWorld(world);
    Object.assign(next, { faultsLeft: 0, paused: null });
    next.late.length = 0;
    for (const [index, host] of next.hosts.entries()) {
      host.isLinked = true;
      host.linger.fill(0);
      if (host.power === 'asleep') host.power = 'on';
      if (host.power === 'off') boot(this.#rules, next, index);
    }
    return next;
  }

  #steps(world: World, emit: (found: World) => void): void {
    const connections = world.hosts.map(() => null);
    const runner = new CommandRunner(this.#rules, noFaults, isTwice, emit);
    const isOnItsWayOut = (account: number): boolean => world.ledgers[0]?.accounts[account]?.state === 'removing';
    for (const command of commandsIn(helpful, world, 0).filter((each) => each.verb !== 'export' || isOnItsWayOut(each.account)))
      runner.run(world, { command, ledger: 0, log: [], connections });
    timePasses(world, emit);
  }
}

/** Every account runs once, on a host that answers, and the ledger knows where. */
const isWell = (world: World): boolean =>
  world.outside.every((isOutside, account) => {
    const row = world.ledgers[0]?.accounts[account];
    if (isOutside || row?.state !== 'online' || row.host === null || usersOf(world, account) !== 1) return false;
    return world.hosts[row.host]?.running[account] === true && isReachable(world, row.host);
  });

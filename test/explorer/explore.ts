import { happen, isTwice, type Scope } from './events.ts';
import { fold } from './fold.ts';
import { hash } from './hash.ts';
import { Liveness } from './liveness.ts';
import type { Rules } from './rules.ts';
import { CommandRunner } from './run-command.ts';
import { newWorld, type World } from './world.ts';

export interface Limits {
  /** Events on one path. */
  readonly depth: number;
  readonly ms: number;
  readonly states: number;
  /** Of this process's memory; it ends before it is out of it. */
  readonly heapBytes?: number;
}

export interface Violation {
  readonly what: string;
  /** One event a line, in order. */
  readonly trace: readonly string[];
}

export interface Explored {
  readonly scope: string;
  /** Every order of so many events was tried. */
  readonly depth: number;
  readonly states: number;
  readonly events: number;
  readonly ms: number;
  /** There was nothing left to try. */
  readonly isComplete: boolean;
  readonly violation: Violation | null;
}

/** To ask for the memory costs as much as some worlds. */
const looksPerHeap = 500;

interface Node {
  readonly world: World;
  readonly id: number;
}

/** All hosts run the release before, and the first account is online on the first of them. */
function worldBefore(rules: Rules, world: World): World {
  let placed = world;
  const command = { verb: 'allocate', host: 0 } as const;
  new CommandRunner(rules, { crashes: false, pauses: false, late: false }, isTwice, (found) => {
    placed = found;
  }).run(
    { ...world, faultsLeft: 0 },
    { command, ledger: 0, log: [], connections: world.hosts.map(() => null) },
  );
  const before = { ...placed, faultsLeft: world.faultsLeft };
  for (const host of before.hosts) {
    const { contact } = host.disk;
    host.isOld = true;
    host.disk = {
      ...host.disk,
      beatKnew: null,
      contact: contact && { ...contact, isFormer: true, claims: [] },
    };
  }
  return before;
}

/**
 * Breadth first, so the first violation has a shortest trace. A world is entered again only with
 * more rare things to come than before.
 */
export class Explorer {
  readonly #rules: Rules;
  readonly #scope: Scope;
  /** By hash: how many rare things could still happen. */
  readonly #seen = new Map<number, number>();
  readonly #parents: number[] = [];
  readonly #hashes: number[] = [];
  readonly #liveness: Liveness | null;
  #events = 0;
  #violation: Violation | null = null;

  /** `asksForWays`: whether from every world some commands have to bring the accounts online. */
  constructor(rules: Rules, scope: Scope, asksForWays = true) {
    this.#rules = rules;
    this.#scope = scope;
    this.#liveness = asksForWays ? new Liveness(rules) : null;
  }

  run(limits: Limits): Explored {
    const startMs = performance.now();
    let looks = 0;
    let isFull = false;
    const isOver = (): boolean => {
      looks += 1;
      if (limits.heapBytes !== undefined && looks % looksPerHeap === 0)
        isFull = process.memoryUsage().heapUsed > limits.heapBytes;
      return isFull || performance.now() - startMs > limits.ms || this.#seen.size > limits.states;
    };
    let frontier: Node[] = [];
    let depth = 0;
    let isWhole = true;
    this.#enter(this.#first(), -1, '', frontier);
    while (isWhole && depth < limits.depth && frontier.length > 0) {
      const next: Node[] = [];
      for (const { world, id } of frontier) {
        if (isOver() || this.#violation !== null) {
          isWhole = false;
          break;
        }
        this.#successors(world, (found, words) => {
          this.#events += 1;
          this.#enter(found, id, words, next);
        });
      }
      frontier = next;
      if (isWhole && this.#violation === null) depth += 1;
    }
    const isComplete = isWhole && frontier.length === 0 && this.#violation === null;
    return {
      ...{
        scope: this.#scope.name,
        depth,
        states: this.#seen.size,
        events: this.#events,
        isComplete,
        violation: this.#violation,
      },
      ms: performance.now() - startMs,
    };
  }

  #first(): World {
    const world = newWorld(this.#scope.size, this.#scope.rareThings, this.#scope.copies);
    return this.#scope.upgrades ? worldBefore(this.#rules, world) : world;
  }

  #successors(world: World, emit: (found: World, words: string) => void): void {
    happen(this.#rules, this.#scope, world, (found, words) => {
      if (!this.#scope.lingers) for (const { linger } of found.hosts) linger.fill(0);
      emit(found, words);
    });
  }

  #enter(world: World, parent: number, words: string, into: Node[]): void {
    if (this.#violation !== null) return;
    if (isTwice(world)) {
      this.#violation = {
        what: 'an account is used twice',
        trace: [...this.#trace(parent), words],
      };
      return;
    }
    const key = hash(fold(world));
    const before = this.#seen.get(key);
    if (before !== undefined && before >= world.faultsLeft) return;
    if (before === undefined && this.#liveness?.isAlive(world) === false) {
      this.#violation = {
        what: 'no sequence of commands brings an account online',
        trace: [...this.#trace(parent), words],
      };
      return;
    }
    this.#seen.set(key, world.faultsLeft);
    into.push({ world, id: this.#parents.length });
    this.#parents.push(parent);
    this.#hashes.push(key);
  }

  /**
   * The way to a world, found again step by step: words of every event would take more memory than
   * all the rest.
   */
  #trace(id: number): string[] {
    const ids: number[] = [];
    for (let at = id; at > 0; at = this.#parents[at] ?? -1) ids.unshift(at);
    const lines: string[] = [];
    let world = this.#first();
    for (const at of ids) {
      let step: { readonly found: World; readonly words: string } | null = null;
      this.#successors(world, (found, words) => {
        if (step === null && hash(fold(found)) === this.#hashes[at]) step = { found, words };
      });
      const { found, words } = step ?? { found: world, words: '(lost)' };
      lines.push(words);
      world = found;
    }
    return lines;
  }
}

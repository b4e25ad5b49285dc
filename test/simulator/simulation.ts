/** Numbers in 0..1 that depend on the seed alone (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = (seed * 0x9e3779b1) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A number that depends on nothing but the text (FNV-1a). */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1)
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}

/** Decisions by chance, from one stream of numbers. */
export class Chance {
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Whole number in `low..high`. */
  between(low: number, high: number): number {
    return low + Math.floor(this.#random() * (high - low + 1));
  }

  chance(probability: number): boolean {
    return this.#random() < probability;
  }

  pick<T>(choices: readonly T[]): T {
    const chosen = choices[Math.floor(this.#random() * choices.length)];
    if (chosen === undefined) throw new Error('nothing to pick from');
    return chosen;
  }
}

interface Event {
  readonly atMs: number;
  readonly act: () => void | Promise<void>;
}

/**
 * Real turns of the event loop in which all that the last event has woken runs to its next wait:
 * everything in a simulation is a microtask.
 */
const drain = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** 14 November 2023: any moment will do, so it is always the same. */
const originMs = 1_700_000_000_000;

/**
 * The only clock, the only chance and the only order of events of one run. Two events never run at
 * the same time; the earlier one goes first, of
 * two at the same moment the one that was planned first. The same seed gives the same trace.
 */
export class Simulation extends Chance {
  readonly seed: number;
  /** What happened, for people: printed when a schedule fails. */
  readonly trace: string[] = [];
  /** What must never happen. */
  readonly violations: string[] = [];
  nowMs = originMs;
  /** How often each kind of fault has happened. */
  readonly kinds = new Map<string, number>();
  /** Names of what may be left out of the run, in the order in which it came. */
  readonly happened: string[] = [];
  readonly #removed: ReadonlySet<string>;
  readonly #named = new Map<string, number>();
  /** A binary heap of events by time and order. */
  readonly #heap: { event: Event; order: number }[] = [];
  #order = 0;
  #identities = 0;

  /** `removed`: what is left out, by the names that {@link happens} was asked for. */
  constructor(seed: number, removed: ReadonlySet<string> = new Set()) {
    super(randomFrom(seed));
    this.seed = seed;
    this.#removed = removed;
  }

  /**
   * A stream of its own for one part of the run, so that leaving something out changes nothing
   * elsewhere.
   */
  branch(name: string): Chance {
    return new Chance(randomFrom(this.seed ^ hashOf(name)));
  }

  /**
   * A name that is the same in every run of the seed as long as names are asked for in the same
   * order.
   */
  nameOf(what: string): string {
    const count = (this.#named.get(what) ?? 0) + 1;
    this.#named.set(what, count);
    return `${what}-${count}`;
  }

  /**
   * Whether something takes place, or is left out of this run to find the shortest one that fails.
   */
  happens(name: string): boolean {
    if (this.#removed.has(name)) return false;
    this.happened.push(name);
    return true;
  }

  /** One fault of a kind took place. */
  count(kind: string): void {
    this.kinds.set(kind, (this.kinds.get(kind) ?? 0) + 1);
  }

  get elapsedMs(): number {
    return this.nowMs - originMs;
  }

  /** Unique within the run, sorted as they were made. */
  identity(): string {
    this.#identities += 1;
    return `00000000-0000-4000-8000-${this.#identities.toString(16).padStart(12, '0')}`;
  }

  note(text: string): void {
    this.trace.push(`${(this.elapsedMs / 1000).toFixed(3).padStart(9)} ${text}`);
  }

  violate(text: string): void {
    this.note(`VIOLATION ${text}`);
    this.violations.push(text);
  }

  at(delayMs: number, act: Event['act']): void {
    this.#order += 1;
    push(this.#heap, {
      event: { atMs: this.nowMs + Math.max(0, delayMs), act },
      order: this.#order,
    });
  }

  /**
   * Lets events happen until `isOver`, at most for `limitMs` of simulated time. Returns whether it
   * was over in time.
   */
  async run(isOver: () => boolean, limitMs: number): Promise<boolean> {
    const endMs = this.nowMs + limitMs;
    await drain();
    while (!isOver()) {
      const next = this.#heap[0];
      if (next === undefined || next.event.atMs > endMs) {
        this.nowMs = endMs;
        return false;
      }
      pop(this.#heap);
      this.nowMs = next.event.atMs;
      await next.event.act();
      await drain();
    }
    return true;
  }

  pass(ms: number): Promise<boolean> {
    return this.run(() => false, ms);
  }
}

type Planned = { readonly event: Event; readonly order: number };

const isBefore = (a: Planned, b: Planned): boolean =>
  a.event.atMs < b.event.atMs || (a.event.atMs === b.event.atMs && a.order < b.order);

function push(heap: Planned[], planned: Planned): void {
  let at = heap.length;
  heap.push(planned);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = heap[parent] as Planned;
    if (!isBefore(planned, above)) break;
    heap[at] = above;
    at = parent;
  }
  heap[at] = planned;
}

function pop(heap: Planned[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && isBefore(heap[child + 1] as Planned, heap[child] as Planned))
      child += 1;
    if (!isBefore(heap[child] as Planned, last)) break;
    heap[at] = heap[child] as Planned;
    at = child;
  }
  heap[at] = last;
}

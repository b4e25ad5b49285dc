/**
 * How long a hole may last before it counts, ms: Telegram may tell things in another order
 * (core.telegram.org/api/updates).
 */
const patienceMs = 500;
/** A wider hole is none that closes by itself. */
const widestHole = 100;
/** Far more than an account can have groups. */
const mostBoxes = 2_000;

/** Numbers of one row of updates: of a supergroup, or of everything else. */
interface Box {
  last: number;
  readonly holes: Set<number>;
  timer: NodeJS.Timeout | null;
}

/**
 * Watches Telegram's counters (`pts`) for updates that were never told. The first number of a row
 * is taken as it is. `onHole` is called once for
 * a hole that stays, with the marked id of a supergroup or null for all other chats.
 */
export class UpdateCounters {
  readonly #boxes = new Map<string | null, Box>();
  readonly #onHole: (chatId: string | null) => void;

  constructor(onHole: (chatId: string | null) => void) {
    this.#onHole = onHole;
  }

  /** An update that brought its row to `pts`, being `count` steps long. */
  note(chatId: string | null, pts: number, count: number): void {
    const box = this.#boxes.get(chatId);
    if (box === undefined) {
      if (this.#boxes.size < mostBoxes)
        this.#boxes.set(chatId, { last: pts, holes: new Set(), timer: null });
      return;
    }
    const first = pts - count + 1;
    if (first > box.last + 1) this.#open(chatId, box, first);
    if (box.holes.size > 0)
      for (let step = first; step <= Math.min(pts, box.last); step += 1) box.holes.delete(step);
    box.last = Math.max(box.last, pts);
  }

  /** Telegram counts anew, or no more is to come. */
  clear(): void {
    for (const { timer } of this.#boxes.values()) clearTimeout(timer ?? undefined);
    this.#boxes.clear();
  }

  #open(chatId: string | null, box: Box, upTo: number): void {
    if (upTo - box.last - 1 > widestHole) {
      box.holes.clear();
      this.#onHole(chatId);
      return;
    }
    for (let step = box.last + 1; step < upTo; step += 1) box.holes.add(step);
    box.timer ??= setTimeout(() => {
      box.timer = null;
      if (box.holes.size === 0) return;
      box.holes.clear();
      this.#onHole(chatId);
    }, patienceMs);
  }
}

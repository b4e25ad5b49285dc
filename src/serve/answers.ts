/** Answers to looks, kept while they hold: many clients cost one look. */
import { pageOf } from './pages.ts';
import type { RunAnswer } from './runs/protocol.ts';

/** An answer with its moment. */
export interface KeptAnswer {
  readonly answer: RunAnswer;
  readonly atMs: number;
}

interface Entry {
  kept: (KeptAnswer & { readonly version: string; readonly costMs: number }) | null;
  bytes: number;
  asking: { readonly version: string; readonly answer: Promise<KeptAnswer> } | null;
}

export interface Answers {
  /**
   * `ask` is called where nothing holds. `isFresh`: nothing that was asked before now is good
   * enough.
   */
  get(key: string, ask: () => Promise<RunAnswer>, isFresh: boolean): Promise<KeptAnswer>;
}

export interface AnswersOptions {
  /** Changes with the ledger, the inventory and every act. */
  readonly version: () => Promise<string>;
  readonly now: () => number;
  /** Of all texts together, at most. */
  readonly bytes: number;
}

/** Without any change an answer is as good as new so long: what it says of ages is this old, ms. */
const restMs = 10_000;
/** What takes less than that is asked again as soon as anything has changed, ms. */
const cheapMs = 300;

/**
 * How long an answer is given although something has changed: where asking takes long, asking has
 * to end. Pure.
 */
export const lastsMs = (costMs: number): Lasts => {
  const dear = Math.max(0, costMs - cheapMs);
  const fresh = Math.min(30_000, 5 * dear);
  return { rest: Math.max(restMs, fresh), fresh, stale: Math.min(60_000, 20 * dear) };
};

interface Lasts {
  /** While nothing has changed. */
  readonly rest: number;
  /** Although something has. */
  readonly fresh: number;
  /** Until then it is given once more, while it is asked anew. */
  readonly stale: number;
}

const sizeOf = ({ head, lists }: RunAnswer): number =>
  Object.values(lists).reduce(
    (sum, { bytes, keys }) => sum + bytes.length + 64 * keys.length,
    JSON.stringify(head).length,
  );

export function openAnswers({ version, now, bytes }: AnswersOptions): Answers {
  const entries = new Map<string, Entry>();
  const evict = (): void => {
    let sum = 0;
    for (const each of entries.values()) sum += each.bytes;
    for (const [key, each] of entries) {
      if (sum <= bytes || entries.size === 1) return;
      entries.delete(key);
      sum -= each.bytes;
    }
  };
  const ask = (
    key: string,
    entry: Entry,
    now_: string,
    look: () => Promise<RunAnswer>,
  ): Promise<KeptAnswer> => {
    const atMs = now();
    const answer = look().then((found) => {
      entry.kept = { answer: found, atMs, version: now_, costMs: now() - atMs };
      entry.bytes = sizeOf(found);
      return { answer: found, atMs };
    });
    const asking = { version: now_, answer };
    entry.asking = asking;
    const done = (): void => {
      if (entry.asking === asking) entry.asking = null;
      if (entry.kept === null && entry.asking === null) entries.delete(key);
      evict();
    };
    answer.then(done, done);
    return answer;
  };
  return {
    get: async (key, look, isFresh) => {
      const current = await version();
      const entry = entries.get(key) ?? { kept: null, bytes: 0, asking: null };
      // The last one that was used is the last one to go.
      entries.delete(key);
      entries.set(key, entry);
      const { kept, asking } = entry;
      const joined = (): Promise<KeptAnswer> =>
        asking !== null && asking.version === current && !isFresh
          ? asking.answer
          : ask(key, entry, current, look);
      if (kept === null || isFresh) return joined();
      const age = now() - kept.atMs;
      const lasts = lastsMs(kept.costMs);
      if (age < (kept.version === current ? lasts.rest : lasts.fresh)) return kept;
      if (age >= lasts.stale) return joined();
      if (asking === null) ask(key, entry, current, look).catch(() => undefined);
      return kept;
    },
  };
}

/** A page of an answer as JSON. Errors: 400 `cursor`. */
export function pageOfAnswer(
  { head, lists }: RunAnswer,
  cursor: string | undefined,
  size: number,
): Buffer {
  const { parts, next } = pageOf(lists, cursor, size);
  const named = Object.entries(parts).flatMap(([name, part]) => [
    Buffer.from(`,${JSON.stringify(name)}:[`),
    part,
    Buffer.from(']'),
  ]);
  const end = named.length === 0 ? '}' : `,"next":${JSON.stringify(next)}}`;
  return Buffer.concat([
    Buffer.from(JSON.stringify(head).slice(0, -1)),
    ...named,
    Buffer.from(end),
  ]);
}

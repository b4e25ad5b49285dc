/** Lists come in pages: a cursor says after which entry the next one begins. Pure. */
import { refusal } from './problem.ts';

/** A list of an answer: one JSON text for each entry, with what the entry is known by. */
export interface Listed {
  readonly keys: readonly string[];
  /** All texts with commas between them, so that a page is a part of it. */
  readonly bytes: Uint8Array;
  /** Where each text ends, bytes. */
  readonly ends: Uint32Array;
}

export type Lists = Readonly<Record<string, Listed>>;

export const pageSize = { default: 100, max: 1_000 } as const;

/** By the name of the list: the key of the last entry that was given; null: it is at its end. */
type Places = Readonly<Record<string, string | null>>;

const cursorFault = (): Error =>
  refusal(
    400,
    'cursor',
    'This cursor is not of this list, or its entry is gone.',
    'Begin again without a cursor.',
  );

/** Errors: 400 `cursor`. */
function placesIn(cursor: string): Places {
  try {
    const read: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (typeof read !== 'object' || read === null || Array.isArray(read)) throw cursorFault();
    if (!Object.values(read).every((key) => key === null || typeof key === 'string'))
      throw cursorFault();
    return read as Places;
  } catch {
    throw cursorFault();
  }
}

interface Cut {
  /** The entries, with commas between them. */
  readonly part: Uint8Array;
  /** Where the next page goes on; null: there is no more. */
  readonly last: string | null;
}

function cut({ keys, bytes, ends }: Listed, after: string | null | undefined, size: number): Cut {
  if (after === null) return { part: new Uint8Array(), last: null };
  const found = after === undefined ? -1 : keys.indexOf(after);
  if (after !== undefined && found === -1) throw cursorFault();
  const end = Math.min(found + 1 + size, keys.length);
  const from = found === -1 ? 0 : (ends[found] ?? 0) + 1;
  return {
    part: bytes.subarray(from, Math.max(from, ends[end - 1] ?? 0)),
    last: end < keys.length ? (keys[end - 1] ?? null) : null,
  };
}

/** One page of every list of an answer, and the cursor of the next one. Errors: 400 `cursor`. */
export function pageOf(
  lists: Lists,
  cursor: string | undefined,
  size: number,
): { readonly parts: Readonly<Record<string, Uint8Array>>; readonly next: string | null } {
  const places = cursor === undefined ? {} : placesIn(cursor);
  const names = Object.keys(lists);
  if (!Object.keys(places).every((name) => names.includes(name))) throw cursorFault();
  const cuts = Object.entries(lists).map(
    ([name, listed]) => [name, cut(listed, places[name], size)] as const,
  );
  const goesOn = cuts.some(([, { last }]) => last !== null);
  const next = Object.fromEntries(cuts.map(([name, { last }]) => [name, last]));
  return {
    parts: Object.fromEntries(cuts.map(([name, { part }]) => [name, part])),
    next: goesOn ? Buffer.from(JSON.stringify(next)).toString('base64url') : null,
  };
}

const namesOfEntries = ['id', 'name', 'host', 'account', 'key', 'alert', 'rule'];

/** What an entry is known by; entries that are alike are counted. */
export function listOf(entries: readonly unknown[]): Listed {
  const seen = new Map<string, number>();
  const keys = entries.map((entry) => {
    const facts = typeof entry === 'object' && entry !== null ? entry : { name: entry };
    const known = namesOfEntries.flatMap((name): unknown[] => {
      const value: unknown = Reflect.get(facts, name);
      return typeof value === 'string' || typeof value === 'number' ? [value] : [];
    });
    const key = known.slice(0, 2).join(' ').slice(0, 200);
    const count = seen.get(key) ?? 0;
    seen.set(key, count + 1);
    return count === 0 ? key : `${key} #${count}`;
  });
  const texts = entries.map((entry) => JSON.stringify(entry) ?? 'null');
  let next = 0;
  const ends = Uint32Array.from(texts, (text) => {
    const end = next + Buffer.byteLength(text);
    next = end + 1;
    return end;
  });
  return { keys, bytes: Buffer.from(texts.join(',')), ends };
}

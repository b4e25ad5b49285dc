/** How a ledger says that another one is, or was, in charge in its place. Pure. */

/** One move of a ledger: where the other one lies, and the move's own name. */
export interface MoveMark {
  readonly place: string;
  /** Names this move alone, so that nobody ends one that somebody else has begun. */
  readonly move: string;
}

/** The mark as it is stored. */
export const markText = ({ place, move }: MoveMark): string => `${place} ${move}`;

/** What {@link markText} stored; without a name where there is none. */
export function parseMark(text: string): MoveMark {
  const at = text.lastIndexOf(' ');
  return at === -1
    ? { place: text, move: '' }
    : { place: text.slice(0, at), move: text.slice(at + 1) };
}

/** The two marks of a ledger as they are stored. */
export interface StoredMarks {
  readonly moved_to: string | null;
  readonly arriving_from: string | null;
}

/** What is at a place where a ledger may lie. */
export type Standing =
  /** No ledger, or one in which nothing was ever recorded (`hasTables`: but its tables). */
  | { readonly kind: 'empty'; readonly hasTables: boolean }
  /** One that may act; or that gave its authority away; or that has not got it yet. */
  | (StoredFacts & {
      readonly kind: 'in-charge' | 'moved' | 'arriving';
      /** null: it is in charge. */
      readonly mark: MoveMark | null;
    });

/** What is stored in a ledger that has its tables. */
export interface StoredFacts {
  readonly authorityId: string | null;
  /** Of its last run; 0: none. */
  readonly serial: number;
  /** Of its history. */
  readonly entries: number;
  readonly hosts: number;
  readonly accounts: number;
  readonly moves: number;
}

/** Reads {@link StoredFacts}, in the words of both engines. */
export const factsQuery = `SELECT
  (SELECT value FROM meta WHERE key = 'authority-id') AS "authorityId",
  (SELECT coalesce(max(serial), 0) FROM runs) AS serial,
  (SELECT count(*) FROM history) + (SELECT count(*) FROM events) AS entries,
  (SELECT count(*) FROM hosts) AS hosts, (SELECT count(*) FROM accounts) AS accounts,
  (SELECT count(*) FROM moves) AS moves`;

/** What a ledger with these marks and facts is. */
export function standingOf(marks: StoredMarks, facts: StoredFacts): Standing {
  if (marks.moved_to !== null) return { kind: 'moved', mark: parseMark(marks.moved_to), ...facts };
  if (marks.arriving_from !== null)
    return { kind: 'arriving', mark: parseMark(marks.arriving_from), ...facts };
  const { serial, entries, accounts, moves } = facts;
  return serial === 0 && entries === 0 && accounts === 0 && moves === 0
    ? { kind: 'empty', hasTables: true }
    : { kind: 'in-charge', mark: null, ...facts };
}

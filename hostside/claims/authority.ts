import { Shape, sha256Pattern, wordPattern } from '../machine/json-shape.ts';
import type { AuthorityRecord, HistoryHead } from '../protocol/host.ts';
import type { AuthorityStamp } from '../protocol/host-acts.ts';

/** What the host has stored: nothing yet, a record, or a file that it cannot read. */
export type StoredAuthority = AuthorityRecord | null | 'unreadable';

export type AuthorityDecision =
  | { readonly kind: 'accept'; readonly record: AuthorityRecord; readonly changed: boolean }
  | { readonly kind: 'refuse'; readonly message: string };

/**
 * Whether the host obeys a stamp (docs/exclusivity.md, F3). The first authority ever is adopted; a
 * lower serial, the
 * same serial with another nonce, or another authority is refused; `takeOver` admits another
 * authority, never a lower serial.
 * A host remembers the last serial of authorities that it left, so that a late take-over by a
 * former one is refused too.
 */
export const decideAuthority = (
  stored: StoredAuthority,
  stamp: AuthorityStamp,
): AuthorityDecision => {
  const record: AuthorityRecord = {
    format: 1,
    id: stamp.id,
    serial: stamp.serial,
    nonce: stamp.nonce,
    ...headsWith([], stamp),
  };
  if (stored === null) return { kind: 'accept', record, changed: true };
  if (stored === 'unreadable') {
    if (stamp.takeOver === true) return { kind: 'accept', record, changed: true };
    return refuse(
      'the record of the authority is unreadable; only an explicit take-over replaces it',
    );
  }
  return stored.id === stamp.id ? decideSame(stored, stamp) : decideOther(stored, stamp, record);
};

const decideSame = (stored: AuthorityRecord, stamp: AuthorityStamp): AuthorityDecision => {
  if (stamp.serial < stored.serial)
    return refuse(
      `serial ${stamp.serial} is older than ${stored.serial}, which this host has obeyed`,
    );
  if (stamp.serial > stored.serial) {
    return {
      kind: 'accept',
      record: {
        ...stored,
        serial: stamp.serial,
        nonce: stamp.nonce,
        ...headsWith(stored.heads ?? [], stamp),
      },
      changed: true,
    };
  }
  if (stamp.nonce !== stored.nonce)
    return refuse(`serial ${stamp.serial} was used by another run (a copied or restored ledger)`);
  return { kind: 'accept', record: stored, changed: false };
};

const decideOther = (
  stored: AuthorityRecord,
  stamp: AuthorityStamp,
  record: AuthorityRecord,
): AuthorityDecision => {
  if (stamp.takeOver !== true)
    return refuse(
      `this host obeys authority ${stored.id} (serial ${stored.serial}), not ${stamp.id}`,
    );
  const last = stored.former?.[stamp.id] ?? 0;
  if (stamp.serial <= last)
    return refuse(
      `serial ${stamp.serial} of ${stamp.id} is not above ${last}, which this host has ` +
        'obeyed before',
    );
  const former = { ...stored.former, [stored.id]: stored.serial };
  delete former[stamp.id];
  return { kind: 'accept', record: { ...record, former }, changed: true };
};

/** Kept of what was heard: the newer ones, and ever fewer of the older. */
const headsLimit = 12;

/**
 * What was heard stays beside what is heard, because a history that was made anew does not contain
 * it.
 */
const headsWith = (
  heads: readonly HistoryHead[],
  { history }: AuthorityStamp,
): { readonly heads?: readonly HistoryHead[] } => {
  if (history === undefined) return heads.length === 0 ? {} : { heads };
  const { length, hash, isNew } = history;
  if (isNew === true) return { heads: [{ length, hash }] };
  const last = heads.at(-1);
  if (last?.length === length && last.hash === hash) return { heads };
  const all = [...heads, { length, hash }];
  return {
    heads:
      all.length > headsLimit
        ? all.filter((_, index) => index >= headsLimit / 2 || index % 2 === 0)
        : all,
  };
};

const refuse = (message: string): AuthorityDecision => ({ kind: 'refuse', message });

/** A stored record from parsed JSON; null when it is not one. */
export const parseAuthority = (value: unknown): AuthorityRecord | null => {
  const shape = new Shape(value);
  const record: AuthorityRecord = {
    format: 1,
    id: shape.text('id', 128, wordPattern),
    serial: shape.integer('serial', 1, Number.MAX_SAFE_INTEGER),
    nonce: shape.text('nonce', 128, wordPattern),
  };
  if (shape.fault !== null || shape.value('format') !== 1) return null;
  const kept = { ...record, ...parseHeads(shape) };
  if (!shape.has('former')) return kept;
  const former = parseFormer(shape.value('former'));
  return former === null ? null : { ...kept, former };
};

/** Evidence for people, on which nothing here depends: what is no head is left out. */
const parseHeads = (shape: Shape): { readonly heads?: readonly HistoryHead[] } => {
  const value = shape.value('heads');
  const heads = (Array.isArray(value) ? value.slice(-headsLimit) : []).flatMap(
    (entry) => parseHead(entry) ?? [],
  );
  return heads.length === 0 ? {} : { heads };
};

/** A head from parsed JSON; null when it is none. */
export const parseHead = (value: unknown): HistoryHead | null => {
  const shape = new Shape(value);
  const head = {
    length: shape.integer('length', 0, Number.MAX_SAFE_INTEGER),
    hash: shape.text('hash', 64, sha256Pattern),
  };
  return shape.fault === null ? head : null;
};

const parseFormer = (value: unknown): Record<string, number> | null => {
  const entries = Object.entries(typeof value === 'object' && value !== null ? value : { '': 0 });
  const sound = entries.every(
    ([id, serial]) => wordPattern.test(id) && Number.isSafeInteger(serial),
  );
  return sound ? Object.fromEntries(entries) : null;
};

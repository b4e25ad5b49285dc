import {
  type DataOf,
  type EventEntry,
  type EventSubject,
  eventKinds,
  type Fields,
  type StateKind,
} from './event-kinds.ts';

type Kinds = typeof eventKinds;
export type EventKind = keyof Kinds;

interface Subjects {
  readonly host: { readonly host: string; readonly account?: null };
  readonly account: { readonly account: string; readonly host: string | null };
  readonly both: { readonly account: string; readonly host: string };
  readonly fleet: { readonly host?: null; readonly account?: null };
}

type EventOf<Kind extends EventKind> = {
  readonly [Each in Kind]: { readonly kind: Each } & Subjects[Kinds[Each]['about']] &
    DataOf<Kinds[Each]['fields']>;
}[Kind];

/** Something that happened: whom it is about, and the values of its kind. Times in ms. */
export type LedgerEvent =
  | EventOf<Exclude<EventKind, StateKind>>
  | ({ readonly kind: StateKind; readonly reason: string } & Subjects['account']);

/** An event that this program cannot read: of a newer fleet, or the sentence of an older one. */
export interface UnreadEvent {
  readonly kind: 'unread';
  /** The kind that the ledger names. */
  readonly name: string;
  readonly host: string | null;
  readonly account: string | null;
  /** Its data as words, or its sentence; at most 4096 characters. */
  readonly sentence: string;
}

/** An event as a ledger keeps it. */
export interface KeptEvent {
  readonly kind: string;
  readonly host: string | null;
  readonly account: string | null;
  /** The values of its kind as JSON. Ledgers before 2026-11-30: a sentence. */
  readonly text: string;
}

type AnyEntry = EventEntry<EventSubject, Fields>;
type Data = Readonly<Record<string, unknown>>;

const longestKept = 65_536;
const longestSentence = 4096;

/** The compiler knows each entry by its own types; here all are read alike. */
const entryOf = (kind: string): AnyEntry | null =>
  Object.hasOwn(eventKinds, kind)
    ? ((eventKinds as unknown as Record<string, AnyEntry>)[kind] ?? null)
    : null;

const isObject = (value: unknown): value is Data =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** null: a value is missing or is not what its field takes. */
function readData(fields: Fields, found: Data): Data | null {
  const values = Object.entries(fields).map(
    ([name, field]) => [name, field.read(found[name])] as const,
  );
  return values.every(([, value]) => value !== undefined) ? Object.fromEntries(values) : null;
}

function parsed(text: string): Data | null {
  if (!text.startsWith('{') || text.length > longestKept) return null;
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

const hasSubject = (about: EventSubject, { host, account }: KeptEvent): boolean =>
  (about !== 'host' && about !== 'both') || host !== null
    ? (about !== 'account' && about !== 'both') || account !== null
    : false;

/** One event out of a ledger of any release. Never an exception. Pure. */
export function readEvent(kept: KeptEvent): LedgerEvent | UnreadEvent {
  const { kind, host, account, text } = kept;
  const entry = entryOf(kind);
  const found = parsed(text);
  if (entry !== null && hasSubject(entry.about, kept)) {
    const isEmpty = Object.keys(entry.fields).length === 0;
    const values = found === null ? null : readData(entry.fields, found);
    const data = values ?? (isEmpty ? {} : (entry.former?.(text) ?? null));
    // Its values have just been read by the fields of its kind.
    if (data !== null)
      return { kind, ...subjectOf(entry.about, kept), ...data } as unknown as LedgerEvent;
  }
  const sentence = found === null ? text : plainWords(found);
  return {
    kind: 'unread',
    name: kind,
    host,
    account,
    sentence: sentence.slice(0, longestSentence),
  };
}

const subjectOf = (about: EventSubject, { host, account }: KeptEvent): object => {
  if (about === 'fleet') return {};
  return about === 'host' ? { host } : { host, account };
};

/** `{ before: 'h1', count: 2 }` as `before: h1, count: 2`. */
const plainWords = (data: Data): string =>
  Object.entries(data)
    .map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(', ');

/**
 * As a ledger keeps it. Nothing is refused, because what happened has to be recorded: texts that
 * are too long are cut, numbers are brought into their range. Pure.
 */
export function keptEvent(event: LedgerEvent): KeptEvent {
  const { kind, host = null, account = null } = event;
  return { kind, host, account, text: JSON.stringify(valuesOf(event)) };
}

const valuesOf = (event: LedgerEvent): Data =>
  Object.fromEntries(
    Object.entries(entryOf(event.kind)?.fields ?? {}).map(([name, field]) => [
      name,
      field.read((event as Data)[name]),
    ]),
  );

/** What an event says to people, in one line; empty where its kind says everything. Pure. */
export function sentenceOf(event: LedgerEvent | UnreadEvent): string {
  if (event.kind === 'unread') return event.sentence;
  // The entry of its own kind gets its own values.
  return entryOf(event.kind)?.sentence(event as never) ?? '';
}

/** An event for people (`text`) and for programs (`data`; null: it could not be read). */
export interface DescribedEvent {
  readonly kind: string;
  readonly host: string | null;
  readonly account: string | null;
  readonly text: string;
  readonly data: Data | null;
}

export function describedEvent(event: LedgerEvent | UnreadEvent): DescribedEvent {
  const { host = null, account = null } = event;
  const [kind, data] = event.kind === 'unread' ? [event.name, null] : [event.kind, valuesOf(event)];
  return { kind, host, account, text: sentenceOf(event), data };
}

/** Each kind with whom it is about and its values as JSON Schema, for programs. Pure. */
export function describeEvents(): { kind: string; about: EventSubject; data: Data }[] {
  return Object.keys(eventKinds).map((kind) => {
    const { about, fields } = entryOf(kind) ?? { about: 'fleet', fields: {} };
    const properties = Object.fromEntries(
      Object.entries(fields).map(([name, { schema }]) => [name, schema]),
    );
    return { kind, about, data: { type: 'object', properties, required: Object.keys(fields) } };
  });
}

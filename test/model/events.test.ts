/** Every kind of event, as the ledger keeps it and gives it back; and rows that nobody can read. */
import { describe, expect, it, test } from 'vitest';
import { accountStates } from '../../src/model/account-state.ts';
import {
  describedEvent,
  describeEvents,
  type KeptEvent,
  keptEvent,
  type LedgerEvent,
  readEvent,
  sentenceOf,
} from '../../src/model/events/event.ts';
import { eventKinds } from '../../src/model/events/event-kinds.ts';

type Schema = Readonly<Record<string, unknown>>;

/** Values at the edges of what a schema allows. */
function edgesOf({ type, anyOf, enum: choices, maximum, maxLength }: Schema): readonly unknown[] {
  if (Array.isArray(anyOf)) return anyOf.flatMap((each: Schema) => edgesOf(each));
  if (Array.isArray(choices)) return choices;
  if (type === 'null') return [null];
  if (type === 'boolean') return [true, false];
  if (type === 'integer') return [0, 1, maximum];
  if (type === 'array') return [[], ['anna'], ['anna', 'ben, "x"\n{}']];
  return ['', 'h1', '{"before":"h2"}', 'a\u202e\nb', 'x'.repeat(Number(maxLength))];
}

const subjects = {
  host: [{ host: 'h1' }],
  account: [
    { account: 'anna', host: 'h1' },
    { account: 'anna', host: null },
  ],
  both: [{ account: 'anna', host: 'h1' }],
  fleet: [{}],
};

/** Each kind with its subjects and, one by one, the edges of each of its values. */
const all = describeEvents().flatMap(({ kind, about, data }) => {
  const edges = Object.entries(data.properties as Record<string, Schema>).map(
    ([name, schema]) => [name, edgesOf(schema)] as const,
  );
  const count = Math.max(1, ...edges.map(([, values]) => values.length));
  return subjects[about].flatMap((subject) =>
    Array.from({ length: count }, (_, index) => {
      const values = edges.map(([name, each]) => [name, each[index % each.length]] as const);
      return { kind, ...subject, ...Object.fromEntries(values) } as unknown as LedgerEvent;
    }),
  );
});

it('each kind comes out of a ledger as it went in, and has a sentence for people', () => {
  expect(new Set(all.map(({ kind }) => kind))).toEqual(new Set(Object.keys(eventKinds)));
  for (const event of all) {
    const kept = keptEvent(event);
    expect(readEvent(kept)).toEqual(event);
    expect(typeof sentenceOf(event)).toBe('string');
    expect({ ...event, ...describedEvent(event).data }).toEqual(event);
  }
});

it('no value of a kind has the name of a column', () => {
  const columns = ['id', 'at', 'kind', 'host', 'account', 'text', 'name', 'sentence'];
  const names = Object.values(eventKinds).flatMap(({ fields }) => Object.keys(fields));
  expect(names.filter((name) => columns.includes(name))).toEqual([]);
});

it('every state of an account is a kind', () => {
  expect(accountStates.filter((state) => !Object.hasOwn(eventKinds, `account-${state}`))).toEqual(
    [],
  );
});

test('texts that are too long are cut when they are written', () => {
  const reason = 'x'.repeat(100_000);
  const kept = keptEvent({ kind: 'account-offline', account: 'anna', host: 'h1', reason });
  expect(readEvent(kept)).toMatchObject({ reason: 'x'.repeat(4096) });
  const changes = Array.from({ length: 2_000 }, (_, index) => `package-${index}`);
  expect(readEvent(keptEvent({ kind: 'host-patched', host: 'h1', changes }))).toMatchObject({
    changes: changes.slice(0, 1_000),
  });
});

test('numbers are brought into their range, and what is no number is recorded all the same', () => {
  const read = (downMs: number) =>
    readEvent(keptEvent({ kind: 'host-rebooted', host: 'h1', downMs }));
  expect([-5, 1.6, 1e300].map(read)).toMatchObject([
    { downMs: 0 },
    { downMs: 2 },
    { downMs: 8.64e15 },
  ]);
  expect(read(Number.NaN)).toMatchObject({ kind: 'unread', name: 'host-rebooted', host: 'h1' });
});

describe('a row that this program cannot read', () => {
  const read = (kept: Partial<KeptEvent>) =>
    readEvent({
      kind: 'host-renamed',
      host: 'h1',
      account: null,
      text: '{"before":"h0"}',
      ...kept,
    });
  const unread = (name: string, sentence: string) => ({
    ...{ kind: 'unread', name, host: 'h1', account: null, sentence },
  });

  test.each<[string, Partial<KeptEvent>, string]>([
    [
      'of a newer fleet',
      { kind: 'host-painted', text: '{"colour":"red","coats":2}' },
      'colour: red, coats: 2',
    ],
    ['of a kind that every object has', { kind: 'constructor', text: '{}' }, ''],
    ['without a value', { text: '{}' }, ''],
    ['with a value of another type', { text: '{"before":7}' }, 'before: 7'],
    ['with a list in place of an object', { text: '["h0"]' }, '["h0"]'],
    ['with half an object', { text: '{"before":"h0' }, '{"before":"h0'],
    ['of an older fleet, in words that nobody knows', { text: 'was h0' }, 'was h0'],
  ])('%s', (_, kept, sentence) => {
    expect(read(kept)).toEqual(unread(kept.kind ?? 'host-renamed', sentence));
    expect(sentenceOf(read(kept))).toBe(sentence);
    expect(describedEvent(read(kept))).toMatchObject({
      kind: kept.kind ?? 'host-renamed',
      data: null,
    });
  });

  test('of any length: its sentence is cut, and nothing is parsed without end', () => {
    const text = `{"before":"${'x'.repeat(10_000_000)}"}`;
    expect(sentenceOf(read({ text }))).toBe(text.slice(0, 4096));
  });

  test('without the host or the account that its kind is about', () => {
    expect(read({ host: null })).toMatchObject({ kind: 'unread', sentence: 'before: h0' });
    const lacks = { kind: 'ran-twice', text: '{"epoch":3}' };
    expect(read(lacks).kind).toBe('unread');
    expect(read({ ...lacks, account: 'anna' })).toEqual({
      ...{ kind: 'ran-twice', host: 'h1', account: 'anna', epoch: 3 },
    });
  });
});

test('sentences of ledgers before 2026-11-30 that the report needs are read as values', () => {
  const read = (kind: string, text: string) =>
    readEvent({ kind, host: 'h1', account: 'anna', text });
  expect(read('host-rebooted', 'back after 42 s')).toMatchObject({
    kind: 'host-rebooted',
    downMs: 42_000,
  });
  expect(read('host-renamed', 'it was h0 until now')).toMatchObject({ before: 'h0' });
  const gap = 'not online for 9 s: its worker was started anew';
  expect(read('account-interrupted', gap)).toMatchObject({ lastedMs: 9_000, isRestart: true });
  expect(read('account-removed', '')).toMatchObject({ kind: 'account-removed', account: 'anna' });
  expect(read('account-paused', 'by the operator')).toMatchObject({ kind: 'account-paused' });
  expect(read('account-online', '')).toMatchObject({ kind: 'account-online', reason: '' });
  expect(read('account-offline', 'no network')).toMatchObject({ reason: 'no network' });
  const like = '{"says":"no network"}';
  expect(read('account-offline', like)).toMatchObject({ kind: 'account-offline', reason: like });
  expect(read('account-detached', 'epoch 7')).toMatchObject({ epoch: 7 });
  expect(read('account-released', 'on its way to h2')).toMatchObject({ to: 'h2' });
  expect(read('host-initialised', 'release 0a1b')).toMatchObject({ release: '0a1b' });
  expect(read('host-down', 'no answer')).toMatchObject({ kind: 'host-down', reason: 'no answer' });
  expect(read('host-uninstalled', 'left as it was found').kind).toBe('host-uninstalled');
  const farewells = ['it was a second name', 'it owned nothing', 'it is destroyed', 'it is away'];
  expect(farewells.map((text) => read('host-forgotten', text))).toMatchObject([
    { because: 'second-name' },
    { because: 'owned-nothing' },
    { because: 'destroyed' },
    { kind: 'unread', sentence: 'it is away' },
  ]);
});

import { expect, test } from 'vitest';
import {
  decideAuthority,
  parseAuthority,
  type StoredAuthority,
} from '../../../hostside/claims/authority.ts';
import { parseRequest } from '../../../hostside/helper/request.ts';
import type { AuthorityRecord } from '../../../hostside/protocol/host.ts';
import type { AuthorityStamp } from '../../../hostside/protocol/host-acts.ts';

const stamp = (id: string, serial: number, nonce: string, takeOver = false): AuthorityStamp => ({
  id,
  serial,
  nonce,
  deadlineMs: 1000,
  takeOver,
});
const stored: StoredAuthority = {
  format: 1,
  id: 'one',
  serial: 5,
  nonce: 'n5',
  former: { two: 9 },
};

test.each<[string, StoredAuthority, AuthorityStamp, 'accept' | 'refuse']>([
  ['the first one is adopted', null, stamp('one', 40, 'x'), 'accept'],
  ['the same run', stored, stamp('one', 5, 'n5'), 'accept'],
  ['a later run', stored, stamp('one', 6, 'n6'), 'accept'],
  ['an earlier run', stored, stamp('one', 4, 'n4'), 'refuse'],
  ['an earlier run that takes over', stored, stamp('one', 4, 'n4', true), 'refuse'],
  ['another run with the same serial', stored, stamp('one', 5, 'other'), 'refuse'],
  ['another ledger', stored, stamp('three', 99, 'x'), 'refuse'],
  ['another ledger that takes over', stored, stamp('three', 1, 'x', true), 'accept'],
  ['a former ledger with a serial that was seen', stored, stamp('two', 9, 'x', true), 'refuse'],
  ['a former ledger with a new serial', stored, stamp('two', 10, 'x', true), 'accept'],
  ['an unreadable record', 'unreadable', stamp('one', 9, 'x'), 'refuse'],
  ['an unreadable record, taken over', 'unreadable', stamp('one', 9, 'x', true), 'accept'],
])('%s', (_name, record, said, expected) => {
  expect(decideAuthority(record, said).kind).toBe(expected);
});

test('a take-over remembers whom it replaced, over a round trip through the file', () => {
  const decision = decideAuthority(stored, stamp('two', 10, 'x', true));
  expect(decision).toEqual({
    kind: 'accept',
    changed: true,
    record: { format: 1, id: 'two', serial: 10, nonce: 'x', former: { one: 5 } },
  });
  if (decision.kind === 'accept')
    expect(parseAuthority(JSON.parse(JSON.stringify(decision.record)))).toEqual(decision.record);
});

test.each([
  {},
  [],
  'x',
  null,
  { ...stored, serial: 0 },
  { ...stored, serial: 1.5 },
  { ...stored, id: '' },
  { ...stored, former: { two: 'x' } },
  { ...stored, format: 2 },
])('garbage is no record: %j', (value) => {
  expect(parseAuthority(value)).toBeNull();
});

const head = (length: number, digit: string) => ({ length, hash: digit.repeat(64) });
const heard = (
  record: StoredAuthority,
  serial: number,
  history: AuthorityStamp['history'],
): AuthorityRecord => {
  const decision = decideAuthority(record, {
    ...stamp('one', serial, `n${serial}`),
    ...(history ? { history } : {}),
  });
  if (decision.kind === 'refuse') throw new Error(decision.message);
  return decision.record;
};

test('what was heard of the history stays beside what a history that was made anew says', () => {
  const before = heard(heard(null, 1, head(10, 'a')), 2, head(20, 'b'));
  expect(heard(before, 3, head(15, 'c')).heads).toEqual([
    head(10, 'a'),
    head(20, 'b'),
    head(15, 'c'),
  ]);
  expect(heard(before, 3, undefined).heads).toEqual(before.heads);
  expect(heard(before, 3, head(20, 'b')).heads).toEqual(before.heads);
  expect(heard(before, 3, { ...head(15, 'c'), isNew: true }).heads).toEqual([head(15, 'c')]);
  // The same run, asked again: nothing is written.
  expect(
    decideAuthority(before, { ...stamp('one', 2, 'n2'), history: head(21, 'd') }),
  ).toMatchObject({ changed: false, record: before });
});

test('a thousand runs later a host still knows an early head and the newest, in a dozen', () => {
  let record = heard(null, 1, head(1, 'a'));
  for (let serial = 2; serial <= 1000; serial += 1)
    record = heard(record, serial, head(serial, 'b'));
  expect(record.heads?.length).toBeLessThanOrEqual(12);
  expect([record.heads?.[0], record.heads?.at(-1)]).toEqual([head(1, 'a'), head(1000, 'b')]);
  expect(parseAuthority(JSON.parse(JSON.stringify(record)))).toEqual(record);
});

test.each([
  [{}],
  ['x'],
  [[{ length: -1, hash: 'a'.repeat(64) }]],
  [[{ length: 1, hash: '../../etc' }]],
  [Array(5000).fill({})],
])('heads that are none never make a record unreadable: %j', (heads) => {
  expect(parseAuthority({ format: 1, id: 'one', serial: 5, nonce: 'n5', heads })).toEqual({
    format: 1,
    id: 'one',
    serial: 5,
    nonce: 'n5',
  });
});

test('a stamp carries it, and one that is none is refused as a whole', () => {
  const request = (history: unknown) =>
    parseRequest({ format: 2, authority: { ...stamp('one', 5, 'n5'), history }, acts: [] });
  expect(request({ ...head(7, 'a'), more: 'x' })).toMatchObject({
    request: { authority: { history: { ...head(7, 'a'), isNew: false } } },
  });
  for (const wrong of [
    null,
    [],
    7,
    {},
    { length: -1, hash: 'a'.repeat(64) },
    { length: 1, hash: 'A'.repeat(64) },
  ])
    expect(request(wrong)).toEqual({ fault: 'authority: field "history" has a wrong value' });
});

import { expect, test } from 'vitest';
import { decideAuthority, parseAuthority, type StoredAuthority } from '../../agent/claims/authority.ts';
import type { AuthorityStamp } from '../../agent/protocol/host-acts.ts';

const stamp = (id: string, serial: number, nonce: string, takeOver = false): AuthorityStamp => ({
  id,
  serial,
  nonce,
  deadlineMs: 1000,
  takeOver,
});
const stored: StoredAuthority = { format: 1, id: 'one', serial: 5, nonce: 'n5', former: { two: 9 } };

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
  expect(decision).toEqual({ kind: 'accept', changed: true, record: { format: 1, id: 'two', serial: 10, nonce: 'x', former: { one: 5 } } });
  if (decision.kind === 'accept') expect(parseAuthority(JSON.parse(JSON.stringify(decision.record)))).toEqual(decision.record);
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

import { describe, expect, test } from 'vitest';
import {
  decideClosure,
  isContacted,
  isOlderRoster,
  judgeContact,
  parseContactOffer,
} from '../../../hostside/claims/roster.ts';
import { claimOf, contactOf, factsOf, keyId, offerOf } from './claim-fixtures.ts';

const standing = (fields: Parameters<typeof claimOf>[0] = {}) => ({
  claim: claimOf(fields),
  fault: null,
});

describe('what a roster closes', () => {
  test.each([
    ['active, below', standing(), 5, 5],
    ['active, at the epoch', standing(), 3, 3],
    ['active, above', standing(), 2, null],
    ['releasing', standing({ state: 'releasing', successor: 'b' }), 3, 3],
    ['held', standing({ format: 2, heldSince: 'boot-0' }), 3, 3],
    ['of another machine', standing({ instanceId: 'machine-0' }), 3, 3],
    ['released: a receipt stays', standing({ state: 'released' }), 3, null],
    ['revoked', standing({ state: 'revoked' }), 3, null],
    ['torn', { ...standing(), fault: 'torn' as const }, 3, null],
    ['none', { claim: null, fault: null }, 3, null],
    ['far above: the next epoch is still accepted', standing(), 5_000, 1_003],
  ])('%s', (_, claim, epoch, expected) => {
    const next = decideClosure(claim, { keyId, epoch }, factsOf());
    expect(next?.epoch ?? null).toBe(expected);
    if (next !== null)
      expect(next).toMatchObject({
        format: 1,
        state: 'revoked',
        successor: null,
        instanceId: 'machine-1',
        serial: 8,
      });
    if (next !== null) expect(next).not.toHaveProperty('heldSince');
  });
});

test('a contact counts for what is listed and not held, and is whole when that is all', () => {
  const listed = { keyId, epoch: 3, moveId: 'move-3' };
  const { roster } = offerOf({ owned: [listed] });
  expect(judgeContact(roster, [{ claim: claimOf(), hold: null }])).toEqual({
    claims: [listed],
    isWhole: true,
  });
  expect(judgeContact(roster, [{ claim: claimOf(), hold: 'held' }])).toEqual({
    claims: [],
    isWhole: false,
  });
  expect(
    judgeContact(roster, [{ claim: claimOf({ moveId: 'move-4' }), hold: null }]),
  ).toMatchObject({ isWhole: false });
  expect(judgeContact(roster, [])).toEqual({ claims: [listed], isWhole: true });
  expect(judgeContact(offerOf().roster, [{ claim: claimOf(), hold: null }])).toEqual({
    claims: [],
    isWhole: false,
  });
  // What a move brings is not what this boot holds.
  const arriving = { keyId, epoch: 4, moveId: 'move-4' };
  expect(
    judgeContact(offerOf({ owned: [listed], arriving: [arriving] }).roster, [
      { claim: claimOf(), hold: 'held' },
    ]).claims,
  ).toEqual([arriving]);
});

test('a contact counts for a claim of the same key, epoch and move only', () => {
  expect(isContacted(contactOf(), claimOf())).toBe(true);
  for (const fields of [{ epoch: 4 }, { moveId: 'move-9' }, { keyId: 'f'.repeat(32) }])
    expect(isContacted(contactOf(), claimOf(fields))).toBe(false);
});

test('within a serial the later roster counts', () => {
  const stamp = { id: 'ledger-1', serial: 7 };
  expect(isOlderRoster(contactOf({ revision: 5 }), stamp, { revision: 4 })).toBe(true);
  expect(isOlderRoster(contactOf({ revision: 5 }), stamp, { revision: 5 })).toBe(false);
  expect(isOlderRoster(contactOf({ revision: 5 }), { ...stamp, serial: 8 }, { revision: 1 })).toBe(
    false,
  );
  expect(
    isOlderRoster(contactOf({ revision: 5 }), { ...stamp, id: 'ledger-2' }, { revision: 1 }),
  ).toBe(false);
  expect(isOlderRoster(null, stamp, { revision: 1 })).toBe(false);
});

test.each([
  [{ ...offerOf(), sentAtMs: 'now' }, /sentAtMs/],
  [{ ...offerOf(), roster: { ...offerOf().roster, revision: 0 } }, /revision/],
  [offerOf({ owned: [{ keyId: '../x', epoch: 1, moveId: 'm' }] }), /keyId/],
  [offerOf({ gone: [{ keyId, epoch: -1 }] }), /epoch/],
  [offerOf({ arriving: [{ keyId, epoch: 1, moveId: 'a b' }] }), /moveId/],
  [{ ...offerOf(), roster: undefined }, /not an object/],
])('a contact that is none: %#', (offer, fault) => {
  const parsed = parseContactOffer(JSON.parse(JSON.stringify(offer)));
  expect('fault' in parsed ? parsed.fault : '').toMatch(fault);
});

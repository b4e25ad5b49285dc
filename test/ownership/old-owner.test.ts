import { describe, expect, test } from 'vitest';
import type { Claim } from '../../hostside/protocol/claim.ts';
import type { SurveyedAccount } from '../../hostside/protocol/host-acts.ts';
import {
  contradiction,
  hasOwnedLater,
  isHostsFault,
  isReleasing,
  movesIdle,
} from '../../src/ownership/old-owner.ts';
import { claimOf, keyId } from '../hostside/claims/claim-fixtures.ts';

const former = { keyId, moveId: 'm2', epoch: 3 };
const receipt = (fields: Partial<Claim> = {}): Claim =>
  claimOf({
    state: 'released',
    epoch: 3,
    moveId: 'm2',
    successor: 'h2',
    stateHash: 'a'.repeat(64),
    ...fields,
  });

describe('the last look at the old owner', () => {
  const check = (what: string, account: Partial<SurveyedAccount> | null, expected: string | null) =>
    test(what, () => {
      const still: SurveyedAccount = {
        keyId,
        claim: receipt(),
        claimFault: null,
        unit: 'inactive',
        processes: 0,
        stagedEpochs: [3],
      };
      const survey = {
        instanceId: 'i',
        bootId: 'b',
        release: 'r',
        bootVerdict: null,
        authority: null,
        freeBytes: 0,
        accounts: account === null ? [] : [{ ...still, ...account }],
      };
      expect(contradiction(survey, former)).toBe(expected);
    });

  check('its receipt stands', {}, null);
  check('its unit failed after the receipt', { unit: 'failed' }, null);
  check('the machine was made new', null, null);
  check('files without a claim', { claim: null }, null);
  check(
    'it was revoked at a higher epoch',
    { claim: receipt({ state: 'revoked', epoch: 5, moveId: 'm9' }) },
    null,
  );
  check(
    'its disk was rolled back',
    { claim: receipt({ state: 'active' }) },
    'its claim is active at epoch 3',
  );
  check(
    'another move released it',
    { claim: receipt({ moveId: 'm7' }) },
    'its claim is released at epoch 3',
  );
  check(
    'it released another epoch',
    { claim: receipt({ epoch: 4 }) },
    'its claim is released at epoch 4',
  );
  check(
    'its claim is torn',
    { claim: null, claimFault: 'torn' },
    'its claim cannot be read (torn)',
  );
  check('a process came back', { processes: 1 }, 'its unit is inactive with 1 processes');
  check('its unit runs', { unit: 'active', processes: 2 }, 'its unit is active with 2 processes');
});

describe('a refused release', () => {
  const check = (claim: Claim | null | undefined, expected: boolean) =>
    test(`${claim?.state ?? 'none'} by ${claim?.moveId ?? 'nobody'}`, () =>
      expect(isReleasing(claim, 'm2')).toBe(expected));
  check(undefined, false);
  check(null, false);
  check(receipt(), true);
  check(receipt({ state: 'releasing' }), true);
  check(receipt({ state: 'active' }), false);
  check(receipt({ moveId: 'm1' }), false);
});

describe('the new host has owned the account later than the ledger knows', () => {
  const check = (claim: Claim | null | undefined, expected: boolean) =>
    test(`${claim?.state ?? 'none'} at epoch ${claim?.epoch ?? 0} by ${claim?.moveId ?? 'nobody'}`, () =>
      expect(hasOwnedLater(claim, { moveId: 'm2', epoch: 3 })).toBe(expected));
  check(undefined, false);
  check(null, false);
  check(receipt({ moveId: 'm1', epoch: 2 }), false);
  check(receipt({ moveId: 'm7', epoch: 4 }), true);
  check(receipt({ moveId: 'm7', epoch: 4, state: 'active' }), true);
  check(receipt({ moveId: 'm7', epoch: 4, state: 'revoked' }), false);
  check(receipt({ epoch: 4, state: 'active' }), false);
  check(receipt(), false);
});

test('whose fault it is that an account is not online', () => {
  const states = [
    'online',
    'reconnecting',
    'flood-wait',
    'needs-login',
    'duplicated',
    'banned',
    'misconfigured',
    'gate',
    'stopped',
    'starting',
    'offline',
  ];
  expect(states.filter(isHostsFault)).toEqual(['gate', 'stopped', 'starting', 'offline']);
});

test('who is moved without a start', () => {
  expect(movesIdle('online', true)).toBe(false);
  expect(movesIdle('held', true)).toBe(false);
  expect(movesIdle('online', false)).toBe(true);
  expect(
    (
      ['stopped', 'needs-login', 'duplicated', 'banned', 'misconfigured', 'contained'] as const
    ).every((state) => movesIdle(state, true)),
  ).toBe(true);
});

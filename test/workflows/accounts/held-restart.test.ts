import { expect, test } from 'vitest';
import { decideStart, type StandingClaim } from '../../../hostside/claims/decide.ts';
import { FleetError } from '../../../src/model/errors.ts';
import { isNoRestart } from '../../../src/workflows/accounts/restart-workers.ts';
import { ActRefused } from '../../../src/workflows/ownership/account-acts.ts';
import { claimOf, factsOf } from '../../hostside/claims/claim-fixtures.ts';

/** What the operator's side makes of a start that the host's own decision refuses. */
function refusedStart(claim: StandingClaim): ActRefused {
  const refusal = decideStart(claim, factsOf());
  if (refusal === null) throw new Error('it would start');
  return new ActRefused('h1', 'anna', {
    index: 0,
    ok: false,
    refusal: refusal.code,
    message: refusal.message,
    claim: claim.claim,
  });
}

test('an account that its host holds since a boot has no worker to be restarted, and a sweep gives it back', () => {
  const held = refusedStart({ claim: claimOf({ format: 2, heldSince: 'boot-0' }), fault: null });
  expect([isNoRestart(held), held.code, held.hint]).toEqual([
    true,
    'claim-refused',
    expect.stringContaining('fleet sweep'),
  ]);
});

test.each([
  ['released', { claim: claimOf({ state: 'released' }), fault: null }],
  ['torn', { claim: claimOf(), fault: 'torn' }],
  ['of another machine', { claim: claimOf({ instanceId: 'machine-2' }), fault: null }],
  ['absent', { claim: null, fault: null }],
] as const)('a claim that is %s is a failure of the restart', (_, claim) => {
  const error = refusedStart(claim);
  expect([isNoRestart(error), error.hint]).toEqual([
    false,
    expect.stringContaining('fleet accounts show'),
  ]);
});

test('programs of an earlier fleet restart nothing; whatever else fails is a failure', () => {
  const of = (code: 'host-not-ready' | 'ssh-lost') => new FleetError(code, 'x', { hint: 'y' });
  expect([isNoRestart(of('host-not-ready')), isNoRestart(of('ssh-lost'))]).toEqual([true, false]);
});

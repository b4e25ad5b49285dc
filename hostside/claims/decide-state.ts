import type { HostAct } from '../protocol/host-acts.ts';
import {
  type HostFacts,
  type Refusal,
  refuse,
  refuseFault,
  refuseForNew,
  refuseLower,
  type StandingClaim,
  wordsFor,
} from './decide.ts';

type Act<K extends HostAct['act']> = Extract<HostAct, { readonly act: K }>;

/**
 * Only the move that holds the receipt reads the final state: before it, the state is not final.
 * null: go on.
 */
export const decideReadState = (
  { claim, fault }: StandingClaim,
  act: Act<'read-state'>,
): Refusal | null => {
  if (fault !== null) return refuseFault(fault);
  if (claim === null || claim.state !== 'released' || claim.epoch !== act.epoch) {
    return refuse(
      'state',
      `the claim here is ${wordsFor(claim)}, not released at epoch ${act.epoch}`,
    );
  }
  return claim.moveId === act.moveId
    ? null
    : refuse('move', `epoch ${claim.epoch} was released by move ${claim.moveId}`);
};

/**
 * Only of the owner, or of who was one until this epoch's revoke ended it: anybody else's state is
 * history. null: go on.
 */
export const decideCopyState = (
  { claim, fault }: StandingClaim,
  act: Act<'copy-state'>,
): Refusal | null => {
  if (fault !== null) return refuseFault(fault);
  return (claim?.state === 'active' || claim?.state === 'revoked') && claim.epoch === act.epoch
    ? null
    : refuse(
        'state',
        `the claim here is ${wordsFor(claim)}, not active or revoked at epoch ${act.epoch}`,
      );
};

/** `keep`: the grant of this very move has been made, so the state is in use. */
export type PutStateDecision = { readonly kind: 'put' } | { readonly kind: 'keep' } | Refusal;

/**
 * The state of an account that this host owns, or that something here still uses, is never
 * replaced.
 */
export const decidePutState = (
  standing: StandingClaim,
  act: Act<'put-state'>,
  facts: HostFacts,
): PutStateDecision => {
  const refusal = refuseForNew(standing, facts);
  if (refusal !== null) return refusal;
  const { claim } = standing;
  if (
    claim !== null &&
    claim.state === 'active' &&
    claim.epoch === act.epoch &&
    claim.moveId === act.moveId
  )
    return { kind: 'keep' };
  if (claim !== null && claim.epoch >= act.epoch) return refuseLower(claim, act.epoch);
  if (claim?.state === 'active' || claim?.state === 'releasing')
    return refuse('state', `the claim here is ${wordsFor(claim)}; its state is in use`);
  if (facts.running)
    return refuse(
      'not-stopped',
      'a process of the account is still alive here; its state is not replaced',
    );
  const isStaged = facts.staged.some(
    ({ epoch, moveId }) => epoch === act.epoch && moveId === act.moveId,
  );
  return isStaged
    ? { kind: 'put' }
    : refuse('not-staged', `move ${act.moveId} has staged no files of epoch ${act.epoch} here`);
};

/**
 * A grant that names a state starts only from that state (docs/exclusivity.md, row 23). null: go
 * on.
 */
export const refuseOtherState = (expected: string | undefined, found: string): Refusal | null =>
  expected === undefined || expected === found
    ? null
    : refuse('state', 'the state here is not the one that the last owner gave a receipt for');

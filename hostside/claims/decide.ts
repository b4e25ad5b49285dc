import { type Claim, epochJumpLimit } from '../protocol/claim.ts';
import { holdOf } from '../protocol/hold-of.ts';
import type { BootVerdict } from '../protocol/host.ts';
import type { ActRefusal, HostAct } from '../protocol/host-acts.ts';
import type { ClaimFault } from './claim-slots.ts';

/**
 * What the host knows when it decides on an act; gathered by the helper under the account's lock.
 */
export interface HostFacts {
  readonly instanceId: string;
  readonly bootId: string;
  /**
   * Verdict of this boot; null when there is none, which holds everything that was not granted in
   * it.
   */
  readonly verdict: BootVerdict | null;
  /** Epochs whose files are complete on this host, with the move that brought them. */
  readonly staged: readonly { readonly epoch: number; readonly moveId: string }[];
  /** Some process of the account may be alive on this host. */
  readonly running: boolean;
  readonly authority: { readonly id: string; readonly serial: number };
  /** ISO 8601, goes into the claim and decides nothing. */
  readonly now: string;
}

/** The claim as read: the newest sound one and why the file cannot be trusted. */
export interface StandingClaim {
  readonly claim: Claim | null;
  readonly fault: ClaimFault | null;
}

export interface Refusal {
  readonly kind: 'refuse';
  readonly code: ActRefusal;
  readonly message: string;
}

type Act<K extends HostAct['act']> = Extract<HostAct, { readonly act: K }>;

/** `write`: make `next` durable, then start. `keep`: the same grant was made before; only start. */
export type GrantDecision =
  | { readonly kind: 'write'; readonly next: Claim }
  | { readonly kind: 'keep'; readonly claim: Claim }
  | Refusal;

/**
 * A grant raises the epoch, always: also the one that ends a hold, on the host that already owns
 * the account. Only a repeat of
 * the very same grant (move id and epoch) is admitted at the same epoch, and not across a boot that
 * holds.
 */
export const decideGrant = (
  standing: StandingClaim,
  act: Act<'grant'>,
  facts: HostFacts,
): GrantDecision => {
  const refusal = refuseForNew(standing, facts);
  if (refusal !== null) return refusal;
  const { claim } = standing;
  if (claim !== null && claim.epoch >= act.epoch) return decideGrantAgain(claim, act, facts);
  if (claim !== null && act.epoch > claim.epoch + epochJumpLimit)
    return refuseJump(claim, act.epoch);
  if (claim?.state === 'releasing')
    return refuse('state', `move ${claim.moveId} has not finished releasing epoch ${claim.epoch}`);
  if (facts.running)
    return refuse(
      'state',
      `a process of the account still runs here (claim: ${wordsFor(claim)}); release it first`,
    );
  const isStaged = facts.staged.some(
    ({ epoch, moveId }) => epoch === act.epoch && moveId === act.moveId,
  );
  if (!isStaged)
    return refuse(
      'not-staged',
      `move ${act.moveId} has staged no files of epoch ${act.epoch} here`,
    );
  const base = { ...claimBase(act, facts), account: act.account, vaultHash: act.vaultHash };
  return { kind: 'write', next: { ...base, state: 'active', successor: null, stateHash: null } };
};

const decideGrantAgain = (claim: Claim, act: Act<'grant'>, facts: HostFacts): GrantDecision => {
  if (claim.epoch > act.epoch) return refuseLower(claim, act.epoch);
  if (claim.state !== 'active')
    return refuse(
      'epoch',
      `epoch ${act.epoch} is ${claim.state} here; a new grant needs a higher one`,
    );
  if (claim.moveId !== act.moveId)
    return refuse('move', `epoch ${act.epoch} was granted by move ${claim.moveId}`);
  if (holdOf(claim, facts.bootId, facts.verdict) !== null) {
    return refuse(
      'state',
      'the host booted since this grant and holds the account; a new grant at a higher ' +
        'epoch ends the hold',
    );
  }
  return { kind: 'keep', claim };
};

/**
 * `write`: make `next` durable (gate closed), then stop and prove. `resume`: gate is closed, stop
 * and prove. `done`: the receipt stands.
 */
export type ReleaseDecision =
  | { readonly kind: 'write'; readonly next: Claim }
  | { readonly kind: 'resume'; readonly claim: Claim }
  | { readonly kind: 'done'; readonly claim: Claim }
  | Refusal;

/**
 * `act.epoch` is the epoch to be released. The first move id that closes the gate owns the release;
 * no other one gets a receipt.
 */
export const decideRelease = (
  standing: StandingClaim,
  act: Act<'release'>,
  facts: HostFacts,
): ReleaseDecision => {
  // A receipt is as true on other hardware: its account was stopped where it ran.
  const refusal = refuseForNew(standing, facts);
  if (refusal !== null) return refusal;
  const { claim } = standing;
  if (claim === null) return refuse('state', 'this host has no claim on the account');
  if (act.epoch !== claim.epoch)
    return refuse('epoch', `the claim here is ${wordsFor(claim)}, not epoch ${act.epoch}`);
  if (claim.state === 'revoked') return refuse('state', `the claim here is ${wordsFor(claim)}`);
  if (claim.state === 'active') {
    return {
      kind: 'write',
      next: {
        ...withoutHold(claim),
        ...claimBase(act, facts),
        bootId: claim.bootId,
        state: 'releasing',
        successor: act.successor,
      },
    };
  }
  if (claim.moveId !== act.moveId || claim.successor !== act.successor) {
    return refuse(
      'move',
      `epoch ${claim.epoch} is ${claim.state} by move ${claim.moveId} in favour of ` +
        `${claim.successor ?? 'nobody'}`,
    );
  }
  return { kind: claim.state === 'released' ? 'done' : 'resume', claim };
};

/** The receipt, once the stop is proven. `stateHash`: see state-hash.ts. */
export const completeRelease = (claim: Claim, stateHash: string, now: string): Claim => ({
  ...claim,
  state: 'released',
  stateHash,
  writtenAt: now,
});

/**
 * `write`: make `next` durable, then stop and prove. `keep`: it already is; stop and prove again.
 */
export type RevokeDecision =
  | { readonly kind: 'write'; readonly next: Claim }
  | { readonly kind: 'keep'; readonly claim: Claim }
  | Refusal;

/**
 * Only ever closes, therefore admitted where a grant is not: over a torn claim and over one of
 * another machine. The epoch must be
 * above every epoch seen here, or equal when it undoes the very grant that its own move made.
 */
export const decideRevoke = (
  standing: StandingClaim,
  act: Act<'revoke'>,
  facts: HostFacts,
): RevokeDecision => {
  const { claim, fault } = standing;
  if (fault === 'newer-format' || fault === 'unreadable') return refuseFault(fault);
  const seen = Math.max(claim?.epoch ?? 0, ...facts.staged.map(({ epoch }) => epoch));
  const isOwn = claim !== null && claim.epoch === act.epoch && claim.moveId === act.moveId;
  if (
    claim !== null &&
    isOwn &&
    claim.state === 'revoked' &&
    fault === null &&
    claim.instanceId === facts.instanceId
  ) {
    return { kind: 'keep', claim };
  }
  if (claim !== null && act.epoch < claim.epoch) return refuseLower(claim, act.epoch);
  if (fault === 'torn' && act.epoch < seen)
    return refuse('epoch', `files of epoch ${seen} are here; revoke at that epoch or above`);
  if (claim !== null && act.epoch === claim.epoch && !isOwn)
    return refuse('move', `epoch ${claim.epoch} belongs to move ${claim.moveId}`);
  if (claim !== null && isOwn && (claim.state === 'releasing' || claim.state === 'released')) {
    return refuse('state', `the claim here is ${wordsFor(claim)}; revoke at a higher epoch`);
  }
  if (seen > 0 && act.epoch > seen + epochJumpLimit)
    return refuse('epoch', `epoch ${act.epoch} is more than ${epochJumpLimit} above ${seen}`);
  const base = {
    ...claimBase(act, facts),
    account: act.account,
    vaultHash: claim?.vaultHash ?? '',
  };
  return { kind: 'write', next: { ...base, state: 'revoked', successor: null, stateHash: null } };
};

/** `withState`: the owned state goes too, because the claim at this very epoch is over. */
export type WipeDecision = { readonly kind: 'wipe'; readonly withState: boolean } | Refusal;

/**
 * Refused while the claim is open at the epoch or a newer one, so that a late wipe never takes a
 * live session (docs/exclusivity.md, row 22).
 */
export const decideWipe = (
  standing: StandingClaim,
  act: Act<'wipe'>,
  facts: Pick<HostFacts, 'running'>,
): WipeDecision => {
  const { claim, fault } = standing;
  if (fault !== null) return refuseFault(fault);
  const isOpen = claim !== null && (claim.state === 'active' || claim.state === 'releasing');
  if (claim !== null && isOpen && claim.epoch >= act.epoch) {
    return refuse('state', `the claim here is ${wordsFor(claim)}; epoch ${act.epoch} is not wiped`);
  }
  const withState = claim !== null && !isOpen && claim.epoch === act.epoch;
  if (withState && facts.running)
    return refuse(
      'not-stopped',
      'a process of the account is still alive here; its state is not wiped',
    );
  return { kind: 'wipe', withState };
};

/** `keep`: these files are already in use by the claim of the same move. */
export type StageDecision = { readonly kind: 'stage' } | { readonly kind: 'keep' } | Refusal;

export const decideStage = (
  standing: StandingClaim,
  act: Act<'stage'>,
  facts: HostFacts,
): StageDecision => {
  const refusal = refuseForNew(standing, facts);
  if (refusal !== null) return refusal;
  const { claim } = standing;
  if (claim === null) return { kind: 'stage' };
  if (claim.state === 'active' && claim.epoch === act.epoch && claim.moveId === act.moveId)
    return { kind: 'keep' };
  if (act.epoch <= claim.epoch) return refuseLower(claim, act.epoch);
  if (act.epoch > claim.epoch + epochJumpLimit) return refuseJump(claim, act.epoch);
  return { kind: 'stage' };
};

/** Settings of the epoch that is owned here, and of no other. null: go on. */
export const decideRestage = (
  standing: StandingClaim,
  act: Act<'restage'>,
  facts: HostFacts,
): Refusal | null => {
  const refusal = refuseUnsound(standing, facts);
  if (refusal !== null) return refusal;
  const { claim } = standing;
  if (claim?.state === 'active' && claim.epoch === act.epoch) return null;
  return refuse(
    'state',
    `the claim here is ${wordsFor(claim)}; the files of epoch ${act.epoch} are not replaced`,
  );
};

/** The operator's start: only what the gate would let through. null: go on. */
export const decideStart = (standing: StandingClaim, facts: HostFacts): Refusal | null => {
  const refusal = refuseUnsound(standing, facts);
  if (refusal !== null) return refusal;
  const { claim } = standing;
  if (claim?.state !== 'active') return refuse('state', `the claim here is ${wordsFor(claim)}`);
  const hold = holdOf(claim, facts.bootId, facts.verdict);
  if (hold !== null) return refuse('state', `the host holds the account: ${hold}`);
  return null;
};

/** A claim that is no longer active is closed in every boot. */
export const withoutHold = ({ heldSince: _, ...claim }: Claim): Claim => ({ ...claim, format: 1 });

const claimBase = (act: { keyId: string; epoch: number; moveId: string }, facts: HostFacts) => ({
  format: 1 as const,
  keyId: act.keyId,
  epoch: act.epoch,
  moveId: act.moveId,
  instanceId: facts.instanceId,
  bootId: facts.bootId,
  authorityId: facts.authority.id,
  serial: facts.authority.serial,
  writtenAt: facts.now,
});

export const wordsFor = (claim: Claim | null): string =>
  claim === null ? 'none' : `${claim.state} at epoch ${claim.epoch}`;

export const refuse = (code: ActRefusal, message: string): Refusal => ({
  kind: 'refuse',
  code,
  message,
});

export const refuseLower = (claim: Claim, epoch: number): Refusal =>
  refuse('epoch', `epoch ${epoch} is not above ${claim.epoch}, which this host has seen`);

const refuseJump = (claim: Claim, epoch: number): Refusal =>
  refuse('epoch', `epoch ${epoch} is more than ${epochJumpLimit} above ${claim.epoch}`);

export const refuseFault = (fault: ClaimFault): Refusal =>
  refuse(
    'state',
    `the claim file is ${fault}; ` +
      `${fault === 'torn' ? 'a revoke at a higher epoch clears it' : 'it needs the release that wrote it'}`,
  );

export const refuseUnsound = (
  { claim, fault }: StandingClaim,
  facts: HostFacts,
): Refusal | null => {
  if (fault !== null) return refuseFault(fault);
  if (claim === null || claim.instanceId === facts.instanceId) return null;
  return refuse(
    'instance',
    'the claim was made for another machine (this one is a clone or an image); a revoke ' +
      'at a higher epoch clears it',
  );
};

/**
 * The same where an account is to be given to the host anew: a claim that is closed gives no right
 * to anybody, on whatever machine it was made, and its epoch still
 * counts. Without it a host with other hardware could never again have what it once gave up.
 */
export const refuseForNew = (standing: StandingClaim, facts: HostFacts): Refusal | null => {
  const { claim, fault } = standing;
  const isClosed = fault === null && (claim?.state === 'released' || claim?.state === 'revoked');
  return isClosed ? null : refuseUnsound(standing, facts);
};

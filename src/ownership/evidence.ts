import { epochJumpLimit } from '../../hostside/protocol/claim.ts';
import { holdOf } from '../../hostside/protocol/hold-of.ts';
import type { HostSurvey } from '../../hostside/protocol/host-acts.ts';

/**
 * What one known host said after staging; null: it did not answer, so it counts as a possible
 * owner.
 */
export interface HostEvidence {
  readonly host: string;
  readonly survey: HostSurvey | null;
  /**
   * It answered, but did not take this run's stamp (another ledger's host, a full disk): it may be
   * given the account right after it was asked.
   */
  readonly isUnfenced?: boolean;
  /**
   * It runs programs of an earlier fleet, to which nothing with authority is sent: it was looked
   * at, and counts as unfenced.
   */
  readonly isOld?: boolean;
  /**
   * It did not answer, and is switched off: stated by the operator after the earliest safe moment,
   * or verified by a fence. It runs nothing.
   */
  readonly isOff?: boolean;
}

export interface GrantIntent {
  /** Its name: no host may have it under another key. Absent: only the key is looked for. */
  readonly account?: string;
  readonly keyId: string;
  readonly moveId: string;
  readonly epoch: number;
  readonly toHost: string;
  /**
   * Epoch at which the ledger has the account on `toHost` already; null: it is not placed there.
   */
  readonly ownedEpoch: number | null;
  /**
   * The ledger has begun every run itself, and never an epoch above `ownedEpoch` for another host:
   * nobody else can have been given the account since.
   */
  readonly isUndisputed?: boolean;
}

/**
 * An owner that booted and may not start: this boot, or an earlier one, holds its claim. Giving the
 * account back to this very
 * host is a grant like any other, after asking everybody else.
 */
function isHeld(survey: HostSurvey | null, account: HostSurvey['accounts'][number]): boolean {
  const isStill =
    account.processes === 0 && (account.unit === 'inactive' || account.unit === 'failed');
  if (
    !isStill ||
    account.claim?.state !== 'active' ||
    survey === null ||
    survey.bootVerdict === null
  )
    return false;
  return holdOf(account.claim, survey.bootId, survey.bootVerdict) !== null;
}

/** Two keys of one account are two workers, which answer beside each other. */
const isSameAccount = (
  { keyId, claim }: HostSurvey['accounts'][number],
  intent: GrantIntent,
): boolean =>
  keyId !== intent.keyId &&
  intent.account !== undefined &&
  claim?.account === intent.account &&
  (claim.state === 'active' || claim.state === 'releasing');

export type EvidenceVerdict =
  /** Nobody can be running the account: it may be granted at `epoch`. */
  | { readonly kind: 'clear' }
  /**
   * This very move was granted already; the reply was lost. Not where its host has booted since
   * then and holds it: that takes a higher epoch.
   */
  | { readonly kind: 'granted' }
  /**
   * Its host owns it as the ledger has it, and this boot does not hold it: there is nothing to give
   * back. No older run can act there any more.
   */
  | { readonly kind: 'kept' }
  /** Some host has seen `epoch - 1`: stage again at `epoch`. */
  | { readonly kind: 'raise'; readonly epoch: number }
  /**
   * `isForAdopt`: its claim there is torn, or it runs without one or under a revoked one, which
   * `fleet adopt` closes.
   */
  | {
      readonly kind: 'owned';
      readonly host: string;
      readonly what: string;
      readonly isForAdopt?: boolean;
    }
  /** It may run the account, by another key: of a login that this ledger does not know. */
  | { readonly kind: 'other-key'; readonly host: string; readonly keyId: string }
  | { readonly kind: 'poisoned'; readonly host: string; readonly epoch: number }
  | { readonly kind: 'incomplete'; readonly hosts: readonly string[] };

/**
 * Invariant 2 for accounts without a known owner: a grant needs a survey of all known hosts made
 * after staging (docs/exclusivity.md, F6). A known owner takes precedence over a missing host; a
 * sound claim of this very move on its own host is that move's grant.
 */
export function judgeEvidence(
  intent: GrantIntent,
  evidence: readonly HostEvidence[],
): EvidenceVerdict {
  let seen = 0;
  let granted = false;
  let kept = false;
  let isHeldAsOwned = false;
  for (const { host, survey, isUnfenced } of evidence) {
    const other = survey?.accounts.find((candidate) => isSameAccount(candidate, intent));
    if (other !== undefined) return { kind: 'other-key', host, keyId: other.keyId };
    const account = survey?.accounts.find((candidate) => candidate.keyId === intent.keyId);
    if (account === undefined) continue;
    const { claim } = account;
    const { claimFault } = account;
    if (claimFault !== null)
      return {
        kind: 'owned',
        host,
        what: `its claim cannot be read (${claimFault})`,
        isForAdopt: claimFault === 'torn',
      };
    const isHeldHere = host === intent.toHost && isHeld(survey, account);
    if (isHeldHere && isUnfenced !== true && claim?.epoch === intent.ownedEpoch)
      isHeldAsOwned = true;
    const isThisMove =
      claim !== null &&
      claim.state === 'active' &&
      host === intent.toHost &&
      claim.moveId === intent.moveId &&
      !isHeldHere;
    if (isThisMove) granted = true;
    else if (isHeldHere) seen = Math.max(seen, claim?.epoch ?? 0);
    else if (
      host === intent.toHost &&
      isUnfenced !== true &&
      claim?.state === 'active' &&
      claim.epoch === intent.ownedEpoch
    )
      kept = true;
    else if (claim !== null && (claim.state === 'active' || claim.state === 'releasing')) {
      return {
        kind: 'owned',
        host,
        what: `it holds a claim (${claim.state}, epoch ${claim.epoch})`,
      };
    } else if (
      account.processes > 0 ||
      account.unit === 'active' ||
      account.unit === 'activating' ||
      account.unit === 'deactivating'
    ) {
      const isForAdopt = claim === null || claim.state === 'revoked';
      return {
        kind: 'owned',
        host,
        what: `its unit is ${account.unit} with ${account.processes} processes`,
        isForAdopt,
      };
    }
    if (claim !== null && !isThisMove) {
      if (claim.epoch > intent.epoch + epochJumpLimit)
        return { kind: 'poisoned', host, epoch: claim.epoch };
      seen = Math.max(seen, claim.epoch);
    }
  }
  if (granted) return { kind: 'granted' };
  if (kept) return { kind: 'kept' };
  const silent = evidence
    .filter(
      ({ survey, isUnfenced, isOff }) => (survey === null && isOff !== true) || isUnfenced === true,
    )
    .map(({ host }) => host);
  // The end of a hold of what this very host owns: a silent host can own it only by a grant, and
  // there was none (docs/exclusivity.md, R8).
  const isSure = isHeldAsOwned && intent.isUndisputed === true;
  if (silent.length > 0 && !isSure) return { kind: 'incomplete', hosts: silent };
  return seen >= intent.epoch ? { kind: 'raise', epoch: seen + 1 } : { kind: 'clear' };
}

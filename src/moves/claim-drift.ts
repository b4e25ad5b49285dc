import type { Claim } from '../../agent/protocol/claim.ts';
import type { SurveyedAccount } from '../../agent/protocol/host-acts.ts';
import type { HostEvidence } from './evidence.ts';

/** What the ledger has: who owns an account, at which epoch. */
export interface KnownOwner {
  readonly account: string;
  readonly keyId: string;
  readonly host: string;
  readonly epoch: number;
}

/** Where a host's claims and the ledger differ. */
export type ClaimDrift =
  /** It still claims an account that has moved on: it was away when its accounts were given to others. */
  | {
      readonly kind: 'outdated';
      readonly host: string;
      readonly account: string;
      readonly keyId: string;
      readonly ownerEpoch: number;
      readonly stagedEpochs: readonly number[];
    }
  /** The ledger places the account there, and the host has no right to run it. `found`: what it has. */
  | { readonly kind: 'lost'; readonly host: string; readonly account: string; readonly found: string; readonly isTorn: boolean }
  /** It claims an account at an epoch that this ledger does not know of. */
  | { readonly kind: 'ahead'; readonly host: string; readonly account: string; readonly epoch: number };

/** What a host gave its receipt for when an account left the fleet. */
export interface GivenUp {
  readonly account: string;
  readonly keyId: string;
  readonly host: string;
  /** Epoch that ended with the receipt, and the move that has it. */
  readonly epoch: number;
  readonly moveId: string;
}

/**
 * Receipts whose host claims the account again at the very epoch that it gave up: epochs never fall on a host, so its disk was rolled back. Only for
 * accounts that nobody owns; others are told by `findDrift`.
 */
export const findUndone = (evidence: readonly HostEvidence[], receipts: readonly GivenUp[]): GivenUp[] =>
  receipts.filter(({ host, keyId, epoch }) => {
    const survey = evidence.find((each) => each.host === host)?.survey ?? null;
    const claim = survey?.accounts.find((account) => account.keyId === keyId)?.claim ?? null;
    return claim !== null && claim.epoch === epoch && isOpenClaim(claim);
  });

const isOpenClaim = ({ state }: Claim): boolean => state === 'active' || state === 'releasing';

/** An open move: what it touches is told by the move. */
export interface OpenMove {
  readonly account: string;
  readonly to: string;
}

/** Compares what hosts claim with the ledger. Keys that the ledger does not know are none of its business. */
export function findDrift(evidence: readonly HostEvidence[], owners: readonly KnownOwner[], moving: readonly OpenMove[]): ClaimDrift[] {
  return evidence.flatMap(({ host, survey }) => {
    if (survey === null) return [];
    const claims = new Map(survey.accounts.map((account) => [account.keyId, account]));
    return owners.flatMap((owner) =>
      driftAt(
        host,
        claims.get(owner.keyId),
        owner,
        moving.filter(({ account }) => account === owner.account),
      ),
    );
  });
}

function driftAt(host: string, found: SurveyedAccount | undefined, owner: KnownOwner, moves: readonly OpenMove[]): ClaimDrift[] {
  const claim = found?.claim ?? null;
  const isOpen = claim !== null && isOpenClaim(claim);
  const about = { host, account: owner.account };
  if (isOpen && owner.host !== host && claim.epoch < owner.epoch) {
    const isTarget = moves.some(({ to }) => to === host);
    return isTarget
      ? []
      : [{ kind: 'outdated', ...about, keyId: owner.keyId, ownerEpoch: owner.epoch, stagedEpochs: found?.stagedEpochs ?? [] }];
  }
  if (moves.length > 0) return [];
  if (isOpen && claim.epoch > owner.epoch) return [{ kind: 'ahead', ...about, epoch: claim.epoch }];
  if (owner.host !== host) return [];
  if (claim?.state === 'active' && claim.epoch === owner.epoch && found?.claimFault === null) return [];
  const fault = found?.claimFault ?? null;
  const words = claim === null ? 'no claim' : `a claim that is ${claim.state} at epoch ${claim.epoch}`;
  return [{ kind: 'lost', ...about, found: fault === null ? words : `a claim that is ${fault}`, isTorn: fault === 'torn' }];
}

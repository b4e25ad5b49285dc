import type { Claim } from '../../hostside/protocol/claim.ts';
import type { HostSurvey, SurveyedAccount } from '../../hostside/protocol/host-acts.ts';
import type { GoneClaim } from '../../hostside/protocol/roster.ts';
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
  /**
   * The ledger places the account there, and the host has no right to run it. `found`: what it has.
   */
  | {
      readonly kind: 'lost';
      readonly host: string;
      readonly account: string;
      readonly found: string;
      readonly isTorn: boolean;
    }
  /** It claims an account at an epoch that this ledger does not know of. */
  | {
      readonly kind: 'ahead';
      readonly host: string;
      readonly account: string;
      readonly epoch: number;
    };

/** A claim that was superseded although its host does not know it. */
export interface OutdatedClaim {
  readonly account: string;
  readonly keyId: string;
  readonly epoch: number;
}

/** What a host still claims although the roster says that it is gone. */
export const findOutdated = (survey: HostSurvey, gone: readonly GoneClaim[]): OutdatedClaim[] =>
  survey.accounts.flatMap(({ keyId, claim }) => {
    const over = gone.find((each) => each.keyId === keyId);
    return claim !== null && over !== undefined && isOpenClaim(claim) && claim.epoch <= over.epoch
      ? [{ account: claim.account, keyId, epoch: claim.epoch }]
      : [];
  });

const isOpenClaim = ({ state }: Claim): boolean => state === 'active' || state === 'releasing';

/** An open move: what it touches is told by the move. */
export interface OpenMove {
  readonly account: string;
  readonly to: string;
  /** The owner has given its receipt: what it still has no longer matters. */
  readonly isReleased: boolean;
}

/** Compares what hosts claim with the ledger. Keys that the ledger does not know are left alone. */
export function findDrift(
  evidence: readonly HostEvidence[],
  owners: readonly KnownOwner[],
  moving: readonly OpenMove[],
): ClaimDrift[] {
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

function driftAt(
  host: string,
  found: SurveyedAccount | undefined,
  owner: KnownOwner,
  moves: readonly OpenMove[],
): ClaimDrift[] {
  const claim = found?.claim ?? null;
  const isOpen = claim !== null && isOpenClaim(claim);
  const about = { host, account: owner.account };
  // Superseded claims are closed by the contact without the operator.
  if (isOpen && owner.host !== host && claim.epoch < owner.epoch) return [];
  // A move cannot stop what its owner knows nothing of: that is for the operator.
  const isForgotten =
    owner.host === host && claim === null && moves.every(({ isReleased }) => !isReleased);
  if (moves.length > 0 && !isForgotten) return [];
  if (isOpen && claim.epoch > owner.epoch) return [{ kind: 'ahead', ...about, epoch: claim.epoch }];
  if (owner.host !== host) return [];
  if (claim?.state === 'active' && claim.epoch === owner.epoch && found?.claimFault === null)
    return [];
  const fault = found?.claimFault ?? null;
  const words =
    claim === null ? 'no claim' : `a claim that is ${claim.state} at epoch ${claim.epoch}`;
  return [
    {
      kind: 'lost',
      ...about,
      found: fault === null ? words : `a claim that is ${fault}`,
      isTorn: fault === 'torn',
    },
  ];
}

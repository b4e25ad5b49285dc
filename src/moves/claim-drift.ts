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
  | { readonly kind: 'lost'; readonly host: string; readonly account: string; readonly found: string }
  /** It claims an account at an epoch that this ledger does not know of. */
  | { readonly kind: 'ahead'; readonly host: string; readonly account: string; readonly epoch: number };

/**
 * Compares what hosts claim with the ledger. Accounts with an open move, in `moving`, are left out: their move tells. Keys that the ledger does not
 * know are none of its business.
 */
export function findDrift(evidence: readonly HostEvidence[], owners: readonly KnownOwner[], moving: ReadonlySet<string>): ClaimDrift[] {
  const settled = owners.filter(({ account }) => !moving.has(account));
  return evidence.flatMap(({ host, survey }) => {
    if (survey === null) return [];
    const claims = new Map(survey.accounts.map((account) => [account.keyId, account]));
    return settled.flatMap((owner): ClaimDrift[] => {
      const found = claims.get(owner.keyId);
      const claim = found?.claim ?? null;
      const isOpen = claim !== null && (claim.state === 'active' || claim.state === 'releasing');
      const about = { host, account: owner.account };
      if (isOpen && claim.epoch > owner.epoch) return [{ kind: 'ahead', ...about, epoch: claim.epoch }];
      if (owner.host === host) {
        if (claim?.state === 'active' && claim.epoch === owner.epoch && found?.claimFault === null) return [];
        const words = found?.claimFault ?? (claim === null ? 'no claim' : `a claim that is ${claim.state} at epoch ${claim.epoch}`);
        return [{ kind: 'lost', ...about, found: words }];
      }
      return isOpen
        ? [{ kind: 'outdated', ...about, keyId: owner.keyId, ownerEpoch: owner.epoch, stagedEpochs: found?.stagedEpochs ?? [] }]
        : [];
    });
  });
}

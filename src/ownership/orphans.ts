import type { Claim } from '../../hostside/protocol/claim.ts';
import type { HostEvidence } from './evidence.ts';
import { detached } from './phases.ts';

/** Files of one account and epoch that some host holds. */
export interface StagedFiles {
  readonly host: string;
  readonly keyId: string;
  readonly epoch: number;
}

/**
 * Session files that a run which was killed left on a host that does not own the account and is not
 * about to: they have to go. Files of an epoch that
 * the host's claim has, or of an open move to this very host, stay; those of a `released` claim go
 * once the account has left the fleet, or is well at a
 * higher epoch on the host that `settled` names by key (`detached`: it has left from there, or from
 * a later owner). `keyIds`: the keys that this ledger knows; other files are none of its business.
 */
export function orphanFiles(
  evidence: readonly HostEvidence[],
  keyIds: ReadonlySet<string>,
  expected: readonly StagedFiles[],
  settled: ReadonlyMap<string, { readonly host: string; readonly epoch: number }> = new Map(),
): StagedFiles[] {
  const isExpected = (files: StagedFiles): boolean =>
    expected.some(
      ({ host, keyId, epoch }) =>
        host === files.host && keyId === files.keyId && epoch === files.epoch,
    );
  return evidence.flatMap(({ host, survey }) =>
    (survey?.accounts ?? [])
      .filter(({ keyId, claimFault }) => keyIds.has(keyId) && claimFault === null)
      .flatMap(({ keyId, claim, stagedEpochs }) =>
        stagedEpochs
          .filter((epoch) => claim?.epoch !== epoch || isOver(claim, host, settled.get(keyId)))
          .map((epoch) => ({ host, keyId, epoch })),
      )
      .filter((files) => !isExpected(files)),
  );
}

function isOver(
  claim: Claim,
  host: string,
  owner: { readonly host: string; readonly epoch: number } | undefined,
): boolean {
  if (claim.state === 'revoked' || (claim.state === 'released' && claim.successor === detached))
    return true;
  return (
    claim.state === 'released' &&
    owner !== undefined &&
    owner.host !== host &&
    owner.epoch > claim.epoch
  );
}

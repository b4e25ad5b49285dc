import type { HostEvidence } from './evidence.ts';

/** Files of one account and epoch that some host holds. */
export interface StagedFiles {
  readonly host: string;
  readonly keyId: string;
  readonly epoch: number;
}

/**
 * Session files that a run which was killed left on a host that does not own the account and is not about to: they have to go. Files of an epoch that
 * the host's claim has, or of an open move to this very host, stay. `keyIds`: the keys that this ledger knows; other files are none of its business.
 */
export function orphanFiles(
  evidence: readonly HostEvidence[],
  keyIds: ReadonlySet<string>,
  expected: readonly StagedFiles[],
): StagedFiles[] {
  const isExpected = (files: StagedFiles): boolean =>
    expected.some(({ host, keyId, epoch }) => host === files.host && keyId === files.keyId && epoch === files.epoch);
  return evidence.flatMap(({ host, survey }) =>
    (survey?.accounts ?? [])
      .filter(({ keyId, claimFault }) => keyIds.has(keyId) && claimFault === null)
      .flatMap(({ keyId, claim, stagedEpochs }) =>
        stagedEpochs.filter((epoch) => claim?.epoch !== epoch || claim.state === 'revoked').map((epoch) => ({ host, keyId, epoch })),
      )
      .filter((files) => !isExpected(files)),
  );
}

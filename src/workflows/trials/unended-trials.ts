import type { LedgerDb } from '../../ledger/ledger.ts';
import { type Canary, lastCanary } from '../../ledger/queries/canaries.ts';
import type { CanaryKind } from '../../ledger/schema.ts';

/** A trial that is under way, or that holds back what did badly. */
export interface UnendedTrial {
  readonly kind: CanaryKind;
  readonly text: string;
  /** The command that goes on with it, or ends what it holds back. */
  readonly remedy: string;
}

const what: Readonly<Record<CanaryKind, string>> = {
  scripts: 'new scripts',
  workers: 'a new release',
};
const commands: Readonly<Record<CanaryKind, string>> = {
  scripts: 'fleet scripts push',
  workers: 'fleet init',
};

function describe({ kind, phase, accounts, note, begunAtMs }: Canary): UnendedTrial {
  const since = new Date(begunAtMs).toISOString().slice(0, 16);
  const on = `a trial on ${accounts.join(', ')}, begun ${since}Z`;
  const command = commands[kind];
  return phase === 'put-back'
    ? {
        kind,
        text: `${what[kind]} were put back after ${on}: ${note}`.replace(
          'release were',
          'release was',
        ),
        remedy: `change what did badly, then: ${command}`,
      }
    : {
        kind,
        text: `${what[kind]}: ${on}, is not finished (${phase})`,
        remedy: `${command} goes on with it`,
      };
}

/** At most one of each kind: the last one, unless it is done. */
export async function readUnendedTrials(db: LedgerDb): Promise<UnendedTrial[]> {
  const last = await Promise.all(
    (['scripts', 'workers'] as const).map((kind) => lastCanary(db, kind)),
  );
  return last.flatMap((canary) =>
    canary === null || canary.phase === 'done' ? [] : [describe(canary)],
  );
}

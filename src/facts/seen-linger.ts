import { formerLingerMs } from '../../hostside/protocol/linger.ts';
import { clockAheadCounter } from '../../hostside/protocol/worker.ts';

interface SeenAccount {
  readonly keyId: string;
  readonly status: { readonly counters: Readonly<Record<string, number>> } | null;
}

/**
 * How long Telegram may count a connection of the account, by the worker that a host's last sample (its JSON in the ledger) shows, ms: one of a release before asked for
 * longer, and does not tell Telegram's time. 0: the sample shows nothing of the kind.
 */
export function seenLingerMs(sampleJson: string | null, keyId: string): number {
  const { accounts = [] } = JSON.parse(sampleJson ?? '{}') as { readonly accounts?: readonly SeenAccount[] };
  const counters = accounts.find((account) => account.keyId === keyId)?.status?.counters;
  return counters !== undefined && (counters.connects ?? 0) > 0 && counters[clockAheadCounter] === undefined ? formerLingerMs : 0;
}

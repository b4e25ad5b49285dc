import { protocolVersion } from '../../hostside/protocol/host-acts.ts';
import { formerLingerMs } from '../../hostside/protocol/linger.ts';
import { clockAheadCounter } from '../../hostside/protocol/worker.ts';

interface SeenSample {
  readonly agent?: { readonly helperProtocol?: number };
  readonly accounts?: readonly SeenAccount[];
}

interface SeenAccount {
  readonly keyId: string;
  readonly unit?: { readonly activeState: string };
  readonly status: { readonly counters: Readonly<Record<string, number>> } | null;
}

/**
 * How long Telegram may count a connection of the account, by a host's last sample (its JSON in the
 * ledger), ms: a worker of a release before asked for longer, does not tell Telegram's time, and
 * runs on after an upgrade. A worker that does not show that it is of the current release counts as
 * an older one. 0: it is of today's, or had not been started there yet and is by programs of today.
 */
export function seenLingerMs(sampleJson: string | null, keyId: string): number {
  if (sampleJson === null) return formerLingerMs;
  const { agent, accounts = [] } = JSON.parse(sampleJson) as SeenSample;
  if ((agent?.helperProtocol ?? 1) < protocolVersion) return formerLingerMs;
  const account = accounts.find((each) => each.keyId === keyId);
  const isDown =
    account === undefined || ['inactive', 'failed'].includes(account.unit?.activeState ?? '');
  return isDown || account.status?.counters[clockAheadCounter] !== undefined ? 0 : formerLingerMs;
}

import {
  type LeftGroup,
  type RecentSilence,
  type SilenceReason,
  silenceReasons,
} from '../../../hostside/protocol/silence.ts';
import { accountStateIn } from '../../facts/account-state.ts';
import type { AccountState } from '../../model/account-state.ts';
import type { FleetContext } from '../context.ts';
import { readSamples } from '../hosts/read-samples.ts';
import { findOwned } from '../ownership/account-acts.ts';
import { readSilences } from './account-control.ts';

export interface SilenceReport {
  readonly account: string;
  readonly host: string;
  readonly isPaused: boolean;
  /** How it stands now; one that is not online answers nobody. */
  readonly state: AccountState;
  /** Empty when online. */
  readonly reason: string;
  /** As the worker counts since its start; null: it tells no status. */
  readonly received: number | null;
  readonly answered: number | null;
  /** Most frequent first, since the start of the worker. */
  readonly reasons: readonly {
    readonly reason: string;
    readonly count: number;
    readonly meaning: string;
  }[];
  /** The newest, newest first. */
  readonly recent: readonly RecentSilence[];
  /** Groups of its allow-list that it is not in; null: its worker does not tell. */
  readonly left: readonly LeftGroup[] | null;
}

/**
 * Why an account says nothing, as its worker counts and remembers it. Asks the host now. Errors:
 * `usage`, those of the Remote, `agent-reply`.
 */
export async function whySilent(
  context: FleetContext,
  name: string,
  lines: number,
): Promise<SilenceReport> {
  const { account, host } = await findOwned(context, name);
  const [[reading], silences] = await Promise.all([
    readSamples(context, [host], 0),
    readSilences(context, host, account.key_id),
  ]);
  if (reading?.problem) throw reading.problem;
  const recorded = { state: account.state, reason: account.state_reason };
  const sample = reading?.sample ?? null;
  const counters =
    sample?.accounts.find(({ keyId }) => keyId === account.key_id)?.status?.counters ?? null;
  const skipped = Object.entries(counters ?? {}).filter(([counter]) =>
    counter.startsWith('skipped_'),
  );
  return {
    account: name,
    host: host.name,
    isPaused: account.paused === 1,
    ...(sample === null
      ? recorded
      : accountStateIn(sample, account.key_id, account.wanted === 1, recorded)),
    received: counters?.received ?? (counters === null ? null : 0),
    answered: counters?.answered ?? (counters === null ? null : 0),
    reasons: skipped
      .map(([counter, count]) => ({
        reason: counter.slice('skipped_'.length).replaceAll('_', '-'),
        count,
      }))
      .toSorted((a, b) => b.count - a.count)
      .map(({ reason, count }) => ({
        reason,
        count,
        meaning: silenceReasons[reason as SilenceReason] ?? '',
      })),
    recent: (silences?.recent ?? []).toReversed().slice(0, lines),
    left: silences?.left ?? null,
  };
}

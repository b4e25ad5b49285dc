import { FleetError, type FleetErrorCode } from '../model/errors.ts';

/** Connections that end before a login: each is counted there, and enough of them shut this address out. One that sshd refuses from the start is not. */
const countedCodes: readonly FleetErrorCode[] = ['ssh-auth', 'ssh-host-key'];
/** fail2ban shuts an address out after five within ten minutes, as it is shipped: with these pauses there are never more than four. Milliseconds. */
const firstPauseMs = 60_000;
const longestPauseMs = 600_000;

interface Refusal {
  readonly error: FleetError;
  readonly count: number;
  readonly untilMs: number;
}

/** Which hosts are not to be asked for a while, because they have refused this operator. */
export interface LoginPauses {
  /** Why the host is not asked now: what it said last; null: it may be asked. */
  pausedBy(host: string, nowMs: number): FleetError | null;
  /** What came of asking; null: it answered. */
  note(host: string, error: FleetError | null, nowMs: number): void;
}

/** For who asks the same hosts again and again in one run. */
export function createLoginPauses(): LoginPauses {
  const refusals = new Map<string, Refusal>();
  return {
    pausedBy(host, nowMs) {
      const refusal = refusals.get(host);
      if (refusal === undefined || nowMs >= refusal.untilMs) return null;
      const { error, untilMs } = refusal;
      const seconds = Math.ceil((untilMs - nowMs) / 1000);
      const hint = `it is asked again in ${seconds} s: each refused login is counted there, and enough of them shut this address out. ${error.hint}`;
      return new FleetError(error.code, error.message, { hint, host, problems: error.problems, cause: error });
    },
    note(host, error, nowMs) {
      if (error === null || !countedCodes.includes(error.code)) return void refusals.delete(host);
      const count = (refusals.get(host)?.count ?? 0) + 1;
      refusals.set(host, { error, count, untilMs: nowMs + Math.min(longestPauseMs, firstPauseMs * 2 ** (count - 1)) });
    },
  };
}

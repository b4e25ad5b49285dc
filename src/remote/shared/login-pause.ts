import { FleetError, type FleetErrorCode } from '../../model/errors.ts';

/**
 * Connections that end before a login: each is counted there, and enough of them shut this address
 * out. One that sshd refuses from the start is not.
 */
const countedCodes: readonly FleetErrorCode[] = ['ssh-auth', 'ssh-host-key'];
/**
 * fail2ban shuts an address out after five within ten minutes, as it is shipped: with these pauses
 * there are never more than four. sshd itself (OpenSSH
 * 9.8 and later, PerSourcePenalties) forgets each within seconds. Milliseconds.
 */
const firstPauseMs = 60_000;
const longestPauseMs = 1_800_000;

/** What a host has refused, in a row. */
export interface LoginRefusal {
  readonly error: FleetError;
  readonly count: number;
  /** The last one, ms since the epoch. */
  readonly atMs: number;
}

/** Whether hosts count the failure as a refused login. Pure. */
export const isLoginRefused = ({ code }: FleetError): boolean => countedCodes.includes(code);

/** The next one in a row. Pure. */
export const countRefusal = (
  before: LoginRefusal | null,
  error: FleetError,
  atMs: number,
): LoginRefusal => ({
  error,
  count: (before?.count ?? 0) + 1,
  atMs,
});

/**
 * When a host may be asked again that has refused the login: a minute after the first time, twice
 * as long after each further one, half an hour at most. Pure.
 */
export const askedAgainAt = ({ count, atMs }: Pick<LoginRefusal, 'count' | 'atMs'>): number =>
  atMs + Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(count - 1, 16));

/**
 * Why the host is not asked now: what it said last; null: it may be asked. A refusal from the
 * future is that of another clock. Pure.
 */
export function pausedBy(
  refusal: LoginRefusal | null,
  host: string,
  nowMs: number,
): FleetError | null {
  if (refusal === null || refusal.atMs > nowMs) return null;
  const untilMs = askedAgainAt(refusal);
  if (nowMs >= untilMs) return null;
  const { code, message, hint, problems } = refusal.error;
  const why =
    `it is asked again in ${waitWords(untilMs - nowMs)}: each refused login is counted ` +
    'there, and enough of them shut this address out';
  return new FleetError(code, message, {
    hint: `${why}. ${hint}`,
    host,
    problems,
    cause: refusal.error,
  });
}

const waitWords = (ms: number): string =>
  ms <= 120_000 ? `${Math.ceil(ms / 1000)} s` : `${Math.ceil(ms / 60_000)} min`;

/** Every login of a run goes by it. */
export interface LoginGate {
  /** Why the host is not asked now; null: it is. */
  pausedBy(host: string): Promise<FleetError | null>;
  /** What came of asking; null: the host let fleet in. */
  note(host: string, error: FleetError | null): Promise<void>;
}

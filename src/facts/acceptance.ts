import type { AccountSample, HostSample } from '../../hostside/protocol/sample.ts';
import { replyBucketsMs } from '../../hostside/protocol/worker.ts';
import { counted } from '../model/counted.ts';
import { findingsIn } from './host-findings.ts';

export const acceptanceStages = ['host', 'accounts', 'hosts', 'load'] as const;
export type AcceptanceStage = (typeof acceptanceStages)[number];

/**
 * One sentence of the acceptance. `not-shown`: nothing is wrong, but nothing proves it either; the
 * remedy says what would.
 */
export interface AcceptanceCheck {
  readonly stage: AcceptanceStage;
  /** Host or account. */
  readonly where: string;
  readonly verdict: 'passed' | 'failed' | 'not-shown';
  readonly text: string;
  readonly remedy: string;
}

/**
 * A host at one moment; `sample` null: `problem` says why it could not be asked, or it is not
 * ready.
 */
export interface HostLook {
  readonly host: string;
  readonly sample: HostSample | null;
  readonly latencyMs: number | null;
  readonly problem: { readonly message: string; readonly hint: string } | null;
}

export interface AccountLook {
  readonly name: string;
  readonly host: string | null;
  readonly state: string;
  readonly reason: string;
  readonly measured: AccountSample | null;
}

export interface FleetLook {
  readonly atMs: number;
  readonly hosts: readonly HostLook[];
  readonly accounts: readonly AccountLook[];
}

/**
 * Requirements A8 and A10: an account's memory, bytes; its reply time without the model's, ms; a
 * host's busy share, 0-1; the memory of a host's accounts, bytes.
 */
const bounds = {
  accountBytes: 512 * 2 ** 20,
  replyMs: 2_000,
  hostBusy: 0.8,
  hostAccountsBytes: 4 * 2 ** 30,
  perMinute: 10,
  restarts: 3,
};
/** A worker writes its status at least every 60 s. */
const statusAgeMs = 180_000;

/**
 * Pure. Every host answers, measures itself, and has nothing that needs action now. `releases`:
 * what `init` brought to each.
 */
export function checkEachHost(
  { hosts }: FleetLook,
  releases: ReadonlyMap<string, string | null>,
  requireClockSync: boolean,
): AcceptanceCheck[] {
  return hosts.map(({ host, sample, latencyMs, problem }) => {
    const say = sentences('host', host);
    if (sample === null)
      return problem === null
        ? say.failed('it is not ready', `fleet init --limit ${host}`)
        : say.failed(problem.message, problem.hint);
    const [worst] = findingsIn(sample, releases.get(host) ?? null, requireClockSync).filter(
      ({ level }) => level === 'critical',
    );
    if (worst !== undefined) return say.failed(worst.text, worst.remedy);
    return say.passed(
      `answers within ${Math.ceil(latencyMs ?? 0)} ms, agent ${sample.agent.release}, ` +
        'clock and disk in order',
    );
  });
}

/**
 * Pure. Every account is online, on its own host and on no other, with a fresh status, within its
 * memory, and does not restart again and again.
 */
export function checkEachAccount(look: FleetLook): AcceptanceCheck[] {
  const silent = look.hosts.filter(({ sample }) => sample === null).map(({ host }) => host);
  return look.accounts.map((account) => checkAccount(account, look, silent));
}

function checkAccount(
  { name, host, state, reason, measured }: AccountLook,
  { hosts }: FleetLook,
  silent: readonly string[],
): AcceptanceCheck {
  const say = sentences('accounts', name);
  const logs = `fleet logs ${name}`;
  if (host === null) return say.open(`it has no host (${state})`, `fleet allocate ${name}`);
  if (state === 'stopped')
    return say.open('the operator has stopped it', `fleet accounts start ${name}`);
  if (state !== 'online')
    return say.failed(`it is ${state}: ${reason}`, `fleet status says what to do; ${logs}`);
  if (measured === null)
    return say.open(`${host} did not say how it is`, `fleet doctor --limit ${host}`);
  const { keyId, unit, memoryBytes, status } = measured;
  const runsAt = hosts
    .filter(({ sample }) =>
      sample?.accounts.some((each) => each.keyId === keyId && isRunning(each)),
    )
    .map((each) => each.host);
  if (runsAt.length !== 1)
    return say.failed(
      `it runs on ${runsAt.join(' and ') || 'no host'}`,
      `fleet accounts verify ${name}`,
    );
  if (silent.length > 0)
    return say.open(
      `it runs on ${host}, but ${silent.join(', ')} did not answer and was not seen without it`,
      'fleet doctor',
    );
  if (unit.restarts > bounds.restarts)
    return say.failed(`it was restarted ${unit.restarts} times`, logs);
  const sample = hosts.find((each) => each.host === host)?.sample;
  const ageMs = (sample?.takenAtMs ?? 0) - Date.parse(status?.updatedAt ?? '');
  if (!(ageMs <= statusAgeMs))
    return say.failed('its worker has not told its status for three minutes', logs);
  if ((memoryBytes ?? 0) > bounds.accountBytes)
    return say.failed(`it uses ${megabytes(memoryBytes ?? 0)}`, logs);
  const memory = memoryBytes === null ? 'memory not counted' : megabytes(memoryBytes);
  return say.passed(`online on ${host} and nowhere else, ${memory}, ${unit.restarts} restarts`);
}

const isRunning = ({ unit }: AccountSample): boolean =>
  unit.activeState === 'active' || unit.activeState === 'activating';

/**
 * Pure. What each host measured between two looks: reply times, the load of the host, the memory of
 * its accounts.
 */
export function checkLoad(before: FleetLook, after: FleetLook): AcceptanceCheck[] {
  const minutes = (after.atMs - before.atMs) / 60_000;
  const earlier = new Map(before.accounts.map((account) => [account.name, account.measured]));
  const accounts = after.accounts
    .filter(({ state }) => state === 'online')
    .map((account) => checkReplies(account, earlier.get(account.name) ?? null, minutes));
  return [...after.hosts.flatMap(checkHostLoad), ...accounts];
}

function checkHostLoad({ host, sample }: HostLook): AcceptanceCheck[] {
  if (sample === null) return [];
  const say = sentences('load', host);
  const busy = sample.cpu.busyRatio.m1 ?? sample.cpu.busyRatio.now;
  const bytes = sample.accounts.reduce((sum, { memoryBytes }) => sum + (memoryBytes ?? 0), 0);
  const isCounted =
    sample.accounts.length === 0 || sample.accounts.some(({ memoryBytes }) => memoryBytes !== null);
  const use = isCounted ? megabytes(bytes) : 'memory that is not counted';
  const text = `${Math.round(100 * busy)} % busy, ${counted(sample.accounts.length, 'account uses', 'accounts use')} ${use}`;
  const isWell = busy < bounds.hostBusy && bytes < bounds.hostAccountsBytes;
  return [
    isWell
      ? say.passed(text)
      : say.failed(
          text,
          `fleet rankings says what would relieve it; fleet drain ${host} empties it`,
        ),
  ];
}

function checkReplies(
  { name, measured }: AccountLook,
  before: AccountSample | null,
  minutes: number,
): AcceptanceCheck {
  const say = sentences('load', name);
  const [now, then] = [measured?.status?.counters ?? {}, before?.status?.counters ?? {}];
  const grown = (counter: string): number =>
    Math.max(0, (now[counter] ?? 0) - (then[counter] ?? 0));
  const buckets = [
    ...replyBucketsMs.map((limit) => [limit, grown(`reply_own_ms_${limit}`)] as const),
    [Number.POSITIVE_INFINITY, grown('reply_own_ms_more')] as const,
  ];
  const replies = buckets.reduce((sum, [, count]) => sum + count, 0);
  const perMinute = grown('received') / minutes;
  const traffic = `${perMinute.toFixed(1)} messages a minute, ${replies} replies`;
  const within = (limit: number): number =>
    buckets.reduce((sum, [upTo, count]) => sum + (upTo <= limit ? count : 0), 0);
  const p95Ms =
    buckets.find(([limit]) => within(limit) >= 0.95 * replies)?.[0] ?? Number.POSITIVE_INFINITY;
  if (replies > 0 && p95Ms > bounds.replyMs)
    return say.failed(
      `${traffic}, P95 above ${bounds.replyMs / 1000} s without the model's time`,
      `fleet logs ${name}; is its host busy? fleet top`,
    );
  if (replies === 0 && perMinute >= bounds.perMinute)
    return say.open(
      traffic,
      `if it is meant to answer, fleet why-silent ${name} says why it does not`,
    );
  if (perMinute < bounds.perMinute)
    return say.open(
      `only ${traffic}`,
      `measure again while its groups are busy, at least ${bounds.perMinute} messages a minute`,
    );
  return say.passed(`${traffic}, P95 at most ${p95Ms} ms without the model's time`);
}

const megabytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MB`;

/** Makers of checks about one place. */
export const sentences = (stage: AcceptanceStage, where: string) => ({
  passed: (text: string): AcceptanceCheck => ({
    stage,
    where,
    verdict: 'passed',
    text,
    remedy: '',
  }),
  failed: (text: string, remedy: string): AcceptanceCheck => ({
    stage,
    where,
    verdict: 'failed',
    text,
    remedy,
  }),
  open: (text: string, remedy: string): AcceptanceCheck => ({
    stage,
    where,
    verdict: 'not-shown',
    text,
    remedy,
  }),
});

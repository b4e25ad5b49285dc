import type { FlatFleet } from '../fleet/flat-fleet.ts';
import { type Candidate, type HostPreference, rankLength } from './host-preference.ts';
import type { RunnerUp } from './placement-plan.ts';
import { ranksLower } from './placer.ts';

/**
 * Why `chosen` and none of `rivals` (the others that would take the account, best first; null: not
 * looked at). One line with figures.
 */
export function explainChoice(
  fleet: FlatFleet,
  preference: HostPreference,
  candidate: Candidate,
  chosen: number,
  rivals: readonly number[] | null,
): string {
  const before = fleet.score[chosen] ?? 0;
  const scores = `score ${points(before)} -> ${points(before + fleet.weight(candidate.account, chosen))}`;
  const best = rivals?.[0];
  if (rivals !== null && best === undefined) return `the only host that takes it now; ${scores}`;
  const isByBatch =
    best === undefined
      ? candidate.strategy === 'load'
      : rankedLower(preference, candidate, best, chosen);
  if (isByBatch)
    return (
      `${candidate.strategy === 'location' ? 'nearer for the batch as a whole' : 'balances the batch'}` +
      `; ${scores}`
    );
  const isPassedOver =
    candidate.strategy === 'load' &&
    rivals?.some((rival) => (fleet.score[rival] ?? 0) < before) === true;
  return (
    `${isPassedOver ? 'lowest load score among hosts that do not become the peak' : virtueOf(fleet, preference, candidate, chosen)}` +
    `; ${scores}`
  );
}

/** What the strategy likes about the host. */
function virtueOf(
  fleet: FlatFleet,
  preference: HostPreference,
  { account, strategy }: Candidate,
  host: number,
): string {
  const accountView = fleet.accounts[account];
  const hostView = fleet.hosts[host];
  switch (strategy) {
    case 'load':
      return 'lowest load score';
    case 'even':
      return `fewest accounts (${accountsOn(fleet, host)})`;
    case 'location':
      return nearness(preference, account, host, accountView?.location !== null);
    case 'affinity': {
      const count = preference.sameScriptOn(account, host);
      return count > 0
        ? `runs script ${accountView?.script} already (${accounts(count)})`
        : 'most room for the script';
    }
    case 'isolation': {
      const inZone = preference.membersInZoneOf(account, host);
      return (
        `fewest of its group: ${inZone} in zone ${hostView?.zone ?? '-'}, ` +
        `${preference.membersOn(account, host)} on the host`
      );
    }
  }
}

/** Why `rival`, which would take the account too, is not `chosen`. */
export function explainRival(
  fleet: FlatFleet,
  preference: HostPreference,
  candidate: Candidate,
  chosen: number,
  rival: number,
): RunnerUp {
  const host = fleet.hosts[rival]?.name;
  if (host === undefined) throw new RangeError(`no host ${rival}`);
  const scoreBefore = fleet.score[rival] ?? 0;
  const scoreAfter = scoreBefore + fleet.weight(candidate.account, rival);
  const reason = rankedLower(preference, candidate, rival, chosen)
    ? 'ranks better for this account alone, but left free for the rest of the batch'
    : lossOf(fleet, preference, candidate, chosen, rival);
  return { host, scoreBefore, scoreAfter, reason };
}

function lossOf(
  fleet: FlatFleet,
  preference: HostPreference,
  candidate: Candidate,
  chosen: number,
  rival: number,
): string {
  const { account, strategy } = candidate;
  const byScore = lossByScore(fleet, account, chosen, rival);
  switch (strategy) {
    case 'load':
      return byScore;
    case 'even': {
      const more = accountsOn(fleet, rival) - accountsOn(fleet, chosen);
      return more > 0
        ? `${accounts(accountsOn(fleet, rival))}, ${more} more`
        : `as many accounts, ${byScore}`;
    }
    case 'location':
      return (
        lossByDistance(
          preference,
          candidate,
          chosen,
          rival,
          fleet.accounts[account]?.location !== null,
        ) ?? `as near, ${byScore}`
      );
    case 'affinity': {
      const runsScript = preference.sameScriptOn(account, rival) > 0;
      if (preference.sameScriptOn(account, chosen) > 0)
        return runsScript ? `runs the script too, ${byScore}` : 'does not run the script';
      return 'less room for the script, or as much and a higher score';
    }
    case 'isolation': {
      const inZone =
        preference.membersInZoneOf(account, rival) - preference.membersInZoneOf(account, chosen);
      if (inZone > 0) return `${inZone} more of its group in the zone`;
      const onHost = preference.membersOn(account, rival) - preference.membersOn(account, chosen);
      return onHost > 0 ? `${onHost} more of its group on the host` : `as isolated, ${byScore}`;
    }
  }
}

function lossByScore(fleet: FlatFleet, account: number, chosen: number, rival: number): string {
  const now = (fleet.score[rival] ?? 0) - (fleet.score[chosen] ?? 0);
  const after = now + fleet.weight(account, rival) - fleet.weight(account, chosen);
  if (now > 0) return `scores ${points(fleet.score[rival] ?? 0)}, ${points(now)} more`;
  if (after > 0) return `scores lower now, but would end ${points(after)} higher`;
  return 'equal; the lower name goes first';
}

function lossByDistance(
  preference: HostPreference,
  { account }: Candidate,
  chosen: number,
  rival: number,
  isDistance: boolean,
): string | null {
  // Hosts that count as equally near are told apart by their load.
  if (preference.detour(account, rival) === preference.detour(account, chosen)) return null;
  const far = preference.remoteness(account, rival);
  const near = preference.remoteness(account, chosen);
  return (
    `${formatRemoteness(far, isDistance)}, the chosen host ` +
    `${formatRemoteness(near, isDistance)}`
  );
}

function rankedLower(
  preference: HostPreference,
  candidate: Candidate,
  a: number,
  b: number,
): boolean {
  const [rankA, rankB] = [new Float64Array(rankLength), new Float64Array(rankLength)];
  preference.rank(candidate, a, rankA);
  preference.rank(candidate, b, rankB);
  return ranksLower(rankA, rankB) || (!ranksLower(rankB, rankA) && a < b);
}

function accountsOn(fleet: FlatFleet, host: number): number {
  return (fleet.hosts[host]?.maxAccounts ?? 0) - (fleet.freeSlots[host] ?? 0);
}

/** Points of load score with one digit. */
export function points(value: number): string {
  return value.toFixed(1);
}

function accounts(count: number): string {
  return count === 1 ? '1 account' : `${count} accounts`;
}

function nearness(
  preference: HostPreference,
  account: number,
  host: number,
  isDistance: boolean,
): string {
  const away = formatRemoteness(preference.remoteness(account, host), isDistance);
  if (isDistance) return `nearest: ${away}`;
  return preference.detour(account, host) === 0
    ? `no location: lowest load score of the hosts that answer fast (${away})`
    : `no location: fastest answer (${away})`;
}

function formatRemoteness(remoteness: number, isDistance: boolean): string {
  if (!Number.isFinite(remoteness)) return isDistance ? 'location unknown' : 'latency unknown';
  return isDistance ? `${Math.round(remoteness)} km` : `${Math.round(remoteness)} ms`;
}

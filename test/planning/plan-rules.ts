import type { PlacementPolicy } from '../../src/model/inventory.ts';
import type { AccountView, FleetView, HostView } from '../../src/planning/fleet/fleet-view.ts';

/** A move as every plan has it. */
export interface PlannedMove {
  readonly account: string;
  readonly from: string | null;
  readonly to: string;
}

/**
 * The hard rules written a second time, slowly and from the requirements, so that the planner is
 * not judged by its own code. Applies
 * the moves in order and returns each rule that one of them breaks.
 */
export function brokenRules(
  view: FleetView,
  policy: PlacementPolicy,
  moves: readonly PlannedMove[],
  maxVoluntary: number,
): string[] {
  const broken: string[] = [];
  const where = new Map<string, string | null>(view.accounts.map(({ name, host }) => [name, host]));
  const moved = new Set<string>();
  let voluntary = 0;
  for (const { account: name, from, to } of moves) {
    const account = view.accounts.find((candidate) => candidate.name === name);
    const target = view.hosts.find((candidate) => candidate.name === to);
    if (account === undefined || target === undefined) {
      broken.push(`unknown ${name} or ${to}`);
      continue;
    }
    if (moved.has(name)) broken.push(`${name} twice`);
    moved.add(name);
    if (from !== account.host) broken.push(`${name} is on ${account.host}, not ${from}`);
    if (where.get(name) === to) broken.push(`${name} is on ${to} already`);
    if (!isForced(view, account)) {
      voluntary++;
      if (account.pinnedTo !== null) broken.push(`${name} is pinned`);
      if (account.movedAtMs !== null && view.nowMs - account.movedAtMs < policy.cooldownMs)
        broken.push(`${name} rests`);
    }
    where.set(name, null);
    const residents = view.accounts.filter((other) => where.get(other.name) === to);
    broken.push(
      ...refusalsOf(account, target, residents, policy).map((rule) => `${name} -> ${to}: ${rule}`),
    );
    where.set(name, to);
  }
  if (voluntary > maxVoluntary) broken.push(`${voluntary} voluntary moves`);
  return broken;
}

function isForced(view: FleetView, account: AccountView): boolean {
  const host = view.hosts.find(({ name }) => name === account.host);
  return host === undefined || host.state === 'dead' || host.state === 'draining';
}

/** Every hard rule that keeps the account away from the host which has these residents. */
export function refusalsOf(
  account: AccountView,
  target: HostView,
  residents: readonly AccountView[],
  policy: PlacementPolicy,
): string[] {
  const rules: string[] = [];
  if (target.state !== 'up') rules.push(target.state);
  if (account.pinnedTo !== null && account.pinnedTo !== target.name) rules.push('pinned');
  const names = [target.zone, target.location?.country, ...target.groups];
  if (account.allowedZones.length > 0 && !account.allowedZones.some((zone) => names.includes(zone)))
    rules.push('zone');
  if (residents.length >= target.maxAccounts) rules.push('full');
  const used = residents.reduce(
    (sum, { memoryBytes }) => sum + memoryBytes,
    target.baseMemoryBytes,
  );
  if (used + account.memoryBytes > target.memoryBytes * policy.memoryLimitRatio + 1)
    rules.push('memory');
  const key = account.labels['anti-affinity'];
  if (key !== undefined && residents.some(({ labels }) => labels['anti-affinity'] === key))
    rules.push('anti-affinity');
  return rules;
}

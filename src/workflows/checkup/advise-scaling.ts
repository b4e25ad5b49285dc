import type { HostSample } from '../../../hostside/protocol/sample.ts';
import type { PlacedAccount } from '../../ledger/queries/accounts.ts';
import { dailySamples } from '../../ledger/queries/records.ts';
import {
  adviseScaling,
  type FleetUse,
  type HostUse,
  type ScalingAdvice,
} from '../../planning/advice/scaling-advice.ts';
import type { FleetView } from '../../planning/fleet/fleet-view.ts';
import type { FleetContext } from '../context.ts';
import type { HostReading } from '../hosts/read-samples.ts';

/** How far back a trend is looked for. */
const trendMs = 14 * 86_400_000;

interface FleetFacts {
  readonly view: FleetView;
  readonly readings: readonly HostReading[];
  readonly accounts: readonly PlacedAccount[];
}

/** What the fleet lacks, or will lack, by what was measured now and in the last two weeks. */
export async function adviseFleet(
  context: FleetContext,
  facts: FleetFacts,
): Promise<ScalingAdvice> {
  return (await adviseByTrend(context, facts)).advice;
}

/** The advice, and the days that it was made from, oldest first. */
export async function adviseByTrend(
  context: FleetContext,
  { view, readings, accounts }: FleetFacts,
): Promise<{ readonly advice: ScalingAdvice; readonly days: readonly FleetUse[] }> {
  const samples = new Map(readings.map(({ host, sample }) => [host.name, sample]));
  const uses = view.hosts.flatMap((host): HostUse[] => {
    const sample = samples.get(host.name) ?? null;
    if (host.state !== 'up' || sample === null) return [];
    const here = view.accounts.filter((account) => account.host === host.name).length;
    const { cores, memoryBytes, ...ratios } = measuredIn(sample);
    return [
      {
        host: host.name,
        cores,
        memoryBytes,
        ...ratios,
        accounts: here,
        maxAccounts: host.maxAccounts,
      },
    ];
  });
  const waiting = accounts.filter(
    ({ state, host, wanted }) => state === 'stored' && host === null && wanted === 1,
  ).length;
  const days = (await pastDays(context, uses)).toSorted((a, b) => a.atMs - b.atMs);
  return { advice: adviseScaling(uses, waiting, days, context.now()), days };
}

function measuredIn({ cpu, memory }: HostSample) {
  const { m15, m5, m1, now } = cpu.busyRatio;
  return {
    cores: cpu.cores,
    busyRatio: m15 ?? m5 ?? m1 ?? now,
    memoryBytes: memory.totalBytes,
    memoryUsedRatio: 1 - memory.availableBytes / memory.totalBytes,
  };
}

/**
 * Days on which every one of these hosts was measured: others would show hosts that came or went,
 * not use that grows.
 */
async function pastDays(context: FleetContext, uses: readonly HostUse[]): Promise<FleetUse[]> {
  const byHost = new Map(uses.map((use) => [use.host, use]));
  const rows = (await dailySamples(context.ledger.db, context.now() - trendMs)).filter(({ host }) =>
    byHost.has(host),
  );
  const days = Map.groupBy(rows, ({ taken_at }) => Math.floor(taken_at / 86_400_000));
  return [...days.values()]
    .filter((day) => day.length === uses.length)
    .map((day) => useOf(day, byHost));
}

function useOf(
  day: readonly { host: string; taken_at: number; sample_json: string }[],
  byHost: ReadonlyMap<string, HostUse>,
): FleetUse {
  let [busy, cores, used, memory, accounts, slots] = [0, 0, 0, 0, 0, 0];
  for (const { host, sample_json } of day) {
    const sample = JSON.parse(sample_json) as HostSample;
    const measured = measuredIn(sample);
    busy += measured.busyRatio * measured.cores;
    cores += measured.cores;
    used += measured.memoryUsedRatio * measured.memoryBytes;
    memory += measured.memoryBytes;
    accounts += sample.accounts.length;
    slots += byHost.get(host)?.maxAccounts ?? 0;
  }
  const atMs = Math.max(...day.map(({ taken_at }) => taken_at));
  return {
    atMs,
    busyRatio: busy / cores,
    memoryUsedRatio: used / memory,
    slotsRatio: slots === 0 ? 0 : accounts / slots,
  };
}

import { listAlerts } from '../../ledger/queries/alerts.ts';
import { readHistory } from '../../ledger/queries/records.ts';
import { adviceLines } from '../../planning/advice/scaling-advice.ts';
import { rankHosts } from '../../planning/fleet/ranking.ts';
import { accountAvailability, hostAvailability, monthsUntil } from '../../report/availability.ts';
import type { Report } from '../../report/report.ts';
import { listKnownAccounts } from '../accounts/known-accounts.ts';
import type { FleetContext } from '../context.ts';
import { readFleetView } from '../hosts/read-fleet-view.ts';
import { adviseByTrend } from './advise-scaling.ts';
import { readPast } from './read-past.ts';

/** Decisions in a report at most. */
const decisionsShown = 200;

/** What the ledger knows, as a report of the last `months` months; asks no host. */
export async function readReport(context: FleetContext, months: number): Promise<Report> {
  const { inventory, ledger } = context;
  const nowMs = context.now();
  const facts = await readFleetView(context, { maxAgeMs: null });
  const { advice, days } = await adviseByTrend(context, facts);
  const samples = new Map(facts.readings.map((reading) => [reading.host.name as string, reading]));
  const ranks = new Map(
    rankHosts(facts.view, inventory.placement).map((rank) => [rank.host as string, rank]),
  );
  const windows = monthsUntil(nowMs, months);
  const past = await readPast(context);
  const accounts = await listKnownAccounts(ledger.db);
  const counts = Map.groupBy(accounts, ({ host }) => host);
  const hosts = inventory.hosts.map(({ name, zone, maxAccounts }) => {
    const reading = samples.get(name);
    const sample = reading?.sample ?? null;
    const rank = ranks.get(name);
    const busy =
      sample === null
        ? null
        : (sample.cpu.busyRatio.m15 ?? sample.cpu.busyRatio.m5 ?? sample.cpu.busyRatio.m1);
    return {
      ...{
        name,
        zone,
        maxAccounts,
        accounts: counts.get(name)?.length ?? 0,
        state: rank?.state ?? 'not-ready',
      },
      score: sample === null ? null : (rank?.score.total ?? null),
      cpu: busy,
      memory: sample === null ? null : 1 - sample.memory.availableBytes / sample.memory.totalBytes,
      disk: sample === null ? null : 1 - sample.disk.freeBytes / sample.disk.totalBytes,
      measuredAt: reading?.takenAtMs ?? null,
      months: windows.map((window) =>
        hostAvailability(past.hosts.get(name) ?? [], past.reboots.get(name) ?? [], window),
      ),
    };
  });
  const decisions = await readHistory(ledger.db, { limit: decisionsShown });
  const firing = (await listAlerts(ledger.db)).filter(({ state }) => state === 'firing');
  return {
    fleet: inventory.fleet,
    atMs: nowMs,
    hosts,
    accounts: accounts.map(({ name, host, state, state_reason, state_since }) => ({
      ...{ name, host, state, reason: state_reason, since: state_since },
      months: windows.map((window) =>
        accountAvailability(
          past.accounts.get(name) ?? [],
          past.outagesOf({ name, host }, window.to),
          window,
        ),
      ),
    })),
    decisions: decisions.map(({ at, account, from_host, host, type, reason }) => ({
      at,
      account,
      from: from_host,
      to: host,
      type,
      reason,
    })),
    trend: days.map(({ atMs, busyRatio, memoryUsedRatio, slotsRatio }) => ({
      at: atMs,
      cpu: busyRatio,
      memory: memoryUsedRatio,
      slots: slotsRatio,
    })),
    capacity: {
      slots: hosts.reduce((sum, host) => sum + host.maxAccounts, 0),
      used: accounts.filter(({ host }) => host !== null).length,
      advice: adviceLines(advice).map(({ text }) => text),
    },
    months: windows.map(({ name }) => name),
    alerts: firing.map(({ key, severity, firedAt, since, reason }) => ({
      key,
      severity,
      since: firedAt ?? since,
      reason,
    })),
  };
}

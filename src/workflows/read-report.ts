import { listAlerts } from '../ledger/alerts.ts';
import { readGrants, readHistory, readStateEvents } from '../ledger/records.ts';
import type { AccountState } from '../model/account-state.ts';
import { rankHosts } from '../planning/ranking.ts';
import { adviceLines } from '../planning/scaling-advice.ts';
import {
  type AccountChange,
  accountAvailability,
  type HostChange,
  hostAvailability,
  monthsUntil,
  type Span,
  silencesOf,
} from '../report/availability.ts';
import type { Report } from '../report/report.ts';
import { adviseByTrend } from './advise-scaling.ts';
import type { FleetContext } from './context.ts';
import { listKnownAccounts } from './known-accounts.ts';
import { readFleetView } from './read-fleet-view.ts';

/** Decisions in a report at most. */
const decisionsShown = 200;

/** What the ledger knows, as a report of the last `months` months; asks no host. */
export async function readReport(context: FleetContext, months: number): Promise<Report> {
  const { inventory, ledger } = context;
  const nowMs = context.now();
  const facts = await readFleetView(context, { maxAgeMs: null });
  const { advice, days } = await adviseByTrend(context, facts);
  const samples = new Map(facts.readings.map((reading) => [reading.host.name as string, reading]));
  const ranks = new Map(rankHosts(facts.view, inventory.placement).map((rank) => [rank.host as string, rank]));
  const windows = monthsUntil(nowMs, months);
  const past = await readPast(context);
  const accounts = await listKnownAccounts(ledger.db);
  const counts = Map.groupBy(accounts, ({ host }) => host);
  const hosts = inventory.hosts.map(({ name, zone, maxAccounts }) => {
    const reading = samples.get(name);
    const sample = reading?.sample ?? null;
    const rank = ranks.get(name);
    const busy = sample === null ? null : (sample.cpu.busyRatio.m15 ?? sample.cpu.busyRatio.m5 ?? sample.cpu.busyRatio.m1);
    return {
      ...{ name, zone, maxAccounts, accounts: counts.get(name)?.length ?? 0, state: rank?.state ?? 'unbootstrapped' },
      score: sample === null ? null : (rank?.score.total ?? null),
      cpu: busy,
      memory: sample === null ? null : 1 - sample.memory.availableBytes / sample.memory.totalBytes,
      disk: sample === null ? null : 1 - sample.disk.freeBytes / sample.disk.totalBytes,
      measuredAt: reading?.takenAtMs ?? null,
      months: windows.map((window) => hostAvailability(past.hosts.get(name) ?? [], past.reboots.get(name) ?? [], window)),
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
        accountAvailability(past.accounts.get(name) ?? [], host === null ? [] : past.silencesOf(host, window.to), window),
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
    alerts: firing.map(({ key, severity, firedAt, since, reason }) => ({ key, severity, since: firedAt ?? since, reason })),
  };
}

interface Past {
  readonly accounts: ReadonlyMap<string, readonly AccountChange[]>;
  readonly hosts: ReadonlyMap<string, readonly HostChange[]>;
  /** Spans that were announced, by host. */
  readonly reboots: ReadonlyMap<string, readonly Span[]>;
  readonly silencesOf: (host: string, untilMs: number) => readonly Span[];
}

const reportedStates: ReadonlySet<string> = new Set<AccountState>([
  ...(['stored', 'placed', 'online', 'reconnecting', 'flood-wait', 'offline', 'needs-login', 'duplicated', 'banned'] as const),
  ...(['misconfigured', 'stopped', 'held', 'removing', 'detached'] as const),
]);
const isState = (word: string): word is AccountState => reportedStates.has(word);

/** A worker that its host could not keep running says nothing about Telegram. */
const isHostTrouble = (state: string, text: string): boolean => state === 'offline' && /\bunit\b|knows nothing/.test(text);

/** What events and grants tell of states over time. */
async function readPast({ ledger }: FleetContext): Promise<Past> {
  const accounts = new Map<string, AccountChange[]>();
  const hosts = new Map<string, HostChange[]>();
  const reboots = new Map<string, Span[]>();
  const add = <Change>(map: Map<string, Change[]>, name: string, change: Change): void => {
    const known = map.get(name);
    if (known === undefined) map.set(name, [change]);
    else known.push(change);
  };
  for (const { at, account } of await readGrants(ledger.db)) add(accounts, account, { at, state: 'moved' });
  for (const { at, kind, host, account, text } of await readStateEvents(ledger.db)) {
    const word = kind.slice(kind.indexOf('-') + 1);
    if (account !== null && word === 'removed') add(accounts, account, { at, state: 'gone' });
    if (account !== null && kind.startsWith('account-') && isState(word))
      add(accounts, account, { at, state: word, isHostTrouble: isHostTrouble(word, text) });
    if (host === null || !kind.startsWith('host-')) continue;
    if (word === 'healthy' || word === 'suspect' || word === 'down') add(hosts, host, { at, state: word });
    if (word === 'initialised' && !hosts.has(host)) add(hosts, host, { at, state: 'healthy' });
    if (word === 'uninstalled' || word === 'forgotten' || word === 'destroyed') add(hosts, host, { at, state: 'gone' });
    // It says how long the host was away.
    const away = word === 'rebooted' ? Number(/(\d+) s/.exec(text)?.[1] ?? 0) * 1000 : 0;
    if (away > 0) add(reboots, host, { from: at - away, to: at });
  }
  for (const changes of accounts.values()) changes.sort((a, b) => a.at - b.at);
  const silences = new Map<string, readonly Span[]>();
  const silencesOfHost = (host: string, untilMs: number): readonly Span[] => {
    const key = `${host}@${untilMs}`;
    const known = silences.get(key) ?? silencesOf(hosts.get(host) ?? [], untilMs);
    silences.set(key, known);
    return known;
  };
  return { accounts, hosts, reboots, silencesOf: silencesOfHost };
}

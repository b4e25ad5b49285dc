import type { AccountSample, HostSample } from '../../../hostside/protocol/sample.ts';
import {
  closedGroupsGauge,
  frozenGauge,
  leftGroupsGauge,
  modelRefusedGauge,
} from '../../../hostside/protocol/worker.ts';
import type { News, SubjectFacts, Values } from '../../alerts/facts.ts';
import { type AccountRates, accountRates } from '../../facts/account-rates.ts';
import { accountSpecFor } from '../../inventory/account-spec.ts';
import { listAccounts, type PlacedAccount } from '../../ledger/queries/accounts.ts';
import { earlierSamples, type Fresh } from '../../ledger/queries/alerts.ts';
import type { RecordedEvent } from '../../ledger/queries/events.ts';
import { type AccountState, endedStates } from '../../model/account-state.ts';
import type { NewsName } from '../../model/alert-policy.ts';
import { sentenceOf } from '../../model/events/event.ts';
import type { Inventory } from '../../model/inventory.ts';
import { isAccountName } from '../../model/names.ts';
import type { FleetContext } from '../context.ts';
import type { HostReading } from '../hosts/read-samples.ts';
import type { SweptHost } from '../hosts/swept-host.ts';

const hourMs = 3_600_000;
const mebibyte = 1_048_576;
/** Less time than that between two samples tells no rate, ms. */
const shortestSpanMs = 300_000;

const yes = (is: boolean): number => (is ? 1 : 0);
/** An absent value is absent, not undefined. */
const known = <Name extends string>(
  name: Name,
  value: number | null | undefined,
): Partial<Record<Name, number>> =>
  value === null || value === undefined ? {} : ({ [name]: value } as Record<Name, number>);

/**
 * What a sweep has found, as rules see it: the fleet, its hosts, its accounts. Errors: none of its
 * own.
 */
export async function gatherSubjects(
  context: FleetContext,
  swept: readonly SweptHost[],
  readings: readonly HostReading[],
): Promise<SubjectFacts[]> {
  const { inventory, ledger } = context;
  const nowMs = context.now();
  const earlier = await samplesBefore(context, nowMs);
  const samples = new Map<string, HostSample>();
  for (const { host, sample, problem } of readings)
    if (sample !== null && problem === null) samples.set(host.name, sample);
  const silent = new Set(swept.filter(isSilent).map(({ host }) => host));
  const hosts = swept.map((host) => ofHost(host, samples.get(host.host)));
  const accounts = (await listAccounts(ledger.db)).map((account) => {
    const sample = account.host === null ? undefined : samples.get(account.host);
    const now = sample?.accounts.find(({ keyId }) => keyId === account.key_id);
    const before = account.host === null ? undefined : earlier.get(account.host);
    return ofAccount(
      inventory,
      account,
      now,
      ratesOf(account, now, before, sample),
      account.host === null || !silent.has(account.host),
    );
  });
  const share = swept.length === 0 ? 0 : (silent.size / swept.length) * 100;
  const values = { 'fleet-silent': swept.length < 3 ? 0 : share };
  return [
    { kind: 'fleet', name: inventory.fleet, host: null, values, reason: '', isSilent: false },
    ...hosts,
    ...accounts,
  ];
}

/** A host whose reboot was announced is away on purpose. */
const isSilent = ({ unreachableSinceMs, awayUntilMs }: SweptHost): boolean =>
  unreachableSinceMs !== null && awayUntilMs === null;

function ofHost(host: SweptHost, sample: HostSample | undefined): SubjectFacts {
  const base = {
    kind: 'host',
    name: host.host,
    host: null,
    reason: host.problem?.message ?? '',
    isSilent: isSilent(host),
  } as const;
  const down: Values = { 'host-down': yes(host.health === 'down') };
  if (sample === undefined) return { ...base, values: down };
  const { cpu, memory, disk, clock, bootVerdict } = sample;
  const busy = cpu.busyRatio.m15 ?? cpu.busyRatio.m5 ?? cpu.busyRatio.m1;
  return {
    ...base,
    values: {
      ...down,
      'host-held': yes(bootVerdict?.verdict === 'hold'),
      ...known('host-cpu', busy === null ? null : busy * 100),
      'host-memory': (1 - memory.availableBytes / memory.totalBytes) * 100,
      'host-disk': (1 - disk.freeBytes / disk.totalBytes) * 100,
      ...known('host-clock', clock.offsetMs === null ? null : Math.abs(clock.offsetMs) / 1000),
    },
  };
}

const offline: readonly AccountState[] = ['placed', 'reconnecting', 'offline'];

/** Values that come from a sample are absent without one. */
function ofAccount(
  inventory: Inventory,
  account: PlacedAccount,
  now: AccountSample | undefined,
  rates: AccountRates | null,
  isHeard: boolean,
): SubjectFacts {
  const isWanted = account.wanted === 1;
  const counters = now?.status?.counters;
  const memory = now?.memoryBytes ?? null;
  const limit = isAccountName(account.name) ? memoryLimit(inventory, account) : null;
  const values: Values = {
    'account-unplaced': yes(isWanted && account.state === 'stored'),
    ...(isHeard
      ? {
          'account-offline': yes(isWanted && offline.includes(account.state)),
          'account-ended': yes(isWanted && endedStates.has(account.state)),
        }
      : {}),
    ...(counters === undefined
      ? {}
      : {
          'account-frozen': counters[frozenGauge] ?? 0,
          'account-closed-groups': counters[closedGroupsGauge] ?? 0,
          'account-left-groups': counters[leftGroupsGauge] ?? 0,
          'account-model-unusable': counters[modelRefusedGauge] ?? 0,
        }),
    ...known('account-memory', memory === null || limit === null ? null : (memory / limit) * 100),
    ...known('account-memory-mb', memory === null ? null : memory / mebibyte),
    ...known('account-restarts', rates?.restarts),
    ...known('account-flood-waits', rates?.floodWaits),
    ...known('account-reply-time', rates?.replySeconds),
    ...known('account-model-failures', rates?.modelFailurePercent),
  };
  const reason =
    account.state === 'online' || account.state === 'stored'
      ? ''
      : [account.state, account.state_reason].filter((text) => text !== '').join(', ');
  return {
    kind: 'account',
    name: account.name,
    host: account.host,
    values,
    reason,
    isSilent: false,
  };
}

function memoryLimit(inventory: Inventory, { name, host }: PlacedAccount): number | null {
  const spec = inventory.hosts.find((each) => each.name === host);
  if (spec === undefined || !isAccountName(name)) return null;
  return { ...spec.limits, ...accountSpecFor(inventory, name).limits }.memoryMaxBytes;
}

interface Earlier {
  readonly takenAtMs: number;
  readonly accounts: readonly AccountSample[];
}

/** Samples about an hour old, or as old as there are. */
async function samplesBefore(
  { ledger }: FleetContext,
  nowMs: number,
): Promise<Map<string, Earlier>> {
  const rows = await earlierSamples(ledger.db, nowMs - 2 * hourMs, nowMs - hourMs);
  const hosts = new Set(rows.map(({ host }) => host));
  const younger = (await earlierSamples(ledger.db, nowMs - hourMs, nowMs - shortestSpanMs)).filter(
    ({ host }) => !hosts.has(host),
  );
  // They were parsed before they were recorded.
  const read = (json: string): HostSample => JSON.parse(json) as HostSample;
  return new Map(
    [...rows, ...younger].map(({ host, sample_json }) => [
      host,
      { takenAtMs: read(sample_json).takenAtMs, accounts: read(sample_json).accounts },
    ]),
  );
}

function ratesOf(
  account: PlacedAccount,
  now: AccountSample | undefined,
  before: Earlier | undefined,
  sample: HostSample | undefined,
): AccountRates | null {
  const earlier = before?.accounts.find(({ keyId }) => keyId === account.key_id);
  if (now === undefined || earlier === undefined || before === undefined || sample === undefined)
    return null;
  return accountRates(now, earlier, sample.takenAtMs - before.takenAtMs);
}

/** Kinds of events that are news. */
const eventNews: Readonly<Partial<Record<RecordedEvent['kind'], NewsName>>> = {
  'ran-twice': 'ran-twice',
  'destroyed-host-answers': 'destroyed-host-answers',
  'clock-stepped': 'clock-stepped',
  'allocation-failed': 'allocation-failed',
};

/** Accounts named in one piece of news at most. */
const namedAtMost = 10;

/**
 * Events and decisions as news: each event by itself, all moves of a rebalance as one, all of a
 * failover as one per lost host. Pure.
 */
export function newsIn({ events, history }: Fresh): News[] {
  const single = events.flatMap((event): News[] => {
    const { kind, host = null, account = null } = event;
    const name = eventNews[kind];
    return name === undefined ? [] : [{ name, host, account, text: sentenceOf(event) }];
  });
  const told = (name: NewsName, host: string | null, moves: Fresh['history']): News[] => {
    if (moves.length === 0) return [];
    const shown = moves
      .slice(0, namedAtMost)
      .map(({ account, from_host, host: to }) => `${account} ${from_host ?? '-'} -> ${to}`);
    const more = moves.length > namedAtMost ? `, +${moves.length - namedAtMost}` : '';
    return [{ name, host, account: null, text: `${shown.join(', ')}${more}` }];
  };
  const failovers = history.filter(({ type }) => type === 'failover');
  const lost = [...new Set(failovers.map(({ from_host }) => from_host))];
  const rebalanced = history.filter(({ type }) => type === 'rebalance');
  return [
    ...single,
    ...lost.flatMap((host) =>
      told(
        'failed-over',
        host,
        failovers.filter(({ from_host }) => from_host === host),
      ),
    ),
    ...told('rebalanced', null, rebalanced),
  ];
}

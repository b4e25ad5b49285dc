import type { AccountSample, HostSample } from '../protocol/sample.ts';
import {
  closedGroupsGauge,
  frozenGauge,
  leftGroupsGauge,
  modelRefusedGauge,
  replyBucketsMs,
} from '../protocol/worker.ts';

type Labels = Readonly<Record<string, string>>;

interface Point {
  readonly labels: Labels;
  readonly value: number;
  /** Behind the family's name: `_bucket`, `_sum`, `_count`. */
  readonly suffix?: string;
}

interface Family {
  readonly name: string;
  readonly type: 'gauge' | 'counter' | 'histogram';
  readonly help: string;
  readonly points: readonly Point[];
}

/**
 * A sample in the text format of Prometheus (0.0.4). Pure. Written here and not by a client
 * library: those count for themselves, while this agent tells what others
 * have counted, histograms included.
 */
export const formatMetrics = (host: string, sample: HostSample): string =>
  [...hostFamilies(sample), ...accountFamilies(sample.accounts)]
    .filter(({ points }) => points.length > 0)
    .map(({ name, type, help, points }) => {
      const lines = points.map(
        ({ labels, value, suffix = '' }) =>
          `${name}${suffix}${formatLabels({ host, ...labels })} ${formatValue(value)}`,
      );
      return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('\n')}\n`;
    })
    .join('');

const escaped = (text: string): string =>
  text.replace(/\\/g, '\\\\').replace(/\n/g, '\\n').replace(/"/g, '\\"');
const formatLabels = (labels: Labels): string =>
  `{${Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(value)}"`)
    .join(',')}}`;
const formatValue = (value: number): string => (Number.isFinite(value) ? String(value) : 'NaN');

const gauge = (name: string, help: string, value: number | null, labels: Labels = {}): Family => ({
  ...{ name, type: 'gauge', help },
  points: value === null ? [] : [{ labels, value }],
});

const hostFamilies = (sample: HostSample): readonly Family[] => {
  const { cpu, memory, disk, clock, pressure } = sample;
  return [
    gauge('fleet_host_info', 'About the host; always 1.', 1, {
      os: sample.host.os,
      kernel: sample.host.kernel,
      arch: sample.host.arch,
      release: sample.agent.release,
    }),
    gauge('fleet_host_cpu_cores', 'Cores of the host.', cpu.cores),
    gauge(
      'fleet_host_cpu_busy_ratio',
      'Busy share of all cores in the last minute, 0-1.',
      cpu.busyRatio.m1 ?? cpu.busyRatio.now,
    ),
    gauge('fleet_host_load1', 'Load average of one minute.', sample.loadAverage[0]),
    gauge('fleet_host_memory_bytes', 'Memory of the host.', memory.totalBytes),
    gauge(
      'fleet_host_memory_available_bytes',
      'Memory that is free for programs.',
      memory.availableBytes,
    ),
    gauge('fleet_host_disk_bytes', 'Size of the file system of /var/lib/fleet.', disk.totalBytes),
    gauge('fleet_host_disk_free_bytes', 'Free space there.', disk.freeBytes),
    gauge(
      'fleet_host_pressure_cpu_ratio',
      'Share of the last 10 s in which some task waited for a core, 0-1.',
      pressure?.cpu ?? null,
    ),
    gauge('fleet_host_pressure_memory_ratio', 'The same for memory.', pressure?.memory ?? null),
    gauge('fleet_host_pressure_io_ratio', 'The same for disks.', pressure?.io ?? null),
    gauge(
      'fleet_host_clock_offset_seconds',
      'Offset of the clock.',
      clock.offsetMs === null ? null : clock.offsetMs / 1000,
    ),
    gauge(
      'fleet_host_accounts_held',
      'Whether the host holds its accounts since its boot.',
      sample.bootVerdict?.verdict === 'hold' ? 1 : 0,
    ),
    gauge(
      'fleet_host_sample_timestamp_seconds',
      "When this was measured, by the host's clock.",
      sample.takenAtMs / 1000,
    ),
  ];
};

/** Of each account that the host owns; where an account has none of it, it is left out. */
const accountFamilies = (all: readonly AccountSample[]): readonly Family[] => {
  const owned = all.filter(({ claim }) => claim?.state === 'active');
  return [...stateFamilies(owned), ...answerFamilies(owned)];
};

const eachOf = (
  owned: readonly AccountSample[],
  read: (account: AccountSample) => number | null,
): readonly Point[] =>
  owned.flatMap((account) => {
    const value = read(account);
    return value === null ? [] : [{ labels: { account: account.account }, value }];
  });

const stateFamilies = (owned: readonly AccountSample[]): readonly Family[] => {
  const each = (read: (account: AccountSample) => number | null) => eachOf(owned, read);
  return [
    {
      ...accountGauge('online', 'Whether Telegram answers.'),
      points: each(({ status, unit }) => (isOnline(status, unit) ? 1 : 0)),
    },
    {
      ...accountGauge('state', 'The state that the worker tells; always 1.'),
      points: owned.map((account) => ({
        labels: { account: account.account, state: stateOf(account) },
        value: 1,
      })),
    },
    {
      ...accountGauge('paused', 'Whether the operator has paused it.'),
      points: each(({ status }) => status?.counters.paused ?? null),
    },
    {
      ...accountGauge('frozen', 'Whether Telegram has frozen it.'),
      points: each(({ status }) => status?.counters[frozenGauge] ?? null),
    },
    {
      ...accountGauge(
        'groups_closed',
        'Groups of its allow-list in which Telegram does not let it write.',
      ),
      points: each(({ status }) => status?.counters[closedGroupsGauge] ?? null),
    },
    {
      ...accountGauge('groups_left', 'Groups of its allow-list that it is not in.'),
      points: each(({ status }) => status?.counters[leftGroupsGauge] ?? null),
    },
    {
      ...accountGauge(
        'model_unusable',
        "Whether its model's server refuses for good what it is asked.",
      ),
      points: each(({ status }) => status?.counters[modelRefusedGauge] ?? null),
    },
    {
      ...accountGauge('memory_bytes', "Memory of the account's unit."),
      points: each(({ memoryBytes }) => memoryBytes),
    },
    {
      ...accountGauge('cpu_cores', 'Cores used in the last minute.'),
      points: each(({ cpuCores }) => cpuCores.m1),
    },
    {
      ...accountGauge('restarts', 'Restarts by systemd since it was started by hand.'),
      points: each(({ unit }) => unit.restarts),
    },
    {
      ...accountGauge('telegram_latency_seconds', 'Round trip of the last health check.'),
      points: each(({ status }) => (status?.latencyMs == null ? null : status.latencyMs / 1000)),
    },
  ];
};

const answerFamilies = (owned: readonly AccountSample[]): readonly Family[] => {
  const counted = (name: string, help: string, counter: string, scale = 1): Family => ({
    ...{ name, type: 'counter', help },
    points: eachOf(owned, ({ status }) =>
      status === null ? null : (status.counters[counter] ?? 0) * scale,
    ),
  });
  return [
    counted(
      'fleet_account_messages_received_total',
      'Messages and joins in allowed groups.',
      'received',
    ),
    counted('fleet_account_messages_answered_total', 'Answers that were sent.', 'answered'),
    {
      ...{
        name: 'fleet_account_messages_skipped_total',
        type: 'counter',
        help: 'Messages that were not answered, by reason.',
      },
      points: owned.flatMap((account) => skippedPoints(account)),
    },
    replyTimes(
      owned,
      'fleet_account_reply_seconds',
      'From hearing a message to the answer.',
      'reply',
    ),
    replyTimes(
      owned,
      'fleet_account_reply_own_seconds',
      'The same without delays, slots and the model.',
      'reply_own',
    ),
    counted('fleet_account_flood_waits_total', 'Pauses that Telegram asked for.', 'flood_waits'),
    counted(
      'fleet_account_connections_lost_total',
      'Connections that ended by themselves.',
      'lost_connections',
    ),
    counted(
      'fleet_account_model_calls_total',
      'Questions to the model, tries included.',
      'model_calls',
    ),
    counted(
      'fleet_account_model_failures_total',
      'Questions that the model did not answer.',
      'model_failures',
    ),
    counted('fleet_account_model_tokens_total', 'Tokens read and written.', 'model_tokens'),
    counted(
      'fleet_account_model_money_total',
      'What they cost, in the currency of the prices.',
      'model_money',
    ),
  ];
};

const accountGauge = (name: string, help: string) =>
  ({ name: `fleet_account_${name}`, type: 'gauge', help }) as const;

const isOnline = (status: AccountSample['status'], unit: AccountSample['unit']): boolean =>
  unit.activeState === 'active' && status?.state === 'online';

const stateOf = ({ status, unit, contained }: AccountSample): string =>
  unit.activeState !== 'active' && contained !== undefined
    ? 'contained'
    : unit.activeState === 'active' && status !== null
      ? status.state
      : unit.activeState;

const skippedPoints = ({ account, status }: AccountSample): readonly Point[] =>
  Object.entries(status?.counters ?? {})
    .filter(([name]) => name.startsWith('skipped_'))
    .map(([name, value]) => ({
      labels: { account, reason: name.slice('skipped_'.length) },
      value,
    }));

/**
 * The worker counts each reply in one bucket, Prometheus wants each bucket to hold those below it.
 */
const replyTimes = (
  accounts: readonly AccountSample[],
  name: string,
  help: string,
  counter: string,
): Family => {
  const pointsOf = ({ account, status }: AccountSample): readonly Point[] => {
    const count = (bucket: number | string): number =>
      status?.counters[`${counter}_ms_${bucket}`] ?? 0;
    let below = 0;
    const buckets = replyBucketsMs.map((limit) => {
      below += count(limit);
      return { suffix: '_bucket', labels: { account, le: String(limit / 1000) }, value: below };
    });
    const total = below + count('more');
    return [
      ...buckets,
      { suffix: '_bucket', labels: { account, le: '+Inf' }, value: total },
      { suffix: '_sum', labels: { account }, value: count('sum') / 1000 },
      { suffix: '_count', labels: { account }, value: total },
    ];
  };
  return {
    name,
    type: 'histogram',
    help,
    points: accounts.filter(({ status }) => status !== null).flatMap(pointsOf),
  };
};

/** What one host uses now, measured over a quarter of an hour where there is that much. */
export interface HostUse {
  readonly host: string;
  readonly cores: number;
  /** 0-1, of all cores. */
  readonly busyRatio: number;
  readonly memoryBytes: number;
  /** 0-1. */
  readonly memoryUsedRatio: number;
  readonly accounts: number;
  readonly maxAccounts: number;
}

/** What the whole fleet used at some time, as shares of what it had then. Ratios 0-1. */
export interface FleetUse {
  readonly atMs: number;
  readonly busyRatio: number;
  readonly memoryUsedRatio: number;
  readonly slotsRatio: number;
}

export interface ScalingAdvice {
  /**
   * Hosts above a limit, and which, in the order given: others should take some of what they do.
   */
  readonly crowded: readonly { readonly host: string; readonly reasons: readonly string[] }[];
  /**
   * Hosts of `size` that are missing for the whole fleet to be below its limits; 0: it has enough.
   */
  readonly missingHosts: number;
  /** A host as most of them are. null: there is none to go by. */
  readonly size: Pick<HostUse, 'cores' | 'memoryBytes' | 'maxAccounts'> | null;
  /**
   * When the fleet as a whole will be above a limit if it goes on as in the days before, ms; null:
   * it is already, or nothing points there.
   */
  readonly fullAtMs: number | null;
  /** What it will run out of then. */
  readonly fullOf: 'CPU' | 'memory' | 'slots' | null;
}

/** Shares from which a host is relieved. All slots may be used. */
const limits = { busyRatio: 0.8, memoryUsedRatio: 0.8, slotsRatio: 1 } as const;
const words = { busyRatio: 'CPU', memoryUsedRatio: 'memory', slotsRatio: 'slots' } as const;
type Measure = keyof typeof limits;
const measures = ['busyRatio', 'memoryUsedRatio', 'slotsRatio'] as const;

const dayMs = 86_400_000;
/**
 * A trend needs this many days of samples, and is not extended further than that into the future.
 */
const leastDays = 3;
const mostDaysAhead = 90;

const percent = (ratio: number): string => `${Math.round(ratio * 100)} %`;
const sum = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0);

/**
 * Whether hosts, or all of them together, are too full, how many of which size are missing, and
 * when they will be. `uses`: hosts that may
 * receive accounts. `waiting`: accounts that are wanted and have no host. `days`: the fleet's use
 * in the past, any order. Pure.
 */
export function adviseScaling(
  uses: readonly HostUse[],
  waiting: number,
  days: readonly FleetUse[],
  nowMs: number,
): ScalingAdvice {
  const crowded = uses.flatMap((use) => {
    const reasons = reasonsOf(use);
    return reasons.length === 0 ? [] : [{ host: use.host, reasons }];
  });
  const size = commonSize(uses);
  const isFull = uses.length > 0 && crowded.length === uses.length;
  const missingHosts = size === null ? 0 : missingOf(uses, waiting, size, isFull);
  const ahead = missingHosts > 0 ? null : firstLimit(days, nowMs);
  return {
    crowded,
    missingHosts,
    size,
    fullAtMs: ahead?.atMs ?? null,
    fullOf: ahead === null ? null : words[ahead.measure],
  };
}

function reasonsOf({ busyRatio, memoryUsedRatio, accounts, maxAccounts }: HostUse): string[] {
  return [
    ...(busyRatio > limits.busyRatio ? [`CPU ${percent(busyRatio)}`] : []),
    ...(memoryUsedRatio > limits.memoryUsedRatio ? [`memory ${percent(memoryUsedRatio)}`] : []),
    ...(accounts >= maxAccounts ? [`${accounts} of ${maxAccounts} accounts`] : []),
  ];
}

/** The size that most hosts have; of equally many the smaller one. */
function commonSize(uses: readonly HostUse[]): ScalingAdvice['size'] {
  const gigabyte = 1024 ** 3;
  const groups = Map.groupBy(
    uses,
    ({ cores, memoryBytes, maxAccounts }) =>
      `${cores} ${Math.round(memoryBytes / gigabyte)} ${maxAccounts}`,
  );
  const [largest] = [...groups.values()].sort(
    (left, right) =>
      right.length - left.length ||
      (left[0]?.cores ?? 0) - (right[0]?.cores ?? 0) ||
      (left[0]?.memoryBytes ?? 0) - (right[0]?.memoryBytes ?? 0),
  );
  const [host] = largest ?? [];
  return host === undefined
    ? null
    : { cores: host.cores, memoryBytes: host.memoryBytes, maxAccounts: host.maxAccounts };
}

/**
 * The fewest hosts of `size` with which no total is above its limit and every waiting account has a
 * slot.
 */
function missingOf(
  uses: readonly HostUse[],
  waiting: number,
  size: NonNullable<ScalingAdvice['size']>,
  isFull: boolean,
): number {
  const over = (used: number, had: number, limit: number, each: number): number =>
    Math.ceil((used / limit - had) / each - 1e-9);
  const cores = over(
    sum(uses.map((use) => use.cores * use.busyRatio)),
    sum(uses.map((use) => use.cores)),
    limits.busyRatio,
    size.cores,
  );
  const memory = over(
    sum(uses.map((use) => use.memoryBytes * use.memoryUsedRatio)),
    sum(uses.map((use) => use.memoryBytes)),
    limits.memoryUsedRatio,
    size.memoryBytes,
  );
  const free = sum(uses.map((use) => Math.max(0, use.maxAccounts - use.accounts)));
  const slots = Math.ceil((waiting - free) / size.maxAccounts);
  // Where every host is above some limit, relief has nowhere to go, whatever the totals say.
  return Math.max(0, cores, memory, slots, isFull ? 1 : 0);
}

/** The first limit that a straight line through the days reaches. */
function firstLimit(
  days: readonly FleetUse[],
  nowMs: number,
): { readonly atMs: number; readonly measure: Measure } | null {
  const times = days.map(({ atMs }) => atMs / dayMs);
  if (days.length < leastDays || Math.max(...times) - Math.min(...times) < leastDays - 1)
    return null;
  const reached = measures.flatMap((measure) => {
    const { slope, at } = straightLine(
      times,
      days.map((day) => day[measure]),
    );
    const now = at(nowMs / dayMs);
    const daysAhead = (limits[measure] - now) / slope;
    return slope > 0 && daysAhead > 0 && daysAhead <= mostDaysAhead
      ? [{ atMs: nowMs + daysAhead * dayMs, measure }]
      : [];
  });
  return reached.sort((left, right) => left.atMs - right.atMs)[0] ?? null;
}

/** Least squares. */
function straightLine(
  xs: readonly number[],
  ys: readonly number[],
): { readonly slope: number; readonly at: (x: number) => number } {
  const [meanX, meanY] = [sum(xs) / xs.length, sum(ys) / ys.length];
  const spread = sum(xs.map((x) => (x - meanX) ** 2));
  const slope =
    spread === 0 ? 0 : sum(xs.map((x, index) => (x - meanX) * ((ys[index] ?? 0) - meanY))) / spread;
  return { slope, at: (x) => meanY + slope * (x - meanX) };
}

export interface AdviceLine {
  readonly text: string;
  readonly level: 'warning' | 'plain' | 'hint';
}

/** The advice in sentences; none when there is none to give. Pure. */
export function adviceLines({
  crowded,
  missingHosts,
  size,
  fullAtMs,
  fullOf,
}: ScalingAdvice): AdviceLine[] {
  const lines: AdviceLine[] = [];
  if (missingHosts > 0 && size !== null) {
    const kind =
      `${size.cores} cores, ${Math.round(size.memoryBytes / 1024 ** 3)} GB, ` +
      `${size.maxAccounts} accounts`;
    const hosts = missingHosts === 1 ? 'host is' : 'hosts are';
    lines.push({
      text: `The fleet as a whole is too full: ${missingHosts} ${hosts} missing (${kind} each).`,
      level: 'warning',
    });
  }
  for (const { host, reasons } of crowded)
    lines.push({ text: `${host} is crowded: ${reasons.join(', ')}`, level: 'plain' });
  if (crowded.length > 0 && missingHosts === 0)
    lines.push({
      text: 'fleet rebalance --dry-run shows what other hosts can take over.',
      level: 'hint',
    });
  if (fullAtMs !== null) {
    const day = new Date(fullAtMs).toISOString().slice(0, 10);
    lines.push({
      text: `If it goes on like this, the fleet runs out of ${fullOf} on ${day}.`,
      level: 'warning',
    });
  }
  return lines;
}

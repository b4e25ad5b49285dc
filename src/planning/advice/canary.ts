/** What one look at an account tells. */
export interface CanaryReading {
  readonly account: string;
  readonly isCanary: boolean;
  /** Null: its host does not tell. */
  readonly state: string | null;
  /** Restarts by systemd since it was last started by hand; null: not told. */
  readonly restarts: number | null;
  /** Since the start of its worker. */
  readonly answered: number;
  readonly failed: number;
}

/** How those that try something new fare. */
export interface CanaryVerdict {
  readonly isWorse: boolean;
  /** Why, or what was seen; one sentence without a full stop. */
  readonly reason: string;
  /** Since the first look. */
  readonly answered: number;
  readonly failed: number;
}

/** So many failures at least say something about what is new; one may be chance. */
const leastFailures = 3;
/** Looks in a row in which an account is not well. */
const mostBadLooks = 3;

const wellStates: ReadonlySet<string> = new Set(['online', 'flood-wait']);
const isWell = ({ state }: CanaryReading): boolean => state !== null && wellStates.has(state);

interface Sum {
  readonly answered: number;
  readonly failed: number;
}

/** A worker that was started anew counts from 0 again. */
const grown = (before: number, after: number): number => (after >= before ? after - before : after);

/** What the chosen accounts did from look to look. */
function sumOf(
  looks: readonly (readonly CanaryReading[])[],
  isChosen: (reading: CanaryReading) => boolean,
): Sum {
  let [answered, failed] = [0, 0];
  const last = new Map<string, CanaryReading>();
  for (const reading of looks.flat().filter((each) => isChosen(each) && each.state !== null)) {
    const before = last.get(reading.account);
    if (before !== undefined) {
      answered += grown(before.answered, reading.answered);
      failed += grown(before.failed, reading.failed);
    }
    last.set(reading.account, reading);
  }
  return { answered, failed };
}

const shareOf = ({ answered, failed }: Sum): number =>
  answered + failed === 0 ? 0 : failed / (answered + failed);
const percent = (share: number): string => `${Math.round(share * 100)} %`;

/**
 * The account that is not well for good: it has crashed since the first look, or not been well in
 * several looks in a row, or, at the end, in the last one.
 */
function illness(looks: readonly (readonly CanaryReading[])[], isEnd: boolean): string | null {
  const [first = []] = looks;
  for (const { account, restarts } of first.filter(({ isCanary }) => isCanary)) {
    const own = looks
      .map((look) => look.find((reading) => reading.account === account))
      .filter((reading) => reading !== undefined);
    const now = own.at(-1);
    if (now === undefined || looks.at(-1)?.includes(now) !== true) return `${account} is gone`;
    if (restarts !== null && now.restarts !== null && now.restarts > restarts)
      return `${account} has crashed ${now.restarts - restarts} times`;
    const recent = own.slice(-mostBadLooks);
    const isBad =
      recent.length === mostBadLooks &&
      recent.every((reading) => reading.state !== null && !isWell(reading));
    if (isBad || (isEnd && !isWell(now)))
      return `${account} is ${now.state ?? 'on a host that does not answer'}`;
  }
  return null;
}

/**
 * Whether those that try something new are worse than those that do not, by all looks so far, the
 * oldest first. An account that does not stay online is;
 * otherwise the share of answers that failed counts, less what fails for the others at the same
 * time (a model server that is down is nobody's fault).
 * `maxErrors` 0-1. `isEnd`: nothing more is looked at. Pure.
 */
export function judgeCanary(
  looks: readonly (readonly CanaryReading[])[],
  maxErrors: number,
  isEnd: boolean,
): CanaryVerdict {
  const own = sumOf(looks, ({ isCanary }) => isCanary);
  const ill = illness(looks, isEnd);
  if (ill !== null) return { ...own, isWorse: true, reason: ill };
  const share = shareOf(own);
  const others = shareOf(sumOf(looks, ({ isCanary }) => !isCanary));
  const seen =
    `${own.failed} of ${own.answered + own.failed} answers failed (${percent(share)}), ` +
    `${percent(others)} for the others`;
  if (own.failed >= leastFailures && share - others > maxErrors)
    return { ...own, isWorse: true, reason: seen };
  if (own.answered + own.failed === 0)
    return { ...own, isWorse: false, reason: 'they stayed online; nobody asked them anything' };
  return { ...own, isWorse: false, reason: seen };
}

/**
 * `count` of the accounts, by name, in turns from all hosts, so that no host has them all. Pure.
 */
export function chooseCanaries(
  accounts: readonly { readonly name: string; readonly host: string }[],
  count: number,
): string[] {
  const byHost = [...Map.groupBy(accounts, ({ host }) => host)]
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
    .map(([, here]) => here.map(({ name }) => name).toSorted());
  const rounds = Math.max(0, ...byHost.map(({ length }) => length));
  const turns = Array.from({ length: rounds }, (_, round) =>
    byHost.flatMap((names) => names[round] ?? []),
  );
  return turns.flat().slice(0, count);
}

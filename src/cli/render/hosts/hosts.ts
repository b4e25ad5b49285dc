import { nextLoginAt } from '../../../facts/next-login.ts';
import type { HistoryRow, HostRow } from '../../../ledger/schema.ts';
import type { AccountState } from '../../../model/account-state.ts';
import { formatAge, formatTime } from '../../../model/time-words.ts';
import { isExpectedAway } from '../../../ownership/announced-reboot.ts';
import type { HostRanking } from '../../../planning/fleet/ranking.ts';
import { quantumAdvice } from '../../../remote/session/post-quantum.ts';
import type { HostKeyOffer } from '../../../workflows/hosts/trust-hosts.ts';
import { chalk } from '../../style.ts';
import { called } from '../account-names.ts';
import { formatHistory } from '../accounts/accounts.ts';
import { formatState } from '../states.ts';
import { formatPoints, formatTable } from '../table.ts';

/**
 * What another operator has to know of a host that is being rebooted; null: it is expected to be
 * there.
 */
function awayNote(row: HostRow | undefined, nowMs: number): string | null {
  const untilMs = row?.announced_until ?? null;
  if (untilMs === null || !isExpectedAway(untilMs, nowMs)) return null;
  return `its reboot is announced: expected back within ${formatAge(untilMs - nowMs)}`;
}

/** Of a host that refuses the login; null: it accepts fleet's logins. */
function refusalNote(row: HostRow | undefined, nowMs: number): string | null {
  const againMs = row === undefined ? null : nextLoginAt(row);
  if (row === undefined || againMs === null) return null;
  const next =
    againMs <= nowMs
      ? 'the next sweep asks again'
      : `sweeps ask again in ${formatAge(againMs - nowMs)}`;
  return `refused ${row.refusals === 1 ? 'once' : `${row.refusals} times`}, ${next}`;
}

/** What is to be done where the inventory has no host. */
export const noHosts = 'No hosts yet: fleet hosts add NAME ADDRESS';

/** `total`: hosts of the inventory. */
export const formatHosts = (
  ranks: readonly HostRanking[],
  rows: ReadonlyMap<string, HostRow>,
  total: number,
  nowMs: number,
): string =>
  formatTable(
    ['HOST', 'STATE', 'ACCOUNTS', 'SCORE', 'RTT', 'SEEN', 'OS', 'NOTE'],
    ranks.map((rank) => {
      const row = rows.get(rank.host);
      return [
        rank.host,
        formatState(rank.state),
        `${rank.accounts}/${rank.maxAccounts}`,
        rank.state === 'not-ready' ? chalk.dim('-') : formatPoints(rank.score.total),
        row?.latency_ms ? `${row.latency_ms.toFixed(1)} ms` : chalk.dim('-'),
        row?.last_seen_at ? `${formatAge(nowMs - row.last_seen_at)} ago` : chalk.dim('never'),
        row?.os ?? chalk.dim('-'),
        [rank.stateReason, awayNote(row, nowMs), refusalNote(row, nowMs)]
          .filter((note) => note !== null)
          .join('; '),
      ];
    }),
    total === 0 ? noHosts : `None of the ${total} hosts matches --state and --limit.`,
  );

/** What is shown of one host. */
export interface ShownHost {
  readonly name: string;
  readonly row: HostRow | undefined;
  readonly rank: HostRanking | undefined;
  readonly accounts: readonly { readonly name: string; readonly state: AccountState }[];
  readonly history: readonly HistoryRow[];
  readonly isInInventory: boolean;
}

export function formatHost(
  { name, row, rank, accounts, history, isInInventory }: ShownHost,
  nowMs: number,
): string {
  const ago = (ms: number | null | undefined): string =>
    ms ? `${formatAge(nowMs - ms)} ago` : 'never';
  const away = awayNote(row, nowMs);
  const facts: readonly (readonly [string, string | null])[] = [
    [
      'state',
      rank === undefined
        ? 'not in the inventory'
        : `${formatState(rank.state)}${rank.stateReason === null ? '' : ` (${rank.stateReason})`}`,
    ],
    ['inventory', isInInventory ? `fleet config show ${name}` : 'does not name it'],
    [
      'accounts',
      `${accounts.length}${rank === undefined ? '' : ` of ${rank.maxAccounts}`}` +
        `${accounts.length === 0 ? '' : `: ${accounts.map((each) => `${called(each.name)} (${each.state})`).join(', ')}`}`,
    ],
    [
      'score',
      rank === undefined || rank.state === 'not-ready' ? null : formatPoints(rank.score.total),
    ],
    [
      'seen',
      `${ago(row?.last_seen_at)}${row?.latency_ms ? `, ${row.latency_ms.toFixed(1)} ms away` : ''}`,
    ],
    [
      'failures',
      row?.failures
        ? `${row.failures} in a row${row.failure_reason === null ? '' : `: ${row.failure_reason}`}`
        : null,
    ],
    ['login', refusalNote(row, nowMs)],
    ['reboot', away],
    ['system', row?.os ? `${row.os}, ${row.arch ?? 'architecture not known'}` : null],
    [
      'release',
      row?.release
        ? `${row.release}, fleet init ${ago(row.bootstrapped_at)}`
        : 'none: fleet init has not made it ready',
    ],
    ['cordoned', row?.cordoned ? (row.cordon_reason ?? 'yes') : null],
    ['off', row?.off_at ? `since ${formatTime(row.off_at)}` : null],
    ['destroyed', row?.destroyed_at ? formatTime(row.destroyed_at) : null],
  ];
  const lines = facts.flatMap(([key, value]) =>
    value === null ? [] : [`${chalk.dim(key.padEnd(10))} ${value.replaceAll('\n', '\\n')}`],
  );
  const head = `${chalk.bold(name)}\n${lines.join('\n')}`;
  return history.length === 0 ? head : `${head}\n\n${formatHistory(history)}`;
}

/** The ranking: score and where its points come from. */
export const formatRankings = (ranks: readonly HostRanking[]): string =>
  formatTable(
    ['#', 'HOST', 'SCORE', 'CPU', 'MEMORY', 'SLOTS', 'DISK', 'FREE SLOTS', 'FREE MEMORY', 'STATE'],
    ranks.map((rank) => [
      rank.rank?.toString() ?? chalk.dim('-'),
      rank.host,
      chalk.bold(formatPoints(rank.score.total)),
      formatPoints(rank.score.parts.cpu),
      formatPoints(rank.score.parts.memory),
      formatPoints(rank.score.parts.slots),
      formatPoints(rank.score.parts.disk),
      `${rank.freeSlots} of ${rank.maxAccounts}`,
      rank.freeMemoryBytes === null
        ? chalk.dim('-')
        : `${Math.round(rank.freeMemoryBytes / 1024 ** 2)} MB`,
      `${formatState(rank.state)}${rank.stateReason === null ? '' : `  ${rank.stateReason}`}`,
    ]),
    noHosts,
  );

/**
 * The keys, and the directives of the ssh config that fleet ignores: once for all hosts that share
 * them.
 */
export function formatHostKeys(keys: readonly HostKeyOffer[]): string {
  const table = formatTable(
    ['HOST', 'KEY', 'FINGERPRINT', ''],
    keys.map(({ host, type, fingerprint, isKnown }) => [
      host,
      type,
      fingerprint,
      isKnown ? chalk.dim('known') : chalk.yellow('new'),
    ]),
    noHosts,
  );
  const withUnused = Map.groupBy(
    keys.filter(({ unusedOptions }) => unusedOptions.length > 0),
    ({ unusedOptions }) => unusedOptions.join(', '),
  );
  const notes = [...withUnused].map(
    ([options, of]) =>
      `${of.map(({ host }) => host).join(', ')}: ignored options of your ssh config: ${options}`,
  );
  const advised = Map.groupBy(
    keys.flatMap(({ host, exchange }) => {
      const advice = quantumAdvice(exchange);
      return advice === null ? [] : [{ host, text: `${advice.text}: ${advice.remedy}` }];
    }),
    ({ text }) => text,
  );
  for (const [text, of] of advised) {
    notes.push(`${of.map(({ host }) => host).join(', ')}: ${text}`);
  }
  return [table, ...notes.map((note) => chalk.dim(note))].join('\n');
}

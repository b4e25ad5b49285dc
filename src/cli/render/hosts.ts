import type { HostRow } from '../../ledger/schema.ts';
import { isExpectedAway } from '../../moves/announced-reboot.ts';
import type { HostRanking } from '../../planning/ranking.ts';
import type { HostKeyOffer } from '../../workflows/trust-hosts.ts';
import { chalk } from '../style.ts';
import { formatState } from './states.ts';
import { formatAge, formatPoints, formatTable } from './table.ts';

/** What another operator has to know of a host that is being rebooted; null: it is expected to be there. */
function awayNote(row: HostRow | undefined, nowMs: number): string | null {
  const untilMs = row?.announced_until ?? null;
  if (untilMs === null || !isExpectedAway(untilMs, nowMs)) return null;
  return `its reboot is announced: expected back within ${formatAge(untilMs - nowMs)}`;
}

export const formatHosts = (ranks: readonly HostRanking[], rows: ReadonlyMap<string, HostRow>, nowMs: number): string =>
  formatTable(
    ['HOST', 'STATE', 'ACCOUNTS', 'SCORE', 'RTT', 'SEEN', 'OS', 'NOTE'],
    ranks.map((rank) => {
      const row = rows.get(rank.host);
      return [
        rank.host,
        formatState(rank.state),
        `${rank.accounts}/${rank.maxAccounts}`,
        rank.state === 'unbootstrapped' ? chalk.dim('-') : formatPoints(rank.score.total),
        row?.latency_ms ? `${row.latency_ms.toFixed(1)} ms` : chalk.dim('-'),
        row?.last_seen_at ? `${formatAge(nowMs - row.last_seen_at)} ago` : chalk.dim('never'),
        row?.os ?? chalk.dim('-'),
        [rank.stateReason, awayNote(row, nowMs)].filter((note) => note !== null).join('; '),
      ];
    }),
    'No hosts.',
  );

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
      rank.freeMemoryBytes === null ? chalk.dim('-') : `${Math.round(rank.freeMemoryBytes / 1024 ** 2)} MB`,
      `${formatState(rank.state)}${rank.stateReason === null ? '' : `  ${rank.stateReason}`}`,
    ]),
    'No hosts.',
  );

/** The keys, and what of the ssh config fleet does without: once for all hosts that have it alike. */
export function formatHostKeys(keys: readonly HostKeyOffer[]): string {
  const table = formatTable(
    ['HOST', 'KEY', 'FINGERPRINT', ''],
    keys.map(({ host, type, fingerprint, isKnown }) => [host, type, fingerprint, isKnown ? chalk.dim('known') : chalk.yellow('new')]),
    'No hosts.',
  );
  const withUnused = Map.groupBy(
    keys.filter(({ unusedOptions }) => unusedOptions.length > 0),
    ({ unusedOptions }) => unusedOptions.join(', '),
  );
  const notes = [...withUnused].map(
    ([options, of]) => `${of.map(({ host }) => host).join(', ')}: of your ssh config fleet does without ${options}`,
  );
  return [table, ...notes.map((note) => chalk.dim(note))].join('\n');
}

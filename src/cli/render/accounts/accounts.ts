import type { PlacedAccount } from '../../../ledger/queries/accounts.ts';
import type { HistoryRow } from '../../../ledger/schema.ts';
import { counted } from '../../../model/counted.ts';
import { formatAge, formatTime } from '../../../model/time-words.ts';
import { remedyFor } from '../../../verbs/results/accounts/remedies.ts';
import type { ImportOutcome } from '../../../workflows/accounts/import-accounts.ts';
import type { Verification } from '../../../workflows/ownership/account-acts.ts';
import { chalk } from '../../style.ts';
import { formatState } from '../states.ts';
import { formatPoints, formatTable } from '../table.ts';

/** What is to be done where the fleet has no account. */
export const noAccounts = 'No accounts yet: fleet accounts import FILE...';

/** The name with what people call it. */
const nameCell = (name: string, displayName: string | null): string =>
  displayName === null ? name : `${name} (${displayName})`;

/** `total`: accounts that there are. */
export const formatAccounts = (
  rows: readonly PlacedAccount[],
  total: number,
  nowMs: number,
): string =>
  formatTable(
    ['ACCOUNT', 'STATE', 'FOR', 'HOST', 'USER', 'NOTE'],
    rows.map((row) => [
      nameCell(row.name, row.display_name),
      formatState(row.state),
      formatAge(nowMs - row.state_since),
      row.host ?? chalk.dim('-'),
      row.user_id ?? chalk.dim('-'),
      [...(row.paused === 1 ? [chalk.yellow('paused')] : []), row.state_reason]
        .filter((text) => text !== '')
        .join('; '),
    ]),
    total === 0 ? noAccounts : `None of the ${total} accounts matches --state and --limit.`,
  );

export function formatAccount(
  row: PlacedAccount,
  history: readonly HistoryRow[],
  nowMs: number,
): string {
  const facts: [string, string][] = [
    ...(row.display_name === null ? [] : ([['called', row.display_name]] as [string, string][])),
    [
      'state',
      `${formatState(row.state)} for ${formatAge(nowMs - row.state_since)}` +
        `${row.state_reason === '' ? '' : ` (${row.state_reason})`}`,
    ],
    ...(remedyFor(row) === null ? [] : ([['to do', remedyFor(row)]] as [string, string][])),
    ['host', row.host === null ? 'none' : `${row.host}, epoch ${row.epoch}`],
    ['user', row.user_id ?? 'not known yet'],
    ['session', `${row.source_format}, data centre ${row.data_centre}, key ${row.key_id}`],
    ['imported', formatTime(row.imported_at)],
    [
      'wanted',
      `${row.wanted === 1 ? 'running' : 'stopped'}` +
        `${row.paused === 1 ? ', paused: it reads and says nothing' : ''}`,
    ],
    ...(row.script === null
      ? []
      : ([['script', `${row.script}, by fleet accounts set-script`]] as [string, string][])),
    ...(row.pinned_to === null
      ? []
      : ([['pinned', `to ${row.pinned_to}: it is placed nowhere else`]] as [string, string][])),
  ];
  const head = facts
    .map(([name, value]) => `${chalk.dim(name.padEnd(9))} ${value.replaceAll('\n', '\\n')}`)
    .join('\n');
  return history.length === 0
    ? `${chalk.bold(row.name)}\n${head}`
    : `${chalk.bold(row.name)}\n${head}\n\n${formatHistory(history)}`;
}

export const formatHistory = (rows: readonly HistoryRow[]): string =>
  formatTable(
    ['TIME', 'ACCOUNT', 'TYPE', 'FROM', 'HOST', 'SCORE', 'STRATEGY', 'WHY'],
    rows.map((row) => [
      formatTime(row.at),
      row.account,
      row.type,
      row.from_host ?? chalk.dim('-'),
      row.host,
      row.score === null ? chalk.dim('-') : formatPoints(row.score),
      row.strategy ?? chalk.dim('-'),
      row.reason,
    ]),
    'No decisions recorded.',
  );

/**
 * The names that files get which are called what no account can be called; nothing where there are
 * none. Many are summed up.
 */
export function formatProposals(
  proposals: readonly {
    readonly path: string;
    readonly name: string;
    readonly displayName: string | null;
  }[],
): string {
  const renamed = proposals.filter(({ displayName }) => displayName !== null);
  if (renamed.length === 0) return '';
  const rows = renamed
    .slice(0, mostProposals)
    .map(({ path, name, displayName }) => [path, name, displayName ?? '']);
  const more =
    renamed.length > mostProposals ? `\n... and ${renamed.length - mostProposals} more` : '';
  return (
    `${formatTable(['FILE', 'ACCOUNT', 'CALLED'], rows, '')}${more}\nAccounts are named in ` +
    'a-z, 0-9, ".", "_" and "-"; what people call them is shown beside it. Other names: ' +
    '--name NAME.'
  );
}

const mostProposals = 20;

export function formatImports(outcomes: readonly ImportOutcome[]): string {
  const rows = outcomes
    .filter(({ problem }) => problem === null)
    .map(({ account, displayName, result, format, dataCentre, userId, warnings }) => [
      nameCell(account ?? '', displayName),
      result === 'imported' ? chalk.green(result) : chalk.dim(result),
      format ?? '',
      `DC ${dataCentre}`,
      userId ?? chalk.dim('user not in the file'),
      warnings.join('; '),
    ]);
  const refused = outcomes.length - rows.length;
  const table = formatTable(
    ['ACCOUNT', 'RESULT', 'FORMAT', 'DC', 'USER', 'NOTE'],
    rows,
    'Nothing was imported.',
  );
  return refused === 0
    ? table
    : `${table}\n${refused} of ${counted(outcomes.length, 'file')} refused:`;
}

export const formatVerifications = (results: readonly Verification[]): string =>
  formatTable(
    ['ACCOUNT', 'HOST', 'STATE', 'USER', 'TELEGRAM', 'CHECKED', 'NOTE'],
    results.map(
      ({ account, host, state, userId, isExpectedUser, latencyMs, checkedAt, reason }) => [
        account,
        host,
        formatState(state),
        `${userId ?? '-'}${isExpectedUser === false ? ' (another user!)' : ''}`,
        latencyMs === null ? '-' : `${latencyMs.toFixed(0)} ms`,
        checkedAt ?? '-',
        reason,
      ],
    ),
    'Nothing was verified.',
  );

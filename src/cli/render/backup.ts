import { FleetError } from '../../model/errors.ts';
import type { MadeBackup } from '../../workflows/backup.ts';
import type { RestorePlan } from '../../workflows/restore.ts';
import { chalk } from '../style.ts';
import { formatTable, formatTime } from './table.ts';

export function formatBackup({ path, bytes, accounts, sessions, serial, removed }: MadeBackup): string {
  const size = `${(bytes / 1024).toFixed(0)} KiB, ${accounts} accounts, ${sessions} sessions, run ${serial}`;
  const older = removed.length === 0 ? '' : `\n${removed.length} older removed: ${removed.join(', ')}`;
  return `${path} (${size}), restored to a scratch folder and read: sound.${older}`;
}

/** A backup that lacks a session is still the best there is; the operator has to know. */
export const backupErrors = ({ withoutSession }: MadeBackup): FleetError[] =>
  withoutSession.map(
    (account) =>
      new FleetError('vault', `the vault has no session of ${account}, so neither has the backup`, {
        account,
        hint: `import it again, or: fleet accounts remove ${account}`,
      }),
  );

const count = (value: number | null | undefined): string => (value === undefined ? '–' : value === null ? 'unreadable' : String(value));

export function formatRestore({ source, backup, current, returning, kept, aside }: RestorePlan): string {
  const rows = [
    ['accounts', count(current?.accounts), String(backup.accounts)],
    ['last run', count(current?.serial), `${backup.serial}${backup.lastRunMs === null ? '' : ` (${formatTime(backup.lastRunMs)})`}`],
  ];
  const notes = [
    `The vault gets ${returning.length} files back that are missing or damaged here (${returning.join(', ') || 'none'}); ${kept.length} stay as they are.`,
    ...(current === null ? [] : [`The ledger that is in use stays as ${aside}.`]),
  ];
  return `${formatTable(['LEDGER', 'IN USE', source], rows, '')}\n${chalk.dim(notes.join('\n'))}`;
}

/** The plan for programs. */
export const restoreData = ({ source, backup, current, returning, kept, aside }: RestorePlan): Record<string, unknown> => ({
  ...{ source, current, returning, kept, aside: current === null ? null : aside },
  backup: { accounts: backup.accounts, sessions: backup.sessions, serial: backup.serial, withoutSession: backup.withoutSession },
});

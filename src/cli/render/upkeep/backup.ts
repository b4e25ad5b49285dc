import { counted } from '../../../model/counted.ts';
import { formatTime } from '../../../model/time-words.ts';
import type { MadeBackup } from '../../../workflows/custody/backup.ts';
import type { ListedBackup } from '../../../workflows/custody/list-backups.ts';
import type { RestorePlan } from '../../../workflows/custody/restore.ts';
import { chalk } from '../../style.ts';
import { formatTable } from '../table.ts';

export function formatBackup({
  path,
  bytes,
  accounts,
  sessions,
  serial,
  removed,
}: MadeBackup): string {
  const size =
    `${(bytes / 1024).toFixed(0)} KiB, ${counted(accounts, 'account')}, ` +
    `${counted(sessions, 'session')}, run ${serial}`;
  const older =
    removed.length === 0 ? '' : `\n${removed.length} older removed: ${removed.join(', ')}`;
  return `${path} (${size}), restored to a scratch folder and read: sound.${older}`;
}

const key = (isOpenable: boolean | null): string =>
  isOpenable === null
    ? 'no key to ask'
    : isOpenable
      ? 'the key opens it'
      : 'needs another key, or is damaged';

export const formatBackups = (folder: string, backups: readonly ListedBackup[]): string =>
  formatTable(
    ['MADE', 'SIZE', 'FILE', 'KEY'],
    backups.map(({ path, madeAt, bytes, isOpenable }) => [
      formatTime(Date.parse(madeAt)),
      `${(bytes / 1024).toFixed(0)} KiB`,
      path,
      key(isOpenable),
    ]),
    `No backups of this fleet in ${folder}.`,
  );

const count = (value: number | null | undefined): string =>
  value === undefined ? '–' : value === null ? 'unreadable' : String(value);

export function formatRestore({
  source,
  backup,
  current,
  returning,
  kept,
  aside,
}: RestorePlan): string {
  const rows = [
    ['accounts', count(current?.accounts), String(backup.accounts)],
    [
      'last run',
      count(current?.serial),
      `${backup.serial}${backup.lastRunMs === null ? '' : ` (${formatTime(backup.lastRunMs)})`}`,
    ],
  ];
  const notes = [
    `The vault gets ${returning.length} files back that are missing or damaged here ` +
      `(${returning.join(', ') || 'none'}); ${kept.length} stay as they are.`,
    ...(current === null ? [] : [`The ledger that is in use stays as ${aside}.`]),
  ];
  return `${formatTable(['LEDGER', 'IN USE', source], rows, '')}\n${chalk.dim(notes.join('\n'))}`;
}

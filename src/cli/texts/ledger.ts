import type { adopt } from '../../verbs/ledger/adopt.ts';
import type { backup } from '../../verbs/ledger/backup.ts';
import type { listBackups } from '../../verbs/ledger/list-backups.ts';
import type { moveLedgerVerb } from '../../verbs/ledger/move.ts';
import type { restore } from '../../verbs/ledger/restore.ts';
import { formatAdoption } from '../render/upkeep/adopt.ts';
import { formatBackup, formatBackups, formatRestore } from '../render/upkeep/backup.ts';
import { formatLedgerMove, formatLedgerMoved } from '../render/upkeep/ledger-move.ts';
import type { TextOf, VerbText } from '../verb-text.ts';

const ofAdopt: TextOf<typeof adopt> = {
  plan: formatAdoption,
  done: () => 'The ledger is up to date: fleet status shows it.',
};

const ofBackup: TextOf<typeof backup> = { result: (made) => formatBackup(made) };

const ofRestore: TextOf<typeof restore> = {
  proposal: (plan) => formatRestore(plan),
  result: (plan, { input }) =>
    input.dryRun
      ? formatRestore(plan)
      : 'Restored. The ledger is read-only until you run: fleet adopt',
};

const ofList: TextOf<typeof listBackups> = {
  result: ({ folder, backups }) => formatBackups(folder, backups),
};

const ofMove: TextOf<typeof moveLedgerVerb> = {
  proposal: (plan) => formatLedgerMove(plan),
  result: (plan, { input }) =>
    input.dryRun || plan.kind === 'none' ? formatLedgerMove(plan) : formatLedgerMoved(plan),
};

export const texts: Readonly<Record<string, VerbText>> = {
  adopt: ofAdopt,
  backup: ofBackup,
  'backup list': ofList,
  'ledger move': ofMove,
  restore: ofRestore,
};

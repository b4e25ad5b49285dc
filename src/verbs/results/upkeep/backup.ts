import { FleetError } from '../../../model/errors.ts';
import type { MadeBackup } from '../../../workflows/custody/backup.ts';
import type { RestorePlan } from '../../../workflows/custody/restore.ts';

/** A backup that lacks a session is still the best there is; the operator has to know. */
export const backupErrors = ({ withoutSession }: MadeBackup): FleetError[] =>
  withoutSession.map(
    (account) =>
      new FleetError('vault', `the vault has no session of ${account}, so neither has the backup`, {
        account,
        hint: `import it again, or: fleet accounts remove ${account}`,
      }),
  );

/** The plan for programs. */
export const restoreData = ({
  source,
  backup,
  current,
  returning,
  kept,
  aside,
}: RestorePlan): Record<string, unknown> => ({
  ...{ source, current, returning, kept, aside: current === null ? null : aside },
  backup: {
    accounts: backup.accounts,
    sessions: backup.sessions,
    serial: backup.serial,
    withoutSession: backup.withoutSession,
  },
});

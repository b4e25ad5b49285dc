import type { LedgerDb } from '../../ledger/ledger.ts';
import { listAccounts } from '../../ledger/queries/accounts.ts';
import { listOpenMoves } from '../../ledger/queries/moves.ts';
import type { MoveRow } from '../../ledger/schema.ts';
import { FleetError } from '../../model/errors.ts';
import { endingCommands } from './ending-command.ts';
import { lostHostOf } from './lost-host-of.ts';

/** Accounts that the ledger has on this host, by name. */
export const accountsOn = async (db: LedgerDb, host: string): Promise<string[]> =>
  (await listAccounts(db)).filter((account) => account.host === host).map(({ name }) => name);

const touches = (move: MoveRow, host: string): boolean =>
  move.from_host === host || move.to_host === host || lostHostOf(move) === host;

/** Error `claim-refused`, one problem per move that names one of these hosts. */
export async function refuseOpenMoves(db: LedgerDb, hosts: readonly string[]): Promise<void> {
  const open = (await listOpenMoves(db)).filter((move) =>
    hosts.some((host) => touches(move, host)),
  );
  if (open.length === 0) return;
  throw new FleetError(
    'claim-refused',
    `a move is open on ${hosts.join(' or ')}: nothing was changed`,
    {
      hint:
        `let it come to its end first: ${endingCommands(open)}; when its host is gone for ` +
        `good: fleet failover ${hosts[0] ?? 'HOST'} --destroyed`,
      problems: open.map(
        ({ account, from_host, to_host, phase }) =>
          `${account}: ${from_host ?? 'nowhere'} -> ${to_host}, ${phase}`,
      ),
    },
  );
}

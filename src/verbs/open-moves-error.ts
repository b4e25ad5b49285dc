import type { LedgerDb } from '../ledger/ledger.ts';
import { FleetError } from '../model/errors.ts';

/**
 * What an interrupted command leaves open, with the command that ends it; null: nothing. The moves
 * of earlier runs among them.
 */
async function openError(db: LedgerDb): Promise<FleetError | null> {
  const [{ listOpenMoves }, { endingCommands }] = await Promise.all([
    import('../ledger/queries/moves.ts'),
    import('../workflows/hosts/ending-command.ts'),
  ]);
  const open = await listOpenMoves(db);
  if (open.length === 0) return null;
  return new FleetError(
    'interrupted',
    open.length === 1 ? 'one move is open' : `${open.length} moves are open`,
    {
      hint: `carry on with: ${endingCommands(open)}`,
      problems: open.map(
        ({ account, from_host, to_host, phase }) =>
          `${account}: ${from_host ?? 'no host'} → ${to_host}, ${phase}`,
      ),
    },
  );
}

/** The result of a command that Ctrl-C has ended, with what is open. */
export async function withOpenMoves<T extends { readonly errors?: readonly FleetError[] }>(
  db: LedgerDb,
  result: T,
): Promise<T> {
  const error = await openError(db);
  return error === null ? result : { ...result, errors: [...(result.errors ?? []), error] };
}

/** The same for one that was ended by an error. */
export async function sayingOpenMoves(db: LedgerDb, thrown: unknown): Promise<unknown> {
  const open = thrown instanceof FleetError ? await openError(db) : null;
  if (open === null || !(thrown instanceof FleetError)) return thrown;
  const { code, message, hint, host, account, problems, cause } = thrown;
  const about = {
    ...(host === undefined ? {} : { host }),
    ...(account === undefined ? {} : { account }),
  };
  return new FleetError(code, message, {
    hint: `${hint}; ${open.hint}`,
    problems: [...problems, ...open.problems],
    cause,
    ...about,
  });
}

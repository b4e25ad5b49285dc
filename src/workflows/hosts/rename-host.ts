import { recordEvent } from '../../ledger/queries/events.ts';
import {
  listForgottenHosts,
  listHosts,
  renameHost,
  takeBackHost,
} from '../../ledger/queries/hosts.ts';
import type { HostRow } from '../../ledger/schema.ts';
import { FleetError } from '../../model/errors.ts';
import type { HostSpec } from '../../model/inventory.ts';
import type { FleetContext } from '../context.ts';
import { accountsOn, refuseOpenMoves } from './host-burden.ts';

/** What `fleet hosts rename` is about to do. */
export interface HostRename {
  readonly before: string;
  readonly after: string;
  readonly accounts: readonly string[];
  /** The host of the inventory that has the new name. */
  readonly host: HostSpec;
}

/**
 * Nothing is changed yet. Errors: `usage` for names that do not fit together, `claim-refused` while
 * a move is open.
 */
export async function planRename(
  context: FleetContext,
  before: string,
  after: string,
): Promise<HostRename> {
  const { inventory, ledger } = context;
  const host = inventory.hosts.find(({ name }) => name === after);
  if (before === after)
    throw usage(
      'the old and the new name are the same',
      'give the name of before, then the name of now',
    );
  if (host === undefined)
    throw usage(
      `the inventory has no host ${after}`,
      `rename ${before} to ${after} in ${inventory.path} first (under hosts, and wherever ` +
        'pinned_to has it)',
    );
  if (inventory.hosts.some(({ name }) => name === before))
    throw usage(
      `the inventory still has ${before}`,
      `rename it to ${after} in ${inventory.path} first; two machines cannot become one`,
    );
  const rows = await listHosts(ledger.db);
  const forgotten = await listForgottenHosts(ledger.db);
  const known = new Set([...rows, ...forgotten].map(({ name }) => name));
  if (!known.has(before))
    throw usage(`the ledger knows no host ${before}`, 'fleet hosts list shows the known ones');
  const inTheWay = rows.find(({ name }) => name === after);
  const instanceId =
    [...rows, ...forgotten].find(({ name }) => name === before)?.instance_id ?? null;
  if (inTheWay !== undefined && (await isUsed(context, inTheWay, instanceId)))
    throw usage(
      `${after} is a host of its own in the ledger: it has been in use`,
      `give ${before} a name that no host ever had, or first: fleet hosts forget ${after}`,
    );
  await refuseOpenMoves(ledger.db, [before, after]);
  return { before, after, accounts: await accountsOn(ledger.db, before), host };
}

const usage = (message: string, hint: string): FleetError =>
  new FleetError('usage', message, { hint });

/**
 * A row that was only made because the inventory has its name may give way, also when the same
 * machine has answered under it.
 */
async function isUsed(
  { ledger }: FleetContext,
  row: HostRow,
  instanceId: string | null,
): Promise<boolean> {
  const { name, release, contact_intent_at, instance_id } = row;
  if (release !== null || (await accountsOn(ledger.db, name)).length > 0) return true;
  return contact_intent_at !== null && (instance_id === null || instance_id !== instanceId);
}

/**
 * All of it or nothing. Nothing is sent to the host: its claims do not have its name in them, and
 * `fleet init` tells it.
 */
export async function executeRename(
  context: FleetContext,
  { before, after }: HostRename,
): Promise<void> {
  const nowMs = context.now();
  await context.ledger.db.transaction().execute(async (transaction) => {
    await takeBackHost(transaction, before);
    const row = (await listHosts(transaction)).find(({ name }) => name === before);
    if (row === undefined)
      throw usage(`the ledger knows no host ${before}`, 'fleet hosts list shows the known ones');
    await renameHost(transaction, row, after);
    await recordEvent(transaction, {
      at: nowMs,
      kind: 'host-renamed',
      host: after,
      before,
    });
  });
}

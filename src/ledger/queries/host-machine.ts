import type { ExpressionBuilder } from 'kysely';
import type { LedgerDb } from '../ledger.ts';
import type { LedgerSchema } from '../schema.ts';

/**
 * Which machine answered under this name, although nothing else of it may be taken. Not where
 * accounts were given to another one.
 */
export async function recordInstance(
  db: LedgerDb,
  name: string,
  instanceId: string,
): Promise<void> {
  await db
    .updateTable('hosts')
    .set({ instance_id: instanceId })
    .where('name', '=', name)
    .where((eb) => eb.or([eb('instance_id', 'is', null), eb.not(ownsAccounts(eb))]))
    .execute();
}

/**
 * The operator has said that the machine which answers under this name counts, whatever was there
 * before.
 */
export async function trustMachine(db: LedgerDb, name: string, instanceId: string): Promise<void> {
  await db.updateTable('hosts').set({ instance_id: instanceId }).where('name', '=', name).execute();
}

type OfHosts = ExpressionBuilder<LedgerSchema, 'hosts'>;

/**
 * What `instance_id` becomes when a machine answers: accounts were given to a machine, and another
 * one under its name does not take their place unasked.
 */
export const heardInstance = (eb: OfHosts, heard: string | null) => {
  const { case: when, fn, ref, val } = eb;
  return when()
    .when(ownsAccounts(eb))
    .then(fn.coalesce(ref('instance_id'), val(heard)))
    .else(fn.coalesce(val(heard), ref('instance_id')))
    .end();
};

/**
 * Accounts were given to the host, or were about to be: a grant whose answer was lost may have been
 * heard.
 */
const ownsAccounts = ({ exists, or, selectFrom }: OfHosts) =>
  or([
    exists(
      selectFrom('placements').select('account').whereRef('placements.host', '=', 'hosts.name'),
    ),
    exists(
      selectFrom('moves')
        .select('id')
        .whereRef('moves.to_host', '=', 'hosts.name')
        .where((eb) => mayBeGranted(eb)),
    ),
  ]);

/** The same as `mayBeGranted` of src/ownership/phases.ts. */
const mayBeGranted = (eb: ExpressionBuilder<LedgerSchema, 'moves'>) =>
  eb.or([
    eb('moves.phase', 'in', ['released', 'granted']),
    eb.and([eb('moves.phase', '=', 'staged'), eb('moves.from_host', 'is', null)]),
  ]);

/**
 * The host has confirmed that it obeys this run. `knew`: the serial that it knew before, where that
 * is less than it had confirmed; null: it is not.
 */
export async function recordAcknowledged(
  db: LedgerDb,
  name: string,
  serial: number,
  knew: number | null,
  nowMs: number,
): Promise<void> {
  const fallen = knew === null ? {} : { fell_back_at: nowMs, fell_back_to: knew };
  await db
    .updateTable('hosts')
    .set({ acknowledged_serial: serial, ...fallen })
    .where('name', '=', name)
    .where((eb) =>
      eb.or([eb('acknowledged_serial', 'is', null), eb('acknowledged_serial', '<', serial)]),
    )
    .execute();
}

import type { LedgerDb } from '../ledger.ts';

/** Of a host that accepts fleet's logins. */
export const letIn = { refused_since: null, refused_at: null, refusals: 0, refusal: null } as const;

/**
 * The host has refused the login, or is not the one that is trusted. `words`: JSON of the error,
 * without secrets.
 */
export async function recordRefused(
  db: LedgerDb,
  name: string,
  words: string,
  nowMs: number,
): Promise<void> {
  await db
    .updateTable('hosts')
    .set(({ eb, fn, ref, val }) => ({
      refused_since: fn.coalesce(ref('refused_since'), val(nowMs)),
      refused_at: nowMs,
      refusals: eb('refusals', '+', 1),
      refusal: words,
    }))
    .where('name', '=', name)
    .execute();
}

/** The host accepts fleet's logins. */
export async function recordLetIn(db: LedgerDb, name: string): Promise<void> {
  await db.updateTable('hosts').set(letIn).where('name', '=', name).execute();
}

/** A connection came through, whatever was said there: how long none did begins anew. */
export async function recordReached(db: LedgerDb, name: string): Promise<void> {
  await db
    .updateTable('hosts')
    .set({ unreachable_since: null })
    .where('name', '=', name)
    .where('unreachable_since', 'is not', null)
    .execute();
}

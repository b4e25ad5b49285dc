import { randomUUID } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { LedgerDb } from '../ledger.ts';
import type { CanaryKind, CanaryPhase, CanaryRow } from '../schema.ts';

/** A trial of what is new on a few accounts before the others get it. */
export interface Canary {
  readonly id: string;
  readonly kind: CanaryKind;
  /** What is tried: a digest of the behaviours, or a release. */
  readonly mark: string;
  readonly phase: CanaryPhase;
  /** They try it. */
  readonly accounts: readonly string[];
  /** They wait for the verdict. */
  readonly others: readonly string[];
  /** What both had before, by account, as JSON text. */
  readonly before: ReadonlyMap<string, string>;
  readonly watchMs: number;
  /** Share of errors from which it is put back, 0-1. */
  readonly maxErrors: number;
  /** Why it was put back; empty: it was not. */
  readonly note: string;
  /** Ms since the epoch. */
  readonly begunAtMs: number;
}

const canaryOf = (row: CanaryRow): Canary => ({
  ...{ id: row.id, kind: row.kind, mark: row.mark, phase: row.phase, note: row.note },
  accounts: JSON.parse(row.accounts_json) as string[],
  others: JSON.parse(row.others_json) as string[],
  before: new Map(JSON.parse(gunzipSync(row.before).toString('utf8')) as [string, string][]),
  ...{ watchMs: row.watch_ms, maxErrors: row.max_errors, begunAtMs: row.begun_at },
});

/** On disk when it returns. */
export async function insertCanary(
  db: LedgerDb,
  canary: Omit<Canary, 'id' | 'phase' | 'note'>,
): Promise<Canary> {
  const row: CanaryRow = {
    ...{ id: randomUUID(), kind: canary.kind, mark: canary.mark, phase: 'begun', note: '' },
    accounts_json: JSON.stringify(canary.accounts),
    others_json: JSON.stringify(canary.others),
    before: gzipSync(JSON.stringify([...canary.before])),
    ...{
      watch_ms: canary.watchMs,
      max_errors: canary.maxErrors,
      begun_at: canary.begunAtMs,
      changed_at: canary.begunAtMs,
    },
  };
  await db.insertInto('canaries').values(row).execute();
  return canaryOf(row);
}

/** The newest one of its kind; null: there was none. */
export async function lastCanary(db: LedgerDb, kind: CanaryKind): Promise<Canary | null> {
  const rows = db.selectFrom('canaries').selectAll().where('kind', '=', kind);
  const row = await rows.orderBy('begun_at', 'desc').orderBy('id').limit(1).executeTakeFirst();
  return row === undefined ? null : canaryOf(row);
}

/** Journals the next phase; on disk when it returns. */
export async function advanceCanary(
  db: LedgerDb,
  canary: Canary,
  phase: CanaryPhase,
  nowMs: number,
  note = canary.note,
): Promise<Canary> {
  await db
    .updateTable('canaries')
    .set({ phase, note, changed_at: nowMs })
    .where('id', '=', canary.id)
    .execute();
  return { ...canary, phase, note };
}

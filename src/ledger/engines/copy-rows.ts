import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import { FleetError } from '../../model/errors.ts';
import { readChainHead } from '../history-chain.ts';
import type { LedgerSchema } from '../schema.ts';
import type { ChainSource } from './chain-columns.ts';
import { engineOf } from './dialect.ts';
import type { LedgerDb } from './engine.ts';

type Table = keyof LedgerSchema;

/** By what rows are told apart, tables that others refer to first. */
const keys = {
  meta: ['key'],
  hosts: ['name'],
  forgotten_hosts: ['name'],
  accounts: ['name'],
  logins: ['account'],
  epochs: ['key_id'],
  placements: ['account'],
  moves: ['id'],
  samples: ['host', 'taken_at'],
  decision_inputs: ['hash'],
  canaries: ['id'],
  runs: ['serial'],
  // Of whoever is at work now, and of nobody afterwards.
  lock: null,
  alerts: ['key'],
  alert_messages: ['id'],
  alert_silences: ['id'],
  alert_channels: ['name'],
  api_tokens: ['id'],
  api_plans: ['id'],
  api_jobs: ['id'],
  api_answers: ['token', 'key'],
  // Each in the order of the chain.
  chain: null,
  history: null,
  events: null,
} as const satisfies Readonly<Record<Table, readonly string[] | null>>;

const pageRows = 300;

/** The counts and hashes of what was copied, by table. */
export type CopiedTables = ReadonlyMap<Table, { readonly rows: number; readonly hash: string }>;

/**
 * Copies every row of one ledger into another one that is new and of the same version, on whatever
 * engine, and compares what arrived, row by row and by the head of the chain. Called within a
 * snapshot of `from` and a transaction on `to`. Errors: `ledger-corrupt` where they differ.
 */
export async function copyRows(from: LedgerDb, to: LedgerDb): Promise<CopiedTables> {
  for (const [table, key] of Object.entries(keys) as [Table, readonly string[] | null][])
    if (key !== null)
      for await (const page of pages(from, table, key)) await insert(to, table, page);
  await copyHistory(from, to);
  if (engineOf(to) === 'postgres') await raiseNumbers(to);
  const [before, after] = [await summary(from), await summary(to)];
  for (const [table, { rows, hash }] of before) {
    const arrived = after.get(table);
    if (arrived?.rows !== rows || arrived.hash !== hash)
      throw differs(`${table}: ${rows} rows, of which ${arrived?.rows ?? 0} arrived as they were`);
  }
  const [ours, theirs] = [await readChainHead(from), await readChainHead(to)];
  if (ours.length !== theirs.length || ours.hash !== theirs.hash)
    throw differs('the history has another hash there: was it changed without fleet?');
  return before;
}

const differs = (what: string): FleetError =>
  new FleetError('ledger-corrupt', `the copy of the ledger is not like it: ${what}`, {
    hint: 'nothing was changed; what is wrong with it? fleet doctor',
  });

type Row = Readonly<Record<string, unknown>>;

async function* pages(db: LedgerDb, table: Table, key: readonly string[]): AsyncGenerator<Row[]> {
  for (let from = 0; ; from += pageRows) {
    let query = db.selectFrom(table).selectAll().limit(pageRows).offset(from);
    for (const column of key) query = query.orderBy(column as never);
    const rows = (await query.execute()) as Row[];
    if (rows.length > 0) yield rows;
    if (rows.length < pageRows) return;
  }
}

async function insert(db: LedgerDb, table: Table, rows: readonly Row[]): Promise<void> {
  await db
    .insertInto(table)
    .values(rows as never)
    .execute();
}

/** In the order of the chain, so that what keeps it makes it anew, with the same hashes. */
async function copyHistory(from: LedgerDb, to: LedgerDb): Promise<void> {
  for await (const page of pages(from, 'chain', ['seq'])) {
    const links = page as unknown as readonly { source: ChainSource; row: number }[];
    const rows = {
      history: await rowsOf(from, 'history', links),
      events: await rowsOf(from, 'events', links),
    };
    for (let at = 0; at < links.length; ) {
      const source = links[at]?.source ?? 'events';
      let end = at;
      while (links[end]?.source === source) end += 1;
      const run = links.slice(at, end).flatMap(({ row }): readonly Row[] => {
        const found = rows[source].get(row);
        return found === undefined ? [] : [found];
      });
      if (run.length > 0) await insert(to, source, run);
      at = end;
    }
  }
}

async function rowsOf(
  db: LedgerDb,
  table: ChainSource,
  links: readonly { readonly source: ChainSource; readonly row: number }[],
): Promise<ReadonlyMap<number, Row>> {
  const ids = links.filter(({ source }) => source === table).map(({ row }) => row);
  if (ids.length === 0) return new Map();
  const rows = await db.selectFrom(table).selectAll().where('id', 'in', ids).execute();
  return new Map(rows.map((row) => [row.id, row]));
}

/** PostgreSQL numbers new rows by itself, and knows nothing of numbers that came along. */
async function raiseNumbers(db: LedgerDb): Promise<void> {
  for (const table of ['history', 'events', 'alert_silences'])
    await sql`SELECT setval(pg_get_serial_sequence(${table}, 'id'),
      greatest(1, (SELECT max(id) FROM ${sql.table(table)})),
      (SELECT count(*) > 0 FROM ${sql.table(table)}))`.execute(db);
}

/** Reads every row. What a server finds damaged, it says by an error. */
export async function summary(db: LedgerDb): Promise<CopiedTables> {
  const found = new Map<Table, { rows: number; hash: string }>();
  const all = { ...keys, chain: ['seq'], history: ['id'], events: ['id'] } as const;
  for (const [table, key] of Object.entries(all) as [Table, readonly string[] | null][]) {
    if (key === null) continue;
    const hash = createHash('sha256');
    let rows = 0;
    for await (const page of pages(db, table, key))
      for (const row of page) {
        const columns = Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1));
        hash.update(`${JSON.stringify(columns)}\n`);
        rows += 1;
      }
    found.set(table, { rows, hash: hash.digest('hex') });
  }
  return found;
}

import { type Kysely, sql } from 'kysely';
import { chainSqlOf } from '../engines/chain-sql.ts';
import { chainHash } from '../history-chain.ts';

interface Entry {
  readonly source: string;
  readonly row: number;
  readonly content: string;
}

/**
 * Decisions and events form one chain of hashes, so that none can be changed, taken out or put in
 * without a trace. Triggers do it: nothing is recorded past them. What is there already becomes the
 * chain's beginning.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { content, table, triggers } = chainSqlOf(db);
  const run = (text: string): Promise<unknown> => sql.raw(text).execute(db);
  for (const statement of table) await run(statement);
  await run('CREATE UNIQUE INDEX chain_row ON chain (source, "row")');
  const { rows } = await sql<Entry>`SELECT source, "row", content FROM (
      SELECT 'history' AS source, h.id AS "row", h.at AS at,
        ${sql.raw(content('history', 'h'))} AS content FROM history h
      UNION ALL
      SELECT 'events', e.id, e.at, ${sql.raw(content('events', 'e'))} FROM events e) AS entries
    ORDER BY at, source, "row"`.execute(db);
  let hash: string | null = null;
  for (const { source, row, content: text } of rows) {
    hash = chainHash(hash, text);
    await sql`INSERT INTO chain (source, "row", hash) VALUES (${source}, ${row}, ${hash})`.execute(
      db,
    );
  }
  for (const source of ['history', 'events'] as const)
    for (const statement of triggers(source)) await run(statement);
}

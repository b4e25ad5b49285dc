import { type Kysely, sql } from 'kysely';
import { chainFunction, chainHash, contentOf } from '../history-chain.ts';

interface Entry {
  readonly source: string;
  readonly row: number;
  readonly content: string;
}

/**
 * Decisions and events form one chain of hashes, so that none can be changed, taken out or put in
 * without a trace. Triggers do it: nothing is recorded past them,
 * and a process that does not know the hash cannot record at all. What is there already becomes the
 * chain's beginning.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const run = (text: string): Promise<unknown> => sql.raw(text).execute(db);
  await run(
    'CREATE TABLE chain (seq INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, ' +
      '"row" INTEGER NOT NULL, hash TEXT NOT NULL)',
  );
  await run('CREATE UNIQUE INDEX chain_row ON chain (source, "row")');
  const { rows } = await sql<Entry>`SELECT source, "row", content FROM (
      SELECT 'history' AS source, h.id AS "row", h.at AS at, ${sql.raw(contentOf.history('h'))} AS content FROM history h
      UNION ALL SELECT 'events', e.id, e.at, ${sql.raw(contentOf.events('e'))} FROM events e)
    ORDER BY at, source, "row"`.execute(db);
  let hash: string | null = null;
  for (const { source, row, content } of rows) {
    hash = chainHash(hash, content);
    await sql`INSERT INTO chain (source, "row", hash) VALUES (${source}, ${row}, ${hash})`.execute(
      db,
    );
  }
  for (const source of ['history', 'events'] as const) {
    const before = '(SELECT hash FROM chain ORDER BY seq DESC LIMIT 1)';
    await run(`CREATE TRIGGER ${source}_chained AFTER INSERT ON ${source} BEGIN
      INSERT INTO chain (source, "row", hash) VALUES ('${source}', NEW.id, ${chainFunction}(${before}, ${contentOf[source]('NEW')})); END`);
    for (const act of ['UPDATE', 'DELETE'])
      await run(`CREATE TRIGGER ${source}_kept_${act.toLowerCase()} BEFORE ${act} ON ${source} BEGIN
        SELECT RAISE(ABORT, 'the history is never changed'); END`);
  }
}

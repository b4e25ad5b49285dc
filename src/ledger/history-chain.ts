import { createHash } from 'node:crypto';
import { type QueryExecutorProvider, sql } from 'kysely';
import { chainSqlOf } from './engines/chain-sql.ts';

/**
 * Where the chain stands: how many entries it has, and the hash of the last, which depends on all
 * of them.
 */
export interface ChainHead {
  readonly length: number;
  /** SHA-256, hex; of an empty chain 64 zeros. */
  readonly hash: string;
}

const emptyHash = '0'.repeat(64);

/** The hash of an entry: of the one before and of its own content. Pure. */
export const chainHash = (before: unknown, content: unknown): string =>
  createHash('sha256')
    .update(`${typeof before === 'string' ? before : emptyHash}\n${String(content)}`)
    .digest('hex');

interface ChainRow {
  readonly seq: number;
  readonly source: string;
  readonly row: number;
  readonly hash: string;
  /** null: the entry is gone. */
  readonly content: string | null;
}

const pageRows = 1_000;

const readPage = async (db: QueryExecutorProvider, after: number): Promise<readonly ChainRow[]> => {
  const { content } = chainSqlOf(db);
  return (
    await sql<ChainRow>`SELECT c.seq, c.source, c."row", c.hash,
      CASE WHEN c.source = 'history' AND h.id IS NOT NULL THEN ${sql.raw(content('history', 'h'))}
           WHEN c.source = 'events' AND e.id IS NOT NULL THEN ${sql.raw(content('events', 'e'))} END AS content
      FROM chain c
      LEFT JOIN history h ON c.source = 'history' AND h.id = c."row"
      LEFT JOIN events e ON c.source = 'events' AND e.id = c."row"
      WHERE c.seq > ${after} ORDER BY c.seq LIMIT ${pageRows}`.execute(db)
  ).rows;
};

/** The chain's head, as it is recorded. */
export async function readChainHead(db: QueryExecutorProvider): Promise<ChainHead> {
  const { rows } = await sql<{ length: number; hash: string | null }>`SELECT count(*) AS length,
    (SELECT hash FROM chain ORDER BY seq DESC LIMIT 1) AS hash FROM chain`.execute(db);
  return { length: rows[0]?.length ?? 0, hash: rows[0]?.hash ?? emptyHash };
}

/**
 * Those of `heads`, noted elsewhere, that the chain does not contain: it was rolled back, or made
 * anew. As it is recorded: what {@link findChainFault} finds, it does not.
 */
export async function headsNotIn(
  db: QueryExecutorProvider,
  heads: readonly ChainHead[],
): Promise<readonly ChainHead[]> {
  const hashes = new Map([[0, emptyHash]]);
  for (let from = 0; from < heads.length; from += pageRows) {
    const numbers = heads.slice(from, from + pageRows).map(({ length }) => length);
    const { rows } = await sql<{ seq: number; hash: string }>`SELECT seq, hash FROM chain
      WHERE seq IN (${sql.join(numbers)})`.execute(db);
    for (const { seq, hash } of rows) hashes.set(seq, hash);
  }
  return heads.filter(({ length, hash }) => hashes.get(length) !== hash);
}

/**
 * What is wrong with the history: an entry that was changed, taken out or put in; null: nothing.
 * `known`: a head that was noted elsewhere, which has to be
 * part of the chain. Reads all of it.
 */
export async function findChainFault(
  db: QueryExecutorProvider,
  known: ChainHead | null = null,
): Promise<string | null> {
  let hash = emptyHash;
  let length = 0;
  let isKnownFound = known === null || (known.length === 0 && known.hash === emptyHash);
  for (
    let page = await readPage(db, 0);
    page.length > 0;
    page = await readPage(db, page.at(-1)?.seq ?? 0)
  ) {
    for (const entry of page) {
      const what = `entry ${length + 1} of the history (${entry.source} ${entry.row})`;
      if (entry.content === null) return `${what} is gone`;
      hash = chainHash(hash, entry.content);
      length += 1;
      if (hash !== entry.hash) return `${what} was changed, or one before it was taken out`;
      if (known?.length === length) isKnownFound = known.hash === hash;
    }
  }
  const { rows } = await sql<{ entries: number; last: number | null }>`SELECT
    (SELECT count(*) FROM history) + (SELECT count(*) FROM events) AS entries,
    (${sql.raw(chainSqlOf(db).lastNumber)}) AS last`.execute(db);
  if ((rows[0]?.entries ?? 0) !== length)
    return `the history has ${rows[0]?.entries} entries, of which ${length} were recorded by fleet`;
  if ((rows[0]?.last ?? 0) > length) return 'the last entries of the history were taken out';
  return isKnownFound
    ? null
    : `the history is not the one that was noted when it had ${known?.length} entries`;
}

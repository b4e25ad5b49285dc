import { type ChainSql, chainColumns, neverChanged } from '../chain-columns.ts';

/**
 * The name in SQL of the hash (`chainHash`); every connection that writes to a ledger has it, so a
 * program that does not know it cannot record.
 */
export const chainFunction = 'fleet_chain';

const content: ChainSql['content'] = (source, row) =>
  `json_array('${source}', ${chainColumns[source]
    .map((column) =>
      column === 'score' ? `CAST(round(${row}.score * 1000000) AS INTEGER)` : `${row}.${column}`,
    )
    .join(', ')})`;

const before = '(SELECT hash FROM chain ORDER BY seq DESC LIMIT 1)';

export const sqliteChain: ChainSql = {
  content,
  lastNumber: "SELECT seq FROM sqlite_sequence WHERE name = 'chain'",
  table: [
    `CREATE TABLE chain (seq INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL,
      "row" INTEGER NOT NULL, hash TEXT NOT NULL)`,
  ],
  triggers: (source) => [
    `CREATE TRIGGER ${source}_chained AFTER INSERT ON ${source} BEGIN
      INSERT INTO chain (source, "row", hash)
      VALUES ('${source}', NEW.id, ${chainFunction}(${before}, ${content(source, 'NEW')})); END`,
    ...['UPDATE', 'DELETE'].map(
      (act) => `CREATE TRIGGER ${source}_kept_${act.toLowerCase()} BEFORE ${act} ON ${source} BEGIN
        SELECT RAISE(ABORT, '${neverChanged}'); END`,
    ),
  ],
};

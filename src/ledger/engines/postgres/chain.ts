import { type ChainSql, chainColumns, neverChanged } from '../chain-columns.ts';

/** As SQLite's `json_array` writes it, without a space. */
const content: ChainSql['content'] = (source, row) =>
  `'["${source}",' || ${chainColumns[source]
    .map((column) => (column === 'score' ? millionths(row) : `${row}.${column}`))
    .map((value) => `coalesce(to_json(${value})::text, 'null')`)
    .join(" || ',' || ")} || ']'`;

/** Rounded as SQLite rounds: half away from zero. */
const millionths = (row: string): string =>
  `trunc(${row}.score * 1000000 + CASE WHEN ${row}.score < 0 THEN -0.5 ELSE 0.5 END)::bigint`;

/**
 * Numbers come from the ledger's row and not from a sequence, which would leave gaps behind what is
 * rolled back. The row is locked by whoever records, so entries are one after the other.
 */
const record = (source: 'history' | 'events'): string =>
  `CREATE FUNCTION ${source}_chained() RETURNS trigger LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $$
    DECLARE number bigint;
    BEGIN
      UPDATE ledger SET chain_length = chain_length + 1 RETURNING chain_length INTO number;
      INSERT INTO chain (seq, source, "row", hash) VALUES (number, '${source}', NEW.id,
        encode(sha256(convert_to(
          coalesce((SELECT hash FROM chain WHERE seq = number - 1), repeat('0', 64))
          || E'\\n' || ${content(source, 'NEW')}, 'UTF8')), 'hex'));
      RETURN NULL;
    END $$`;

export const postgresChain: ChainSql = {
  content,
  lastNumber: 'SELECT chain_length AS seq FROM ledger',
  table: [
    `CREATE TABLE chain (seq bigint PRIMARY KEY, source text COLLATE "C" NOT NULL,
      "row" bigint NOT NULL, hash text COLLATE "C" NOT NULL)`,
    `CREATE FUNCTION history_kept() RETURNS trigger LANGUAGE plpgsql AS $$
      BEGIN RAISE EXCEPTION '${neverChanged}'; END $$`,
  ],
  triggers: (source) => [
    record(source),
    `CREATE TRIGGER ${source}_chained AFTER INSERT ON ${source}
      FOR EACH ROW EXECUTE FUNCTION ${source}_chained()`,
    `CREATE TRIGGER ${source}_kept BEFORE UPDATE OR DELETE ON ${source}
      FOR EACH ROW EXECUTE FUNCTION history_kept()`,
    `CREATE TRIGGER ${source}_kept_whole BEFORE TRUNCATE ON ${source}
      FOR EACH STATEMENT EXECUTE FUNCTION history_kept()`,
  ],
};

import { join } from 'node:path';
import Database from 'better-sqlite3';
import type { ChainSource } from '../../src/ledger/engines/chain-columns.ts';
import { chainFunction, sqliteChain } from '../../src/ledger/engines/sqlite/chain.ts';
import { chainHash } from '../../src/ledger/history-chain.ts';
import type { World } from './world.ts';

/**
 * Somebody with all rights to the ledger and fleet's own sources: another reason for its first
 * decision, and the whole chain of hashes made anew. Answers the former reason.
 */
export function forgeHistory(world: World, reason: string): string {
  const database = new Database(join(world.operator.directory, 'fleet.db'));
  try {
    database.function(chainFunction, chainHash);
    const guards = database
      .prepare(
        "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name IN " +
          "('history_kept_update', 'history_kept_delete')",
      )
      .all() as { name: string; sql: string }[];
    return database.transaction(() => {
      for (const { name } of guards) database.exec(`DROP TRIGGER ${name}`);
      const first = database
        .prepare('SELECT id, reason FROM history ORDER BY id LIMIT 1')
        .get() as { id: number; reason: string };
      database.prepare('UPDATE history SET reason = ? WHERE id = ?').run(reason, first.id);
      let hash: string | null = null;
      for (const { seq, source, row } of database
        .prepare('SELECT seq, source, "row" FROM chain ORDER BY seq')
        .all() as {
        seq: number;
        source: ChainSource;
        row: number;
      }[]) {
        const { content } = database
          .prepare(
            `SELECT ${sqliteChain.content(source, 't')} AS content FROM ${source} t WHERE id = ?`,
          )
          .get(row) as {
          content: string;
        };
        hash = chainHash(hash, content);
        database.prepare('UPDATE chain SET hash = ? WHERE seq = ?').run(hash, seq);
      }
      for (const { sql } of guards) database.exec(sql);
      return first.reason;
    })();
  } finally {
    database.close();
  }
}

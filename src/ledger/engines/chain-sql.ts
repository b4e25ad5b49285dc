import type { QueryExecutorProvider } from 'kysely';
import type { ChainSql } from './chain-columns.ts';
import { engineOf } from './dialect.ts';
import { postgresChain } from './postgres/chain.ts';
import { sqliteChain } from './sqlite/chain.ts';

/** How the engine behind `db` keeps the chain. */
export const chainSqlOf = (db: QueryExecutorProvider): ChainSql =>
  engineOf(db) === 'sqlite' ? sqliteChain : postgresChain;

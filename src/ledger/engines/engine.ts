import type { Kysely, Transaction } from 'kysely';
import type { PostgresPlace } from '../../model/ledger-place.ts';
import type { LedgerSchema } from '../schema.ts';

/** An open ledger, or a transaction on it: every query function takes one. */
export type LedgerDb = Kysely<LedgerSchema> | Transaction<LedgerSchema>;

/** A ledger in a database, and how its password is read; null: there is none in the inventory. */
export interface PostgresAccess {
  readonly place: PostgresPlace;
  readonly readPassword: () => Promise<string | null>;
}

/** What each database engine does in its own way; all else is queries that both understand. */
export interface Engine {
  readonly db: Kysely<LedgerSchema>;
  /** As messages call the ledger: the path of its file, or its URL without a password. */
  readonly place: string;
  /** An error of the engine as what the operator can do about it; every other cause as it is. */
  readonly useError: (cause: unknown) => unknown;
  /** Whether the engine finds nothing wrong with what it stores; reads all of it. */
  readonly isSound: () => Promise<boolean>;
  /** How much room is left where the ledger lies, bytes; null: that cannot be asked from here. */
  readonly freeBytes: () => number | null;
  /** All of `act` reads the ledger as it is at one moment, while others go on writing. */
  readonly snapshot: <T>(act: (db: LedgerDb) => Promise<T>) => Promise<T>;
  /**
   * A consistent copy of the ledger as a new SQLite file in a scratch folder, while others may go
   * on writing. Errors: `ledger-*`, `this-machine`.
   */
  readonly copyTo: (path: string) => Promise<void>;
  /**
   * How far this machine's clock is ahead of the clock that every machine with this ledger shares,
   * ms; 0 where the ledger is a file of this machine.
   */
  readonly clockAheadMs: () => Promise<number>;
  /**
   * Gives the authority away, within a transaction: nobody else writes from this call on, and
   * nobody at all from its commit on. `mark`: see `markText`.
   */
  readonly markMoved: (within: LedgerDb, mark: string) => Promise<void>;
}

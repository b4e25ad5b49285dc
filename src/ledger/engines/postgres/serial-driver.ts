import type {
  CompiledQuery,
  DatabaseConnection,
  Driver,
  QueryResult,
  TransactionSettings,
} from 'kysely';
import { ownCodes, PostgresFailure } from './postgres-errors.ts';
import type { Answer, Session } from './session.ts';

/** What the driver asks of whoever has the ledger. */
export interface SerialOptions {
  readonly open: () => Promise<Session>;
  /** Judges the ledger's row as every transaction begins; throws where nothing may be written. */
  readonly admit: (row: Answer['rows'][number] | undefined) => void;
}

/**
 * Under READ COMMITTED every statement sees what was committed before it began. So whoever has the
 * lock on the one row of the ledger sees all that the writers before have written, and nobody
 * writes beside it: transactions are one after the other, as SQLite has them.
 */
const begin = `BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
  SELECT version, moved_to, arriving_from FROM ledger FOR UPDATE`;

const writes: readonly string[] = ['InsertQueryNode', 'UpdateQueryNode', 'DeleteQueryNode'];

/**
 * One connection, used by one after the other; a lost one is opened anew for the next. Every write
 * is in a transaction that begins with the lock, also one that stands alone.
 */
export class SerialDriver implements Driver {
  readonly #connection: SerialConnection;
  #line: Promise<void> = Promise.resolve();
  #leave: () => void = () => undefined;

  constructor(options: SerialOptions) {
    this.#connection = new SerialConnection(options);
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    const before = this.#line;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#line = promise;
    await before;
    this.#leave = resolve;
    try {
      await this.#connection.open();
      return this.#connection;
    } catch (error) {
      resolve();
      throw error;
    }
  }

  beginTransaction = (_: DatabaseConnection, { accessMode }: TransactionSettings): Promise<void> =>
    accessMode === 'read only' ? this.#connection.beginLook() : this.#connection.begin();
  commitTransaction = (): Promise<void> => this.#connection.commit();
  rollbackTransaction = (): Promise<void> => this.#connection.rollback();

  async releaseConnection(): Promise<void> {
    this.#leave();
  }

  async destroy(): Promise<void> {
    await this.#line;
    await this.#connection.close();
  }
}

class SerialConnection implements DatabaseConnection {
  readonly #options: SerialOptions;
  #session: Session | null = null;
  #isWithin = false;

  constructor(options: SerialOptions) {
    this.#options = options;
  }

  async open(): Promise<void> {
    if (this.#session?.isBroken === false) return;
    await this.#session?.close();
    this.#session = null;
    this.#session = await this.#options.open();
  }

  async close(): Promise<void> {
    await this.#session?.close();
    this.#session = null;
  }

  async executeQuery<Row>({ query, sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
    if (this.#isWithin || !writes.includes(query.kind)) return this.#run(sql, parameters);
    await this.begin();
    try {
      const result = await this.#run<Row>(sql, parameters);
      await this.commit();
      return result;
    } catch (error) {
      await this.rollback();
      throw error;
    }
  }

  // biome-ignore lint/correctness/useYield: nothing streams from a ledger
  async *streamQuery(): AsyncGenerator<never> {
    throw new Error('a ledger is read in pages');
  }

  /** Everything is read as it is at one moment, and nobody waits for it. */
  async beginLook(): Promise<void> {
    await this.#ask('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    this.#isWithin = true;
  }

  async begin(): Promise<void> {
    this.#isWithin = true;
    try {
      this.#options.admit((await this.#ask(begin)).rows[0]);
    } catch (error) {
      await this.rollback();
      throw error;
    }
  }

  /** Where its answer is lost, nobody knows whether the transaction counts. */
  async commit(): Promise<void> {
    const { command } = await this.#ask('COMMIT').catch((error: unknown) => {
      throw this.#session?.isBroken === false
        ? error
        : new PostgresFailure(ownCodes.unknownEnd, error);
    });
    this.#isWithin = false;
    if (command !== 'COMMIT') throw new PostgresFailure('40001', `the server answered ${command}`);
  }

  /** Best effort: what went wrong before counts, and a lost session takes nothing along. */
  async rollback(): Promise<void> {
    if (!this.#isWithin) return;
    if (this.#session?.isBroken === false)
      await this.#ask('ROLLBACK').catch(() => this.#session?.close());
    this.#isWithin = false;
  }

  async #run<Row>(text: string, parameters: readonly unknown[]): Promise<QueryResult<Row>> {
    const { rows, rowCount, command } = await this.#ask(text, parameters);
    const isChange = command === 'INSERT' || command === 'UPDATE' || command === 'DELETE';
    return {
      rows: (rows ?? []) as Row[],
      ...(isChange ? { numAffectedRows: BigInt(rowCount ?? 0) } : {}),
    };
  }

  #ask(text: string, parameters: readonly unknown[] = []): Promise<Answer> {
    if (this.#session === null) throw new PostgresFailure(ownCodes.lost, 'no connection');
    return this.#session.run(text, parameters);
  }
}

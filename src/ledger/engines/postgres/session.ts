import { readFileSync } from 'node:fs';
import pg from 'pg';
import type { PostgresPlace } from '../../../model/ledger-place.ts';
import { ownCodes, PostgresFailure } from './postgres-errors.ts';

/** The schema of its database in which all of a ledger lies. */
export const schemaName = 'fleet';

const connectMs = 10_000;
/** Longer than every limit of the server's: who is silent until then is not there any more. */
const answerMs = 60_000;

const limits = `SET search_path TO ${schemaName}, pg_temp; SET statement_timeout TO '50s';
  SET lock_timeout TO '30s'; SET idle_in_transaction_session_timeout TO '60s';
  SET client_min_messages TO error; SET standard_conforming_strings TO on;
  SELECT set_config('synchronous_commit', 'on', false)
    WHERE current_setting('synchronous_commit') = 'off'`;

const bigNumbers: readonly number[] = [20, 1700];

/** Counts and times come as numbers, as SQLite gives them: none is above 2^53. */
const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format: 'text') =>
    bigNumbers.includes(oid) ? Number : pg.types.getTypeParser(oid, format)) as never,
};

/** PostgreSQL's text has no NUL. */
const storable = (value: unknown): unknown =>
  typeof value === 'string' && value.includes('\0') ? value.replaceAll('\0', '\uFFFD') : value;

/** The rows of the last statement, how many it changed, and its command. */
export type Answer = Pick<pg.QueryResult<Record<string, unknown>>, 'rows' | 'rowCount' | 'command'>;

/** One connection. It is broken for good as soon as anything but a statement fails. */
export class Session {
  readonly #client: pg.Client;
  #isBroken = false;

  private constructor(client: pg.Client) {
    this.#client = client;
    const breaks = (): void => {
      this.#isBroken = true;
    };
    client.on('error', breaks).on('end', breaks);
  }

  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Errors: `PostgresFailure`. */
  static async open(place: PostgresPlace, password: string | null): Promise<Session> {
    const { host, port, user, database, caPath, isPlain } = place;
    const ca = caPath === null ? {} : { ca: readFileSync(caPath, 'utf8') };
    const client = new pg.Client({
      ...{ host, port, user, database, types, application_name: 'fleet' },
      ...(password === null ? {} : { password }),
      ssl: isPlain ? false : { ...ca, rejectUnauthorized: true },
      connectionTimeoutMillis: connectMs,
      query_timeout: answerMs,
      keepAlive: true,
    });
    const session = new Session(client);
    try {
      await client.connect();
      await session.run(limits);
      return session;
    } catch (error) {
      await session.close();
      throw session.#failure(error, 'ETIMEDOUT');
    }
  }

  /** Several statements at once where there are no parameters. Errors: `PostgresFailure`. */
  async run(text: string, parameters: readonly unknown[] = []): Promise<Answer> {
    if (this.#isBroken) throw new PostgresFailure(ownCodes.lost, 'the connection has ended');
    try {
      const all =
        parameters.length === 0
          ? await this.#client.query(text)
          : await this.#client.query(text, parameters.map(storable));
      return Array.isArray(all) ? (all.at(-1) as Answer) : all;
    } catch (error) {
      throw this.#failure(error, ownCodes.silent);
    }
  }

  /** `late`: the code of an answer that did not come in time. */
  #failure(error: unknown, late: string): unknown {
    if (error instanceof PostgresFailure) return error;
    if (error instanceof pg.DatabaseError) {
      if (error.severity !== 'ERROR') this.#isBroken = true;
      return new PostgresFailure(error.code ?? ownCodes.lost, error);
    }
    this.#isBroken = true;
    if (!(error instanceof Error)) return error;
    const known = 'code' in error && typeof error.code === 'string' ? error.code : null;
    if (known !== null) return new PostgresFailure(known, error);
    if (/\bSSL\b/.test(error.message)) return new PostgresFailure(ownCodes.noTls, error);
    if (/timeout/i.test(error.message)) return new PostgresFailure(late, error);
    return new PostgresFailure(ownCodes.lost, error);
  }

  /** A broken one is cut, also in the middle of an answer. */
  async close(): Promise<void> {
    this.#isBroken = true;
    await Promise.race([
      this.#client.end().catch(() => undefined),
      new Promise((resolve) => setTimeout(resolve, 1_000).unref()),
    ]);
  }
}

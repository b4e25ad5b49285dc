import type { CompiledQuery, QueryResult } from 'kysely';
import { type EngineName, engineOf } from './engines/dialect.ts';
import type { LedgerDb } from './ledger.ts';

interface Query<Row> {
  compile(): CompiledQuery<Row>;
}

/**
 * A query that is the same every time. It is put together once for each engine, at its first use:
 * that takes longer than to run it.
 */
export function fixedQuery<Row>(
  build: (db: LedgerDb) => Query<Row>,
): (db: LedgerDb) => Promise<Row[]> {
  const run = preparedQuery<Record<never, never>, Row>(build);
  return async (db) => (await run(db, {})).rows;
}

/**
 * The same for a query with values that differ from call to call: `value(NAME)` stands for each
 * while it is put together. Null has to be met by `is`.
 */
export function preparedQuery<Values extends object, Row = never>(
  build: (
    db: LedgerDb,
    value: <Name extends keyof Values>(name: Name) => Values[Name],
  ) => Query<Row>,
): (db: LedgerDb, values: Values) => Promise<QueryResult<Row>> {
  const known = new Map<EngineName, CompiledQuery<Row>>();
  return (db, values) => {
    const engine = engineOf(db);
    const compiled = known.get(engine) ?? build(db, (name) => new Place(name) as never).compile();
    known.set(engine, compiled);
    const parameters = compiled.parameters.map((parameter) =>
      parameter instanceof Place ? values[parameter.name as keyof Values] : parameter,
    );
    return db.executeQuery({ ...compiled, parameters });
  };
}

/** Where a value goes. */
class Place {
  readonly name: PropertyKey;

  constructor(name: PropertyKey) {
    this.name = name;
  }
}

export const hasChanged = ({ numAffectedRows }: QueryResult<unknown>): boolean =>
  (numAffectedRows ?? 0n) > 0n;

/** Moves of ledgers, for tests of both engines. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { summary } from '../../../src/ledger/engines/copy-rows.ts';
import { findChainFault, readChainHead } from '../../../src/ledger/history-chain.ts';
import { type Ledger, openLedger, type PostgresAccess } from '../../../src/ledger/ledger.ts';
import { arrivalPlace, placeName } from '../../../src/ledger/move-ledger.ts';
import { beginRun, takeLock } from '../../../src/ledger/queries/runs.ts';
import { FleetError } from '../../../src/model/errors.ts';
import type { PostgresPlace } from '../../../src/model/ledger-place.ts';
import { executeLedgerMove, planLedgerMove } from '../../../src/workflows/custody/move-ledger.ts';
import type { CuttingProxy } from './cutting-proxy.ts';
import { calls } from './every-query.ts';
import type { Cluster } from './postgres-cluster.ts';

export type Where = string | PostgresAccess;

export const access = (place: PostgresPlace): PostgresAccess => ({
  place,
  readPassword: async () => null,
});
/** A small one. */
export async function small(where: Where): Promise<void> {
  const ledger = await openLedger(where);
  await calls.ensureHosts?.(ledger);
  await calls.insertAccount?.(ledger);
  await calls.insertMove?.(ledger);
  await calls.recordHistory?.(ledger);
  await calls.recordEvent?.(ledger);
  await beginRun(ledger, 'test', 5);
  await ledger.close();
}

/** As the verb does it. */
export async function move(from: Where, to: Where, named: (name: string) => Where = () => from) {
  const plan = await planLedgerMove({ from, to, home: '/', named }, 1_000_000);
  if (plan.kind !== 'move') return { plan, rows: await executeLedgerMove(plan, null) };
  const source = await openLedger(from);
  try {
    const lock = await takeLock(source, 0, { command: 'ledger move' });
    try {
      return { plan, rows: await executeLedgerMove(plan, source) };
    } finally {
      await lock.release();
    }
  } catch (error) {
    throw source.useError(error);
  } finally {
    await source.close();
  }
}

export async function refusal(act: Promise<unknown>, ledger?: Ledger): Promise<FleetError> {
  const cause = await act.then(
    () => null,
    (error: unknown) => ledger?.useError(error) ?? error,
  );
  if (!(cause instanceof FleetError)) throw new Error('no refusal', { cause });
  expect(cause.hint).not.toBe('');
  return cause;
}

export const kindOf = async (where: Where): Promise<string> =>
  (await (await arrivalPlace(where)).standing()).kind;

/** What is in a ledger that may be used. */
export async function contentOf(where: Where) {
  const ledger = await openLedger(where);
  try {
    return {
      ...{ id: ledger.authorityId, head: await readChainHead(ledger.db) },
      ...{ rows: await ledger.snapshot(summary), fault: await findChainFault(ledger.db) },
    };
  } finally {
    await ledger.close();
  }
}

/** How often the ledger may act: never twice. */
export async function inCharge(...places: readonly Where[]): Promise<Where[]> {
  const found: Where[] = [];
  for (const place of places) if ((await kindOf(place)) === 'in-charge') found.push(place);
  expect(found.length).toBeLessThanOrEqual(1);
  return found;
}

/** What a cut connection has said is done, or never will be. */
async function isQuiet(cluster: Cluster, database: string): Promise<void> {
  const others = `SELECT 1 FROM pg_stat_activity
    WHERE datname = '${database}' AND application_name = 'fleet'`;
  while ((await cluster.run('postgres', others)).length > 0) await sleep(5);
}

/** Where links are cut. */
export interface Cuts {
  readonly cluster: Cluster;
  readonly proxy: CuttingProxy;
  /** The database behind the proxy; made empty before each. */
  readonly direct: PostgresAccess;
  /** At which of so many statements. */
  readonly chosen: (all: number) => readonly number[];
}

/** A new move; `real`: both places without the proxy. */
type NewMove = () => Promise<{ from: Where; to: Where; real: readonly [Where, Where] }>;

/**
 * A move is cut at each of the statements, heard and not: then the ledger is in charge at one place
 * at most, and the same move begun anew ends it. Returns who was in charge after the cuts.
 */
export async function cutEach(
  { cluster, proxy, direct, chosen }: Cuts,
  pair: NewMove,
): Promise<ReadonlySet<string>> {
  const ends = new Set<string>();
  const run = async (at: number, isHeard: boolean): Promise<number> => {
    await cluster.run(
      direct.place.database,
      'DROP SCHEMA IF EXISTS fleet CASCADE',
      'DROP SCHEMA IF EXISTS fleet_before_move_19700101t001640z CASCADE',
    );
    const { from, to, real } = await pair();
    const content = await contentOf(real[0]);
    proxy.plan({ at, isHeard });
    const error = await move(from, to).then(
      () => null,
      (cause: unknown) => cause,
    );
    const statements = proxy.statements();
    proxy.plan(null);
    if (error !== null) {
      expect(error).toBeInstanceOf(FleetError);
      expect((error as FleetError).code).toBe('ledger-unreachable');
      await isQuiet(cluster, direct.place.database);
      const [owner] = await inCharge(...real);
      ends.add(owner === real[0] ? 'before' : owner === real[1] ? 'after' : 'between');
      if (owner === real[0]) expect(await contentOf(real[0])).toEqual(content);
      else if (owner === undefined) {
        expect((await refusal(openLedger(real[0]))).code).toBe('ledger-moved');
        const told = await refusal(openLedger(real[1]));
        expect([told.code, told.hint]).toEqual([
          'ledger-moved',
          `end it: fleet ledger move --to '${placeName(real[1])}'`,
        ]);
      }
      // A program that has ended holds no lock; this one has not.
      if (owner === direct) await cluster.run(direct.place.database, 'DELETE FROM fleet.lock');
      await move(from, to);
    }
    expect(await inCharge(...real)).toEqual([real[1]]);
    expect(await contentOf(real[1])).toEqual(content);
    return statements;
  };
  const all = await run(Number.POSITIVE_INFINITY, true);
  expect(all).toBeGreaterThan(20);
  for (const at of chosen(all)) for (const isHeard of [false, true]) await run(at, isHeard);
  return ends;
}

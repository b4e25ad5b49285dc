import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import type { MovePhase } from '../../src/ownership/phases.ts';
import type { CommandResult } from '../lab/run-command.ts';
import type { World } from './world.ts';

/**
 * The first row that a query gives, straight from the ledger's file: faster than a command, and in
 * the same moment.
 */
export function askLedger<Row>(
  world: World,
  query: string,
  ...values: readonly string[]
): Row | undefined {
  const database = new Database(join(world.operator.directory, 'fleet.db'), {
    readonly: true,
    fileMustExist: true,
  });
  try {
    return database.prepare(query).get(...values) as Row | undefined;
  } finally {
    database.close();
  }
}

export const hostOf = (world: World, name: string): string | null =>
  askLedger<{ host: string }>(world, 'select host from placements where account = ?', name)?.host ??
  null;

/** `h3` -> 3. */
export const hostNumber = (host: string | null): number => Number(host?.slice(1));

/** Another host than this one. */
export const elsewhere = (host: string | null): string => (host === 'h1' ? 'h2' : 'h1');

/** The phase of an account's open move; null: none is open. */
export const phaseOf = (world: World, name: string): MovePhase | null =>
  askLedger<{ phase: MovePhase }>(
    world,
    "select phase from moves where account = ? and phase not in ('done', 'aborted') order " +
      'by created_at desc limit 1',
    name,
  )?.phase ?? null;

/**
 * Moves an account and does `act` in the moment in which the journal shows the phase; what the
 * command said.
 */
export async function moveWithFault(
  world: World,
  name: string,
  to: string,
  phase: MovePhase,
  act: () => Promise<void>,
): Promise<CommandResult> {
  const command = world.operator.fleet(['move', name, to, '--yes']);
  const deadline = Date.now() + 60_000;
  while (phaseOf(world, name) !== phase) {
    if (Date.now() > deadline) throw new Error(`the move never was ${phase}`);
    await sleep(5);
  }
  await act();
  return command;
}

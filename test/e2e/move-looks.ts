import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import type { MovePhase } from '../../src/moves/phases.ts';
import type { CommandResult } from '../lab/run-command.ts';
import { listAccounts, type World } from './world.ts';

export const hostOf = async (world: World, name: string): Promise<string | null> =>
  (await listAccounts(world)).find((account) => account.name === name)?.host ?? null;

/** `h3` -> 3. */
export const hostNumber = (host: string | null): number => Number(host?.slice(1));

/** Another host than this one. */
export const elsewhere = (host: string | null): string => (host === 'h1' ? 'h2' : 'h1');

/** The phase of an account's open move, straight from the ledger's file, so that a test can act in the same moment; null: none is open. */
export function phaseOf(world: World, name: string): MovePhase | null {
  const database = new Database(join(world.operator.directory, 'fleet.db'), { readonly: true, fileMustExist: true });
  try {
    const open = "select phase from moves where account = ? and phase not in ('done', 'aborted') order by created_at desc limit 1";
    const row = database.prepare(open).get(name) as { phase: MovePhase } | undefined;
    return row?.phase ?? null;
  } finally {
    database.close();
  }
}

/** Moves an account and does `act` in the moment in which the journal shows the phase; what the command said. */
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

import type { MoveRow } from '../../ledger/schema.ts';
import { endingCommand } from '../../ownership/ending-command.ts';
import type { HostStatement } from '../../ownership/safe-moment.ts';
import { lostHostOf } from './lost-host-of.ts';

const statements: readonly HostStatement[] = ['powered-off', 'destroyed', 'fenced'];

/**
 * Null also where an earlier release wrote the move. Read without a schema: every start of fleet
 * loads this file.
 */
const statementOf = ({ decision_json }: MoveRow): HostStatement | null => {
  const { statement } = JSON.parse(decision_json) as { readonly statement?: unknown };
  return statements.find((known) => known === statement) ?? null;
};

/** The command that brings this open move to its end. Pure. */
export const endingCommandOf = (move: MoveRow): string =>
  endingCommand({
    ...{
      account: move.account,
      phase: move.phase,
      from: move.from_host,
      to: move.to_host,
      lost: lostHostOf(move),
    },
    statement: statementOf(move),
  });

/** Those of several, each once, in the order of the moves. */
export const endingCommands = (moves: readonly MoveRow[]): string =>
  [...new Set(moves.map(endingCommandOf))].join('; ');

/** An open move for programs, with the command that ends it. */
export const openMoveData = (move: MoveRow): Record<string, unknown> => {
  const { decision_json: _, ...row } = move;
  return { ...row, endedBy: endingCommandOf(move) };
};

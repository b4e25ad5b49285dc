import * as z from 'zod';
import type { MoveRow } from '../ledger/schema.ts';
import { endingCommand } from '../moves/ending-command.ts';
import { lostHostOf } from './lost-host.ts';

const stated = z.object({ statement: z.enum(['powered-off', 'destroyed', 'fenced']).nullable().catch(null) });

/** The command that brings this open move to its end. Pure. */
export const endingCommandOf = (move: MoveRow): string =>
  endingCommand({
    ...{ account: move.account, phase: move.phase, from: move.from_host, to: move.to_host, lost: lostHostOf(move) },
    statement: stated.parse(JSON.parse(move.decision_json)).statement,
  });

/** Those of several, each once, in the order of the moves. */
export const endingCommands = (moves: readonly MoveRow[]): string => [...new Set(moves.map(endingCommandOf))].join('; ');

/** An open move for programs, with the command that ends it. */
export const openMoveData = (move: MoveRow): Record<string, unknown> => {
  const { decision_json: _, ...row } = move;
  return { ...row, endedBy: endingCommandOf(move) };
};

import * as z from 'zod';
import type { MoveRow } from '../../ledger/schema.ts';
import type { AccountState } from '../../model/account-state.ts';

/** States of an account that some host owns. */
export const movableStates = [
  ...(['placed', 'online', 'reconnecting', 'flood-wait', 'offline', 'held', 'stopped'] as const),
  ...(['needs-login', 'duplicated', 'banned', 'misconfigured', 'contained'] as const),
] satisfies AccountState[];

/**
 * What a change of owner needs to know besides its row; the decision's other fields are for people
 * (`fleet why`).
 */
const decisionSchema = z.looseObject({
  score: z.number().nullable(),
  strategy: z.string().nullable(),
  reason: z.string(),
  /** Epoch at which the old owner holds the account. */
  fromEpoch: z.number().int().positive(),
  /** It is claimed by the new owner, but not started. */
  idle: z.boolean(),
  /**
   * Its state and reason when the move was planned. One that was online shows that a host where it
   * does not come online is to blame.
   */
  stateBefore: z.enum(movableStates),
  reasonBefore: z.string(),
  /** It is on its way back already: there is no second one (docs/exclusivity.md, row 32). */
  isBack: z.boolean(),
  /**
   * The successor that the old owner's receipt names, where the move was turned round after it;
   * null: the move's target.
   */
  releasedTo: z.string().nullable(),
});

export type MoveDecision = z.infer<typeof decisionSchema>;

/** Throws Error for a row that no move of this fleet wrote. */
export const readDecision = ({ decision_json }: Pick<MoveRow, 'decision_json'>): MoveDecision =>
  decisionSchema.parse(JSON.parse(decision_json));

export const formatDecisionJson = (decision: MoveDecision): string => JSON.stringify(decision);

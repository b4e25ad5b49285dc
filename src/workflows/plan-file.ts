import { readFile, writeFile } from 'node:fs/promises';
import * as z from 'zod';
import { FleetError } from '../model/errors.ts';
import type { DecisionInput } from '../planning/decision-input.ts';
import { movableStates } from './move-decision.ts';

const plannedMoveSchema = z.object({
  account: z.string(),
  keyId: z.string(),
  from: z.string(),
  /** Epoch at which `from` holds it. */
  fromEpoch: z.number().int().positive(),
  to: z.string(),
  kind: z.enum(['manual', 'drain', 'rebalance']),
  reason: z.string(),
  /** Changes its owner without being started: it does not run now either. */
  idle: z.boolean(),
  stateBefore: z.enum(movableStates),
  reasonBefore: z.string(),
  /** The decision as the planner made it: scores, runners-up, refusals. */
  details: z.record(z.string(), z.unknown()),
});

const planSchema = z.object({
  format: z.literal(1),
  verb: z.enum(['move', 'drain', 'rebalance']),
  fleet: z.string(),
  /** The ledger that it was made from. */
  authorityId: z.string(),
  /** {@link fleetMark} at that moment. */
  mark: z.string(),
  /** ISO 8601. */
  madeAt: z.string(),
  /** One line with the lower bound. */
  summary: z.string(),
  /** No plan does it with fewer moves; null: no plan does it at all. */
  lowerBound: z.number().nullable(),
  spreadBefore: z.number().nullable(),
  spreadAfter: z.number().nullable(),
  /** In this order. */
  moves: z.array(plannedMoveSchema),
  /** Accounts that would have to leave and cannot. */
  staying: z.array(z.object({ account: z.string(), reason: z.string(), problems: z.array(z.string()) })),
  /** A host that takes no more accounts from the moment the plan is carried out. */
  cordon: z.string().nullable(),
  /** What it was made from, for `fleet why --at`; null: nothing was to be decided. */
  input: z.custom<DecisionInput | null>((value) => value === null || typeof value === 'object').default(null),
});

export type PlannedMove = z.infer<typeof plannedMoveSchema>;

/** Changes of owner as data: what is shown, saved and carried out is the same object. Holds no secret. */
export type MovePlan = z.infer<typeof planSchema>;

/** A new file. Errors: `usage` where it exists or cannot be written. */
export async function savePlan(path: string, plan: MovePlan): Promise<void> {
  await writeFile(path, `${JSON.stringify(plan, null, 2)}\n`, { flag: 'wx', mode: 0o600 }).catch((cause: unknown) => {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error';
    throw new FleetError('usage', code === 'EEXIST' ? `${path} exists already` : `${path} cannot be written (${code})`, {
      hint: 'name another file with --save',
      cause,
    });
  });
}

/** A plan that {@link savePlan} wrote. Errors: `usage`. */
export async function loadPlan(path: string): Promise<MovePlan> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error';
    throw new FleetError('usage', `${path} cannot be read (${code})`, {
      hint: 'name a file that fleet rebalance --save has written',
      cause,
    });
  });
  try {
    return planSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new FleetError('usage', `${path} is not a plan of fleet`, { hint: 'make one with: fleet rebalance --save FILE', cause });
  }
}

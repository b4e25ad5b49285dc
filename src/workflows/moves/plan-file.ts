import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import * as z from 'zod';
import type { LedgerDb } from '../../ledger/ledger.ts';
import { readMeta, writeMeta } from '../../ledger/queries/meta.ts';
import { FleetError } from '../../model/errors.ts';
import type { DecisionInput } from '../../planning/advice/decision-input.ts';
import { readAtMost } from '../../surroundings/read-bounded.ts';
import { systemWords } from '../../surroundings/system-error.ts';
import { createDurableFile, systemCode } from '../../vault/durable-file.ts';
import { movableStates } from '../ownership/move-decision.ts';

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
  staying: z.array(
    z.object({ account: z.string(), reason: z.string(), problems: z.array(z.string()) }),
  ),
  /** A host that takes no more accounts from the moment the plan is carried out. */
  cordon: z.string().nullable(),
  /** What it was made from, for `fleet why --at`; null: nothing was to be decided. */
  input: z
    .custom<DecisionInput | null>((value) => value === null || typeof value === 'object')
    .default(null),
});

export type PlannedMove = z.infer<typeof plannedMoveSchema>;

/**
 * Changes of owner as data: what is shown, saved and carried out is the same object. Holds no
 * secret.
 */
export type MovePlan = z.infer<typeof planSchema>;

/**
 * Digests of the plans that this ledger has saved, newest last: a plan is carried out as it was
 * saved, or not at all.
 */
const savedPlansKey = 'saved-plans';
const plansRemembered = 500;
const savedPlansSchema = z.array(z.string().regex(/^[0-9a-f]{64}$/));
/** Bytes of a plan file at most: what a plan for 10,000 hosts was made from is in it. */
const planLimitBytes = 256 * 1024 * 1024;

const digestOf = (text: string | Uint8Array): string =>
  createHash('sha256').update(text).digest('hex');

async function readSavedPlans(db: LedgerDb): Promise<readonly string[]> {
  const text = await readMeta(db, savedPlansKey);
  return text === null ? [] : savedPlansSchema.parse(JSON.parse(text));
}

/**
 * A new file, and its digest in the ledger; both or none. Errors: `usage` where it exists,
 * `this-machine` where it cannot be written.
 */
export async function savePlan(path: string, plan: MovePlan, db: LedgerDb): Promise<void> {
  const text = `${JSON.stringify(plan, null, 2)}\n`;
  await createDurableFile(path, text).catch((cause: unknown) => {
    const elsewhere = 'name another file with --save';
    if (systemCode(cause) === 'EEXIST')
      throw new FleetError('usage', `${path} exists already`, { hint: elsewhere, cause });
    const { said, hint } = systemWords(cause);
    const code = systemCode(cause) === 'ENOENT' ? 'usage' : 'this-machine';
    throw new FleetError(code, `${path} cannot be written: ${said}`, {
      hint: hint === null ? elsewhere : `${hint}; or ${elsewhere}`,
      cause,
    });
  });
  try {
    const known = await readSavedPlans(db);
    await writeMeta(
      db,
      savedPlansKey,
      JSON.stringify([...known, digestOf(text)].slice(-plansRemembered)),
    );
  } catch (error) {
    // A plan that the ledger does not know can never be carried out.
    await rm(path, { force: true });
    throw error;
  }
}

/**
 * A plan that {@link savePlan} wrote, byte for byte as it was written then by the ledger `db`.
 * Errors: `usage`; `plan-stale` for one that was edited, is too old
 * to be remembered, or was saved by another ledger.
 */
export async function loadPlan(path: string, db: LedgerDb): Promise<MovePlan> {
  const bytes = await readPlanFile(path);
  // Before a word of it is read: whoever wrote another one is not listened to.
  if ((await readSavedPlans(db)).includes(digestOf(bytes))) return parsePlan(path, bytes);
  throw new FleetError(
    'plan-stale',
    `${path} is not a plan as this ledger has saved it: it was changed since, or another ` +
      'ledger has made it',
    {
      hint: 'a plan is never edited; make one and look at it: fleet rebalance --save FILE',
    },
  );
}

async function readPlanFile(path: string): Promise<Buffer> {
  const fail = (what: string, cause?: unknown): FleetError =>
    new FleetError('usage', `${path} ${what}`, {
      hint: 'name a file that fleet rebalance --save has written',
      cause,
    });
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const facts = await handle.stat();
      if (!facts.isFile()) throw fail('is not a file');
      if (facts.size > planLimitBytes) throw fail(`is no plan: it has ${facts.size} bytes`);
      return await readAtMost(handle, planLimitBytes);
    } finally {
      await handle.close();
    }
  } catch (cause) {
    if (cause instanceof FleetError) throw cause;
    throw fail(
      'cannot be read ' +
        `(${cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error'}` +
        ')',
      cause,
    );
  }
}

function parsePlan(path: string, bytes: Buffer): MovePlan {
  try {
    return planSchema.parse(JSON.parse(bytes.toString('utf8')));
  } catch (cause) {
    throw new FleetError('usage', `${path} is not a plan of fleet`, {
      hint: 'make one with: fleet rebalance --save FILE',
      cause,
    });
  }
}

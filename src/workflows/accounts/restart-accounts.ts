import { setWanted } from '../../ledger/queries/accounts.ts';
import type { Run } from '../../ledger/queries/runs.ts';
import { FleetError } from '../../model/errors.ts';
import type { AccountName } from '../../model/names.ts';
import type { FleetContext } from '../context.ts';
import { findOwned, refuseLeaving } from '../ownership/account-acts.ts';
import { readWorkerMaterial } from '../ownership/worker-material.ts';
import { type Restart, restartWorkers } from './restart-workers.ts';

/** `restarts` is empty where `errors` is not. */
export interface RestartPlan {
  readonly restarts: readonly Restart[];
  readonly errors: readonly FleetError[];
}

/**
 * Restarts of accounts where they are, with what the inventory says now: `telegram:`, `worker:`,
 * `limits:` and the model's key reach a worker only when it
 * starts. Changes nothing. Errors in the plan: `usage`, `in-doubt`, `inventory`, `secret`, `vault`,
 * `vault-key`.
 */
export async function planRestarts(
  context: FleetContext,
  names: readonly string[],
): Promise<RestartPlan> {
  const restarts: Restart[] = [];
  const errors: FleetError[] = [];
  for (const name of new Set(names)) {
    try {
      restarts.push(await restartOf(context, name));
    } catch (error) {
      if (!(error instanceof FleetError)) throw error;
      errors.push(error);
    }
  }
  return { restarts: errors.length === 0 ? restarts : [], errors };
}

async function restartOf(context: FleetContext, name: string): Promise<Restart> {
  const { account, host } = await findOwned(context, name);
  await refuseLeaving(context, name);
  const files = await readWorkerMaterial(context, name as AccountName, account.key_id, host);
  const about = { keyId: account.key_id, account: name, epoch: account.epoch ?? 0 };
  return {
    host,
    account,
    acts: [{ act: 'restage', ...about, ...files }],
    why: 'by the operator',
    again: `fleet accounts restart ${name}`,
  };
}

/** Hosts side by side, on each one account after the other. Returns what failed; safe to repeat. */
export async function executeRestarts(
  context: FleetContext,
  run: Run,
  { restarts }: RestartPlan,
): Promise<FleetError[]> {
  for (const { account } of restarts) await setWanted(context.ledger.db, account.name, true);
  return restartWorkers(context, run, restarts);
}

import type { AccountUnitLimits } from '../../agent/protocol/host-acts.ts';
import type { WorkerConfig } from '../../agent/protocol/worker.ts';
import { accountSpecFor } from '../inventory/account-spec.ts';
import { FleetError } from '../model/errors.ts';
import type { AccountSpec, HostSpec } from '../model/inventory.ts';
import type { AccountName } from '../model/names.ts';
import { formatSession } from '../sessions/format-session.ts';
import type { FleetContext } from './context.ts';

/** What a host needs to run an account. Holds secrets: goes to the helper's standard input and nowhere else. */
export interface WorkerMaterial {
  readonly session: string;
  readonly config: string;
  readonly limits: AccountUnitLimits;
  readonly vaultHash: string;
}

const healthIntervalMs = 60_000;

/** Session from the vault, settings from the inventory (requirement A5). Errors: `vault`, `vault-key`, `secret`, `inventory`. */
export async function readWorkerMaterial(context: FleetContext, account: AccountName, host: HostSpec): Promise<WorkerMaterial> {
  const spec = accountSpecFor(context.inventory, account);
  const entry = await context.vault.get(account);
  return {
    session: formatSession(entry.session, 'gramjs-string'),
    config: JSON.stringify(await workerConfig(context, spec)),
    limits: unitLimits(spec, host),
    vaultHash: entry.vaultHash,
  };
}

async function workerConfig(context: FleetContext, spec: AccountSpec): Promise<WorkerConfig> {
  const { telegram } = spec;
  const apiId = typeof telegram.apiId === 'number' ? telegram.apiId : Number(await context.readSecret(telegram.apiId));
  if (!Number.isSafeInteger(apiId) || apiId <= 0) {
    throw new FleetError('secret', `telegram.api_id of account ${spec.name} is not a positive number`, {
      account: spec.name,
      hint: 'take it from my.telegram.org and check the reference in the inventory',
    });
  }
  return {
    format: 1,
    apiId,
    apiHash: await context.readSecret(telegram.apiHash),
    deviceModel: telegram.deviceModel,
    systemVersion: telegram.systemVersion,
    appVersion: telegram.appVersion,
    langCode: telegram.langCode,
    logLevel: spec.logLevel,
    healthIntervalMs,
  };
}

/** An account's own limits may be partial and lie above or below its host's: what a ceiling bounds is clamped again. */
function unitLimits(spec: AccountSpec, host: HostSpec): AccountUnitLimits {
  const { memoryMaxBytes, memoryHighBytes, cpuMaxCores, tasksMax } = { ...host.limits, ...spec.limits };
  return { memoryMaxBytes, memoryHighBytes: Math.min(memoryHighBytes, memoryMaxBytes), cpuMaxCores, tasksMax };
}

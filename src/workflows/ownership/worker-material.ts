import type { AccountUnitLimits, HostAct } from '../../../hostside/protocol/host-acts.ts';
import type { WorkerConfig } from '../../../hostside/protocol/worker.ts';
import { accountSpecFor } from '../../inventory/account-spec.ts';
import { findAccount } from '../../ledger/queries/accounts.ts';
import type { MoveRow } from '../../ledger/schema.ts';
import { FleetError } from '../../model/errors.ts';
import type { AccountSpec, HostSpec } from '../../model/inventory.ts';
import type { AccountName } from '../../model/names.ts';
import type { Session, SessionDevice } from '../../model/session.ts';
import { formatSession } from '../../sessions/format-session.ts';
import { readStoredSession } from '../../vault/stored-session.ts';
import type { StagedBehaviours } from '../answers/push-scripts.ts';
import type { FleetContext } from '../context.ts';

/**
 * What a host needs to run an account: part of the act `stage`. Holds secrets: goes to the helper's
 * standard input and nowhere else.
 */
export type WorkerMaterial = Pick<
  Extract<HostAct, { readonly act: 'stage' }>,
  'session' | 'config' | 'limits' | 'command' | 'lingerMs'
>;

type MaterialContext = Pick<FleetContext, 'inventory' | 'ledger' | 'readSecret'> & {
  readonly vault: Pick<FleetContext['vault'], 'get'>;
};

const healthIntervalMs = 60_000;

/**
 * Session from the vault, which has to be that of `keyId`, in the form that the account's worker
 * reads, settings from the inventory. Errors: `vault`, `vault-key`, `secret`, `inventory`; `usage`
 * when the form must carry a user id that nobody knows.
 */
export async function readWorkerMaterial(
  context: MaterialContext,
  account: AccountName,
  keyId: string,
  host: HostSpec,
): Promise<WorkerMaterial> {
  const spec = accountSpecFor(context.inventory, account);
  const stored = await readStoredSession(context.vault, account, keyId);
  const config = {
    ...(await workerConfig(context, spec, stored.device ?? {})),
    ...(await modelKey(context)),
  };
  const session = await knownUser(context, account, stored.session);
  return {
    session: formatSession(session, spec.worker?.sessionFormat ?? 'gramjs-string', config.apiId),
    config: JSON.stringify(config),
    limits: unitLimits(spec, host),
    ...(spec.worker === null
      ? {}
      : { command: spec.worker.command.join(' '), lingerMs: spec.worker.lingerMs }),
  };
}

/**
 * With the user id that the account's worker has told, where the session's own format does not
 * carry it.
 */
async function knownUser(
  context: MaterialContext,
  account: AccountName,
  session: Session,
): Promise<Session> {
  if (session.userId !== null) return session;
  const userId = (await findAccount(context.ledger.db, account))?.user_id ?? null;
  return userId === null ? session : { ...session, userId: BigInt(userId) };
}

/**
 * `device`: what came with the session; what the account's own entry says counts more, the fleet's
 * settings count less.
 */
export async function workerConfig(
  context: MaterialContext,
  spec: AccountSpec,
  device: SessionDevice,
): Promise<WorkerConfig> {
  const { apiId: deviceId, apiHash: deviceHash, ...look } = device;
  // An application's number and hash belong together.
  const isOwnApplication =
    spec.ownTelegram.apiId !== undefined || spec.ownTelegram.apiHash !== undefined;
  const application =
    isOwnApplication || deviceId === undefined || deviceHash === undefined
      ? {}
      : { apiId: deviceId, apiHash: deviceHash };
  const telegram = { ...spec.telegram, ...application, ...look, ...spec.ownTelegram };
  const { apiId: id, apiHash: hash } = telegram;
  const apiId = typeof id === 'number' ? id : Number(await context.readSecret(id));
  if (!Number.isSafeInteger(apiId) || apiId <= 0) {
    throw new FleetError(
      'secret',
      `telegram.api_id of account ${spec.name} is not a positive number`,
      {
        account: spec.name,
        hint: 'take it from my.telegram.org and check the reference in the inventory',
      },
    );
  }
  return {
    format: 1,
    apiId,
    apiHash: typeof hash === 'string' ? hash : await context.readSecret(hash),
    deviceModel: telegram.deviceModel,
    systemVersion: telegram.systemVersion,
    appVersion: telegram.appVersion,
    langCode: telegram.langCode,
    logLevel: spec.logLevel,
    healthIntervalMs,
  };
}

/**
 * Part of the credential, so that it is never in the behaviour, which everybody on the host may
 * read.
 */
async function modelKey({
  inventory,
  readSecret,
}: MaterialContext): Promise<Pick<WorkerConfig, 'modelKey'>> {
  const reference = inventory.model?.apiKey ?? null;
  return reference === null ? {} : { modelKey: (await readSecret(reference)).trim() };
}

/**
 * An account's own limits may be partial and lie above or below its host's: what a ceiling bounds
 * is clamped again.
 */
function unitLimits(spec: AccountSpec, host: HostSpec): AccountUnitLimits {
  const { memoryMaxBytes, memoryHighBytes, cpuMaxCores, tasksMax, diskMaxBytes, filesMax, logMax } =
    { ...host.limits, ...spec.limits };
  const memory = { memoryMaxBytes, memoryHighBytes: Math.min(memoryHighBytes, memoryMaxBytes) };
  return { ...memory, cpuMaxCores, tasksMax, diskMaxBytes, filesMax, logMax };
}

/** What every act of a move says of it. */
const aboutOf = ({ key_id, epoch, id }: MoveRow) => ({ keyId: key_id, epoch, moveId: id });

/**
 * The acts that put a move's account on its new host, without the right to run. Errors: those of
 * {@link readWorkerMaterial}.
 */
export async function stageActs(
  context: MaterialContext,
  move: MoveRow,
  host: HostSpec,
  behaviours: Pick<StagedBehaviours, 'acts'>,
): Promise<readonly HostAct[]> {
  const account = move.account as AccountName;
  const material = await readWorkerMaterial(context, account, move.key_id, host);
  return [{ act: 'stage', ...aboutOf(move), account, ...material }, ...behaviours.acts(move)];
}

/** What the account remembers, to its new host. */
export const putStateAct = (
  move: MoveRow,
  { archive }: { readonly archive: Uint8Array },
): HostAct => ({
  ...{ act: 'put-state', ...aboutOf(move) },
  archive: Buffer.from(archive).toString('base64'),
});

/** The right to run. `stateHash`: of the memory that has to be there; null: there is none. */
export const grantAct = (
  move: MoveRow,
  vaultHash: string,
  stateHash: string | null,
  isIdle = false,
): HostAct => ({
  ...{ act: 'grant', ...aboutOf(move), account: move.account, vaultHash },
  ...(stateHash === null ? {} : { stateHash }),
  ...(isIdle ? { idle: true } : {}),
});

/** The hash of the session that was staged, by which the host knows it again. */
export async function vaultHashOf(
  { vault }: Pick<MaterialContext, 'vault'>,
  { account, key_id }: MoveRow,
): Promise<string> {
  const { session, vaultHash } = await readStoredSession(vault, account as AccountName, key_id);
  session.authKey.fill(0);
  return vaultHash;
}

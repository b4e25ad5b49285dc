import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmodSync, fstatSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readClaim } from '../claims/claim-file.ts';
import { bootMs, readBootInstanceId, readBootVerdict, readContact, readHostConfig } from '../machine/boot.ts';
import { keyIdPattern } from '../machine/json-shape.ts';
import { type Places, placesBelow, runLockPath } from '../machine/places.ts';
import { bundledLingerMs, customLingerMs } from '../protocol/linger.ts';
import type { WorkerStatus } from '../protocol/worker.ts';
import { decideAfterJump, decideGate, settleWaitMs, unmarkedFloorMs } from './decide.ts';
import { readStartMark, readStopMark, writeStartMark, writeStopMark } from './marks.ts';

export interface GateWorld {
  readonly keyId: string;
  readonly places: Places;
  readonly stateDirectory: string;
  /** For status.json while the gate waits. */
  readonly runtimeDirectory: string;
  /** How long Telegram may count a connection of this worker that ended without a word, ms. Default: as the bundled worker asks. */
  readonly lingerMs?: number;
}

/** The right to run, given once. A worker calls `recheck` before every connection to Telegram. */
export interface GatePass {
  readonly epoch: number;
  /** null: go on. Otherwise the worker must end with `workerExit.gateRefused` and must not connect. Cheap: four small reads. */
  readonly recheck: () => string | null;
  /** For a worker in another process: what {@link recheckTicket} needs. No secret. */
  readonly ticket: string;
  /**
   * The worker's last act, when nothing of it is connected any more. `isConfirmed`: Telegram has closed every connection from its side, too. Without
   * that, or without this call after an end that is none of the contract, the next start here or elsewhere waits for as long as Telegram may count it.
   */
  readonly end: (isConfirmed: boolean) => void;
}

export type GateResult = { readonly pass: GatePass } | { readonly refusal: string };

/** The gate's world from the environment that the unit and `fleet-run` make. Throws Error when it is not there. */
export const gateWorld = (env: NodeJS.ProcessEnv): GateWorld => {
  const { FLEET_KEY_ID: keyId, FLEET_STATE_DIR: stateDirectory, FLEET_RUNTIME_DIR: runtimeDirectory } = env;
  if (keyId === undefined || !keyIdPattern.test(keyId)) throw new Error('FLEET_KEY_ID is not set to a key id');
  if (!stateDirectory || !runtimeDirectory) throw new Error('FLEET_STATE_DIR and FLEET_RUNTIME_DIR are not set');
  return { keyId, places: placesBelow(env.FLEET_ROOT ?? '/'), stateDirectory, runtimeDirectory, lingerMs: lingerOf(env) };
};

/** The helper writes both into the unit's drop-in. */
const lingerOf = ({ FLEET_COMMAND: command, FLEET_LINGER_MS: told }: NodeJS.ProcessEnv): number => {
  if (!command) return bundledLingerMs;
  return /^\d{1,9}$/.test(told ?? '') ? Number(told) : customLingerMs;
};

/**
 * The only way to start an account: lock, claim, boot, then the settle floor, which may wait for `settleUncleanMs`. The claim is
 * judged again after the wait. On a refusal the caller prints it and ends with `workerExit.gateRefused`; nothing was marked then.
 */
export const passGate = async (world: GateWorld): Promise<GateResult> => {
  const { places, keyId } = world;
  const config = readHostConfig(places);
  if (config === null) return refuse(`${places.hostConfig} is missing or unreadable`);
  const refusal = refuseLock(places, keyId) ?? refuseClaim(world);
  if (refusal !== null) return refuse(refusal);
  const moment = now(places);
  const lingerMs = world.lingerMs ?? bundledLingerMs;
  const unmarkedMs = unmarkedFloorMs(readClaim(places, keyId).claim, moment.bootId, config, lingerMs);
  const waitMs = settleWaitMs(readStartMark(world.stateDirectory), readStopMark(world.stateDirectory), config, moment, unmarkedMs);
  if (waitMs > 0) {
    showWaiting(world, waitMs);
    await sleep(waitMs);
  }
  const refusalAfterWait = refuseClaim(world);
  if (refusalAfterWait !== null) return refuse(refusalAfterWait);
  const startId = randomUUID();
  writeStartMark(world.stateDirectory, { startId, ...now(places), lingerMs });
  return { pass: makePass(world, startId) };
};

const makePass = (world: GateWorld, startId: string): GatePass => {
  const epoch = readClaim(world.places, world.keyId).claim?.epoch ?? 0;
  const originMs = Math.round(Date.now() - bootMs());
  return {
    epoch,
    recheck: () => recheck(world, epoch, originMs),
    ticket: `${epoch} ${originMs}`,
    end: (isConfirmed) => writeStopMark(world.stateDirectory, { startId, ...now(world.places), clean: isConfirmed }),
  };
};

/** {@link GatePass.recheck} for a worker that got its pass from another process. null: go on. */
export const recheckTicket = (world: GateWorld, ticket: string | undefined): string | null => {
  const [, epoch, originMs] = /^(\d{1,15}) (\d{1,15})$/.exec(ticket ?? '') ?? [];
  return originMs === undefined ? 'this process did not come through the gate' : recheck(world, Number(epoch), Number(originMs));
};

/** `originMs`: the moment of the boot by the wall clock, as it was when the gate was passed. */
const recheck = (world: GateWorld, epoch: number, originMs: number): string | null => {
  const { places, keyId } = world;
  const refusal = refuseClaim(world);
  if (refusal !== null) return refusal;
  if (readClaim(places, keyId).claim?.epoch !== epoch) return 'the claim has moved on to another epoch';
  const wallMs = Date.now();
  const jumpMs = wallMs - bootMs() - originMs;
  return decideAfterJump(jumpMs, readContact(places), readHostConfig(places) ?? { holdAfterMs: 0 }, wallMs);
};

const refuseClaim = ({ places, keyId }: GateWorld): string | null =>
  decideGate({
    reading: readClaim(places, keyId),
    instanceId: readBootInstanceId(places),
    verdict: readBootVerdict(places),
  });

/** `fleet-run` opens the run lock as descriptor 9 and locks it; a worker that was started by hand has neither. */
const runLockDescriptor = 9;

const refuseLock = (places: Places, keyId: string): string | null => {
  const path = runLockPath(places, keyId);
  try {
    const [held, file] = [fstatSync(runLockDescriptor), statSync(path)];
    if (held.ino !== file.ino || held.dev !== file.dev)
      return 'the run lock is not held by this process (start accounts with systemctl only)';
  } catch {
    return 'the run lock is not held by this process (start accounts with systemctl only)';
  }
  const probe = spawnSync('flock', ['--nonblock', '--conflict-exit-code', '9', path, 'true'], { timeout: 10_000 });
  return probe.status === 9 ? null : 'the run lock is not held';
};

const now = (places: Places): { bootId: string; bootMs: number } => ({
  bootId: readBootVerdict(places)?.bootId ?? 'unknown',
  bootMs: bootMs(),
});

/** Best effort: the wait is right whether or not somebody sees it. */
const showWaiting = (world: GateWorld, waitMs: number): void => {
  const since = new Date().toISOString();
  const reason = `waiting ${Math.ceil(waitMs / 1000)} s after the last stop`;
  const until = new Date(Date.now() + waitMs).toISOString();
  const status: WorkerStatus = {
    ...{ format: 1, state: 'starting', since, reason, updatedAt: since, userId: null, until, latencyMs: null, counters: {} },
  };
  const path = join(world.runtimeDirectory, 'status.json');
  try {
    writeFileSync(`${path}.new`, JSON.stringify(status));
    chmodSync(`${path}.new`, 0o644);
    renameSync(`${path}.new`, path);
  } catch {
    console.error('status.json could not be written');
  }
};

/** For the journal, and for systemd's status text, which stays after the unit has ended and is how `await` and the agent tell why. */
export const reportRefusal = (refusal: string): void => {
  console.error(`fleet gate: refused: ${refusal}`);
  if (process.env.NOTIFY_SOCKET === undefined) return;
  spawnSync('systemd-notify', [`--status=gate: ${refusal}`], { timeout: 5_000, stdio: 'ignore' });
};

const refuse = (refusal: string): GateResult => ({ refusal });

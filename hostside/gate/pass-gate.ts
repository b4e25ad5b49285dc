import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmodSync, fstatSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readClaim } from '../claims/claim-file.ts';
import { bootMs, readBootInstanceId, readBootVerdict, readHostConfig } from '../machine/boot.ts';
import { keyIdPattern } from '../machine/json-shape.ts';
import { type Places, placesBelow, runLockPath } from '../machine/places.ts';
import { bundledLingerMs, customLingerMs } from '../protocol/linger.ts';
import type { WorkerStatus } from '../protocol/worker.ts';
import { type BeginMark, decideGate, settleWaitMs, unmarkedFloorMs } from './decide.ts';
import { decideProgress, type Progress } from './decide-progress.ts';
import { readStartMark, readStopMark, writeStartMark, writeStopMark } from './marks.ts';
import { knownProgress, ProgressWatch, progressNow } from './watch-progress.ts';

export interface GateWorld {
  readonly keyId: string;
  readonly places: Places;
  readonly stateDirectory: string;
  /** For status.json while the gate waits. */
  readonly runtimeDirectory: string;
  /**
   * Asks Telegram for its time without the key, for a worker in another process; null: no answer.
   * Default: the worker does that on its own connection.
   */
  readonly askTime?: () => Promise<number | null>;
  /**
   * How long Telegram may count a connection of this worker that ended without a word, ms. Default:
   * as the bundled worker asks.
   */
  readonly lingerMs?: number;
}

/** The right to run, given once. A worker calls `recheck` before every connection to Telegram. */
export interface GatePass {
  readonly epoch: number;
  /**
   * null: go on. Otherwise the worker must end with `workerExit.gateRefused` and must not connect.
   * Cheap: four small reads.
   */
  readonly recheck: () => string | null;
  /**
   * Judges what Telegram says the time is (ms since the epoch): on a new connection before the key
   * is used, and now and then while it is. null: go on. Otherwise as
   * `recheck`; what is connected is closed at once. Cheap.
   */
  readonly judgeTime: (telegramMs: number) => string | null;
  /** For a worker in another process: what {@link recheckTicket} needs. No secret. */
  readonly ticket: string;
  /**
   * The worker's last act, when nothing of it is connected any more. `isConfirmed`: Telegram has
   * closed every connection from its side, too. Without
   * that, or without this call after an end that is none of the contract, the next start here or
   * elsewhere waits for as long as Telegram may count it.
   */
  readonly end: (isConfirmed: boolean) => void;
}

export type GateResult = { readonly pass: GatePass } | { readonly refusal: string };

/**
 * The gate's world from the environment that the unit and `fleet-run` make. Throws Error when it is
 * not there.
 */
export const gateWorld = (env: NodeJS.ProcessEnv): GateWorld => {
  const {
    FLEET_KEY_ID: keyId,
    FLEET_STATE_DIR: stateDirectory,
    FLEET_RUNTIME_DIR: runtimeDirectory,
  } = env;
  if (keyId === undefined || !keyIdPattern.test(keyId))
    throw new Error('FLEET_KEY_ID is not set to a key id');
  if (!stateDirectory || !runtimeDirectory)
    throw new Error('FLEET_STATE_DIR and FLEET_RUNTIME_DIR are not set');
  return {
    keyId,
    places: placesBelow(env.FLEET_ROOT ?? '/'),
    stateDirectory,
    runtimeDirectory,
    lingerMs: lingerOf(env),
  };
};

/** The helper writes both into the unit's drop-in. */
const lingerOf = ({ FLEET_COMMAND: command, FLEET_LINGER_MS: told }: NodeJS.ProcessEnv): number => {
  if (!command) return bundledLingerMs;
  return /^\d{1,9}$/.test(told ?? '') ? Number(told) : customLingerMs;
};

/**
 * The only way to start an account: lock, claim, boot, then the settle floor, which may wait for
 * `settleUncleanMs`. The claim is
 * judged again after the wait. On a refusal the caller prints it and ends with
 * `workerExit.gateRefused`; nothing was marked then.
 */
export const passGate = async (world: GateWorld): Promise<GateResult> => {
  const { places, keyId } = world;
  const config = readHostConfig(places);
  if (config === null) return refuse(`${places.hostConfig} is missing or unreadable`);
  const before = knownProgress(readStartMark(world.stateDirectory), now(places).bootId);
  const refusal = refuseLock(places, keyId) ?? refuseClaim(world) ?? refuseStandstill(before, null);
  if (refusal !== null) return refuse(refusal);
  const moment = now(places);
  const lingerMs = world.lingerMs ?? bundledLingerMs;
  const unmarkedMs = unmarkedFloorMs(readClaim(places, keyId).claim, moment, config, lingerMs);
  const waitMs = settleWaitMs(
    readStartMark(world.stateDirectory),
    readStopMark(world.stateDirectory),
    config,
    moment,
    unmarkedMs,
  );
  if (waitMs > 0) {
    showWaiting(world, waitMs);
    await sleep(waitMs);
  }
  const telegramMs = world.askTime === undefined ? null : await persist(world, world.askTime);
  const refusalAfterWait = refuseClaim(world) ?? refuseStandstill(before, telegramMs);
  if (refusalAfterWait !== null) return refuse(refusalAfterWait);
  const known = progressNow(telegramMs);
  const progress = { ...known, telegram: known.telegram ?? before?.telegram ?? null };
  const mark: BeginMark = { startId: randomUUID(), ...now(places), lingerMs, progress };
  writeStartMark(world.stateDirectory, mark);
  return { pass: makePass(world, mark, progress) };
};

const refuseStandstill = (before: Progress | null, telegramMs: number | null): string | null =>
  before === null ? null : decideProgress(before, progressNow(telegramMs));

const askAgainMs = { first: 1_000, most: 8_000 };

/**
 * Until Telegram answers: before that the key must not be used. The pauses grow and are spread, so
 * that the accounts of a host do not ask as one.
 */
const persist = async (world: GateWorld, ask: () => Promise<number | null>): Promise<number> => {
  for (let pauseMs = askAgainMs.first; ; pauseMs = Math.min(pauseMs * 2, askAgainMs.most)) {
    const answer = await ask();
    if (answer !== null) return answer;
    showStatus(
      world,
      'Telegram does not answer, so its time is not known and the session is not used',
      null,
    );
    await sleep(pauseMs * (0.5 + Math.random() / 2));
  }
};

const makePass = (world: GateWorld, mark: BeginMark, progress: Progress): GatePass => {
  const { startId } = mark;
  const epoch = readClaim(world.places, world.keyId).claim?.epoch ?? 0;
  const watch = new ProgressWatch(progress, (next) =>
    writeStartMark(world.stateDirectory, { ...mark, progress: next }),
  );
  return {
    epoch,
    recheck: () => recheck(world, epoch) ?? watch.judge(null),
    judgeTime: (telegramMs) => watch.judge(telegramMs),
    ticket: String(epoch),
    end: (isConfirmed) =>
      writeStopMark(world.stateDirectory, { startId, ...now(world.places), clean: isConfirmed }),
  };
};

/**
 * {@link GatePass.recheck} and `judgeTime` for a worker that got its pass from another process.
 * `unanswered`: nobody can tell whether it may connect now,
 * because Telegram does not say its time; it asks again later.
 */
export const recheckTicket = async (
  world: GateWorld,
  ticket: string | undefined,
): Promise<string | null | 'unanswered'> => {
  // The release before wrote the moment of the boot behind the epoch.
  const [, epoch] = /^(\d{1,15})(?: \d{1,15})?$/.exec(ticket ?? '') ?? [];
  if (epoch === undefined) return 'this process did not come through the gate';
  const mark = readStartMark(world.stateDirectory);
  const before = knownProgress(mark, now(world.places).bootId);
  const refusal = recheck(world, Number(epoch)) ?? refuseStandstill(before, null);
  if (refusal !== null || world.askTime === undefined) return refusal;
  const telegramMs = await world.askTime();
  if (telegramMs === null) return 'unanswered';
  const held = refuseStandstill(before, telegramMs);
  if (held === null && mark !== null && mark !== 'unreadable')
    writeStartMark(world.stateDirectory, { ...mark, progress: progressNow(telegramMs) });
  return held;
};

const recheck = (world: GateWorld, epoch: number): string | null => {
  const { places, keyId } = world;
  const refusal = refuseClaim(world);
  if (refusal !== null) return refusal;
  return readClaim(places, keyId).claim?.epoch === epoch
    ? null
    : 'the claim has moved on to another epoch';
};

const refuseClaim = ({ places, keyId }: GateWorld): string | null =>
  decideGate({
    reading: readClaim(places, keyId),
    instanceId: readBootInstanceId(places),
    verdict: readBootVerdict(places),
  });

/** `fleet-run` has the run lock as descriptor 9; a worker that was started by hand has not. */
const runLockDescriptor = 9;
const conflict = 9;

const refuseLock = (places: Places, keyId: string): string | null => {
  const path = runLockPath(places, keyId);
  try {
    const [held, file] = [fstatSync(runLockDescriptor), statSync(path)];
    if (held.ino !== file.ino || held.dev !== file.dev)
      return 'the run lock is not held by this process (start accounts with systemctl only)';
  } catch {
    return 'the run lock is not held by this process (start accounts with systemctl only)';
  }
  // Takes it if it is not taken yet; the account has no right to open it by its path.
  const lock = ['--nonblock', '--conflict-exit-code', String(conflict), String(runLockDescriptor)];
  const closed = Array.from({ length: runLockDescriptor }, () => 'ignore' as const);
  const { status } = spawnSync('flock', lock, {
    timeout: 10_000,
    stdio: [...closed, runLockDescriptor],
  });
  return status === 0
    ? null
    : status === conflict
      ? 'another process holds the run lock'
      : 'the run lock cannot be taken';
};

const now = (places: Places): { bootId: string; bootMs: number } => ({
  bootId: readBootVerdict(places)?.bootId ?? 'unknown',
  bootMs: bootMs(),
});

const showWaiting = (world: GateWorld, waitMs: number): void =>
  showStatus(
    world,
    `waiting ${Math.ceil(waitMs / 1000)} s after the last stop`,
    new Date(Date.now() + waitMs).toISOString(),
  );

/** Best effort: the wait is right whether or not somebody sees it. */
const showStatus = (world: GateWorld, reason: string, until: string | null): void => {
  const since = new Date().toISOString();
  const status: WorkerStatus = {
    ...{
      format: 1,
      state: 'starting',
      since,
      reason,
      updatedAt: since,
      userId: null,
      until,
      latencyMs: null,
      counters: {},
    },
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

/**
 * For the journal, and for systemd's status text, which stays after the unit has ended and is how
 * `await` and the agent tell why.
 */
export const reportRefusal = (refusal: string): void => {
  console.error(`fleet gate: refused: ${refusal}`);
  if (process.env.NOTIFY_SOCKET === undefined) return;
  spawnSync('systemd-notify', [`--status=gate: ${refusal}`], { timeout: 5_000, stdio: 'ignore' });
};

const refuse = (refusal: string): GateResult => ({ refusal });

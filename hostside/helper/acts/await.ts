import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { containedWords } from '../../machine/contained.ts';
import { errorCode, readSmallFile, type SmallFile } from '../../machine/durable-file.ts';
import { parseJson, Shape } from '../../machine/json-shape.ts';
import type { Places } from '../../machine/places.ts';
import { plainText } from '../../machine/plain-text.ts';
import type { ActProgress, AwaitedAccount } from '../../protocol/host-acts.ts';
import { workerExit } from '../../protocol/worker.ts';
import { inDirectoryOf, within } from '../account-rights.ts';
import { type UnitFacts, unknownUnit } from '../units.ts';
import type { HostWorld } from '../world.ts';

const lookMs = 100;
/** systemctl costs far more than a look at a file. */
const looksPerUnitLook = 5;
const settledStates: readonly string[] = [
  'online',
  'needs-login',
  'duplicated',
  'banned',
  'misconfigured',
];

/**
 * Follows accounts until each is settled or the time is over, and emits every change of state or
 * reason. The last known state of
 * an account that is not settled is told too. Ends early when `emit` says that nobody listens.
 */
export const awaitAccounts = async (
  world: Pick<HostWorld, 'places' | 'units'>,
  keyIds: readonly string[],
  timeoutMs: number,
  emit: (progress: ActProgress) => boolean,
): Promise<readonly AwaitedAccount[]> => {
  const accounts = new Map<string, AwaitedAccount>(
    keyIds.map((keyId) => [keyId, { keyId, settled: false, state: 'starting', reason: '' }]),
  );
  const endMs = performance.now() + timeoutMs;
  let units: ReadonlyMap<string, UnitFacts> = new Map();
  for (let look = 0; ; look += 1) {
    if (look % looksPerUnitLook === 0) units = world.units.showAll();
    for (const before of [...accounts.values()].filter(({ settled }) => !settled)) {
      const contained = containedWords(world.places, before.keyId);
      const unit = units.get(before.keyId) ?? unknownUnit;
      const seen = judge(before.keyId, unit, readStatus(world.places, before.keyId), contained);
      accounts.set(before.keyId, seen);
      const isChange = seen.state !== before.state || seen.reason !== before.reason;
      if (
        isChange &&
        !emit({ progress: { keyId: seen.keyId, state: seen.state, reason: seen.reason } })
      )
        return [...accounts.values()];
    }
    if ([...accounts.values()].every(({ settled }) => settled) || performance.now() >= endMs)
      return [...accounts.values()];
    await sleep(Math.min(lookMs, Math.max(0, endMs - performance.now())));
  }
};

interface SeenStatus {
  readonly state: string;
  readonly reason: string;
}

const readStatus = (places: Places, keyId: string): SeenStatus | null => {
  const file = readStatusFile(join(places.accountRuntime, keyId));
  const shape = new Shape(file !== null && 'text' in file ? parseJson(file.text) : undefined);
  const status = {
    state: shape.text('state', 64, /^[a-z-]+$/),
    reason: plainText(shape.text('reason', 4096), 1024),
  };
  return shape.fault === null ? status : null;
};

const readStatusFile = (path: string): SmallFile => {
  try {
    return inDirectoryOf(path, (directory) =>
      readSmallFile(within(directory, 'status.json'), 64 * 1024),
    );
  } catch (error) {
    // systemd takes the directory away when the unit has ended.
    if (errorCode(error) === 'ENOENT') return null;
    throw error;
  }
};

/**
 * Pure. A unit that has ended counts more than a status file: systemd takes the file away a moment
 * later. `contained`: why bin/fleet-quota has ended it, which an
 * operator's start has taken away before, so it was this run.
 */
export const judge = (
  keyId: string,
  unit: UnitFacts,
  status: SeenStatus | null,
  contained: string | null = null,
): AwaitedAccount => {
  if (contained !== null) return { keyId, settled: true, state: 'contained', reason: contained };
  if (unit.hasJob) return { keyId, settled: false, state: 'starting', reason: 'not started yet' };
  if (
    unit.activeState === 'failed' ||
    (unit.activeState === 'inactive' && unit.exitStatus !== null)
  ) {
    return {
      keyId,
      settled: true,
      state: endState(unit),
      reason: unit.statusText || status?.reason || `exit status ${unit.exitStatus ?? 'unknown'}`,
    };
  }
  if (status !== null) return { keyId, settled: settledStates.includes(status.state), ...status };
  return {
    keyId,
    settled: false,
    state: 'starting',
    reason: unit.activeState === 'inactive' ? 'not started yet' : unit.statusText,
  };
};

const endState = ({ exitStatus }: UnitFacts): string => {
  switch (exitStatus) {
    case workerExit.needsLogin:
      return 'needs-login';
    case workerExit.duplicated:
      return 'duplicated';
    case workerExit.banned:
      return 'banned';
    case workerExit.misconfigured:
      return 'misconfigured';
    case workerExit.gateRefused:
      return 'gate';
    default:
      return 'stopped';
  }
};

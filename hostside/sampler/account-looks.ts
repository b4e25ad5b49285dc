import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { claimedKeyIds, readClaim } from '../claims/claim-file.ts';
import { parseProperties } from '../helper/units.ts';
import { containedWords } from '../machine/contained.ts';
import { readSmallFile } from '../machine/durable-file.ts';
import { parseJson, Shape } from '../machine/json-shape.ts';
import type { Places } from '../machine/places.ts';
import { plainText } from '../machine/plain-text.ts';
import { accountUnit } from '../protocol/paths.ts';
import type { AccountSample } from '../protocol/sample.ts';
import type { WorkerState, WorkerStatus } from '../protocol/worker.ts';

const run = promisify(execFile);

/** What the agent asks systemd about an account, in one call for all of them. */
export interface AccountUnit {
  readonly unit: AccountSample['unit'];
  /** CPU time of the unit's cgroup since its start; null where it is not counted. */
  readonly cpuNs: number | null;
  readonly memoryBytes: number | null;
  /** Path below the cgroup root; '' while the unit has none. */
  readonly controlGroup: string;
}

const shown =
  'Id,ActiveState,SubState,NRestarts,ExecMainStatus,ExecMainExitTimestampMonotonic,CPUUsageNSec,MemoryCurrent,ControlGroup,StatusText';

/**
 * An empty map when systemd does not answer, which is said in the journal: the agent still reports
 * the host.
 */
export const readUnits = async (): Promise<ReadonlyMap<string, AccountUnit>> => {
  try {
    const { stdout } = await run('systemctl', ['show', '-p', shown, '--', accountUnit('*')], {
      timeout: 10_000,
      maxBuffer: 8 * 1024 * 1024,
    });
    return new Map(
      [...parseUnits(stdout)].map(([keyId, unit]) => [
        keyId,
        { ...unit, cpuNs: unit.cpuNs ?? readCpuNs(unit.controlGroup) },
      ]),
    );
  } catch (error) {
    console.error(
      `systemd does not answer: ${error instanceof Error ? error.message : String(error)}`,
    );
    return new Map();
  }
};

export const parseUnits = (output: string): ReadonlyMap<string, AccountUnit> => {
  const units = new Map<string, AccountUnit>();
  for (const properties of parseProperties(output)) {
    const keyId = /^fleet-account@([0-9a-f]{32})\.service$/.exec(properties.get('Id') ?? '')?.[1];
    if (keyId !== undefined) units.set(keyId, unitFrom(properties));
  }
  return units;
};

const unitFrom = (properties: ReadonlyMap<string, string>): AccountUnit => {
  const text = (name: string): string => properties.get(name) ?? '';
  // "[not set]" and 2^64-1 both mean that systemd does not count it.
  const counter = (name: string): number | null =>
    /^\d{1,15}$/.test(text(name)) ? Number(text(name)) : null;
  const hasEnded = Number(text('ExecMainExitTimestampMonotonic')) > 0;
  return {
    unit: {
      activeState: text('ActiveState'),
      subState: text('SubState'),
      restarts: Number(text('NRestarts')) || 0,
      exitStatus: hasEnded ? Number(text('ExecMainStatus')) : null,
      statusText: plainText(text('StatusText'), 512),
    },
    cpuNs: counter('CPUUsageNSec'),
    memoryBytes: counter('MemoryCurrent'),
    controlGroup: text('ControlGroup'),
  };
};

const noUnit: AccountUnit = {
  unit: {
    activeState: 'inactive',
    subState: 'dead',
    restarts: 0,
    exitStatus: null,
    statusText: '',
  },
  cpuNs: null,
  memoryBytes: null,
  controlGroup: '',
};

/**
 * Where systemd does not count CPU time (cgroups of both versions side by side), the newer tree
 * still does.
 */
const readCpuNs = (controlGroup: string): number | null => {
  const file =
    controlGroup === ''
      ? null
      : readSmallFile(join('/sys/fs/cgroup/unified', controlGroup, 'cpu.stat'), 4096);
  const microseconds =
    file !== null && 'text' in file ? /^usage_usec (\d+)$/m.exec(file.text)?.[1] : undefined;
  return microseconds === undefined ? null : Number(microseconds) * 1000;
};

/**
 * One account from its claim, its unit and its status file; never throws, whatever the worker has
 * written.
 */
export const lookAtAccount = (
  places: Places,
  keyId: string,
  known: AccountUnit | undefined,
): Omit<AccountSample, 'cpuCores'> => {
  const { claim } = readClaim(places, keyId);
  const { unit, memoryBytes } = known ?? noUnit;
  const contained = containedWords(places, keyId);
  return {
    keyId,
    account: claim?.account ?? '',
    claim: claim === null ? null : { state: claim.state, epoch: claim.epoch },
    unit,
    memoryBytes,
    ...readStatus(join(places.accountRuntime, keyId, 'status.json')),
    ...(contained === null ? {} : { contained }),
  };
};

/** Keys with a claim or a unit, sorted. */
export const accountKeys = (
  places: Places,
  units: ReadonlyMap<string, AccountUnit>,
): readonly string[] => [...new Set([...claimedKeyIds(places), ...units.keys()])].sort();

const statusLimitBytes = 64 * 1024;

export const readStatus = (path: string): Pick<AccountSample, 'status' | 'statusFault'> => {
  const file = readSmallFile(path, statusLimitBytes);
  if (file === null) return { status: null, statusFault: null };
  if (!('text' in file)) return { status: null, statusFault: file.fault };
  const shape = new Shape(parseJson(file.text));
  const status = statusFrom(shape);
  return shape.fault === null
    ? { status, statusFault: null }
    : { status: null, statusFault: `not a worker status: ${shape.fault}` };
};

const states: readonly [WorkerState, ...WorkerState[]] = [
  ...(['starting', 'online', 'reconnecting', 'flood-wait', 'offline', 'needs-login'] as const),
  ...(['duplicated', 'banned', 'misconfigured', 'stopping', 'stopped'] as const),
];

const statusFrom = (shape: Shape): WorkerStatus => {
  if (shape.value('format') !== 1) shape.fault ??= 'field "format" is not 1';
  return {
    format: 1,
    state: shape.oneOf('state', states),
    since: shape.text('since', 40),
    reason: plainText(shape.text('reason', 1024), 1024),
    updatedAt: shape.text('updatedAt', 40),
    userId: shape.textOrNull('userId', 20, /^\d+$/),
    ...(shape.has('username') ? { username: shape.textOrNull('username', 64, /^\w*$/) } : {}),
    until: shape.textOrNull('until', 40),
    latencyMs: shape.value('latencyMs') === null ? null : shape.number('latencyMs', 0, 3_600_000),
    counters: countersFrom(shape),
  };
};

const countersFrom = (shape: Shape): Record<string, number> => {
  const value = shape.value('counters');
  const entries = Object.entries(
    typeof value === 'object' && value !== null ? value : { '': Number.NaN },
  );
  const isSound =
    entries.length <= 256 &&
    entries.every(([name, count]) => /^[\w.-]{1,64}$/.test(name) && Number.isFinite(count));
  if (!isSound) shape.fault ??= 'field "counters" has a wrong value';
  return isSound ? Object.fromEntries(entries) : {};
};

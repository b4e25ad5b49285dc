import { spawnSync } from 'node:child_process';
import { accountUnit } from '../protocol/paths.ts';

/** What systemd says of one account's unit. */
export interface UnitFacts {
  readonly isLoaded: boolean;
  readonly activeState: string;
  readonly subState: string;
  readonly killMode: string;
  readonly sendSigkill: boolean;
  /** Path below the cgroup root; '' when the unit has no cgroup now. */
  readonly controlGroup: string;
  /** User of the running unit; null when it does not run. */
  readonly uid: number | null;
  readonly isFrozen: boolean;
  /** Exit status of the last main process; null while none has ended. */
  readonly exitStatus: number | null;
  readonly statusText: string;
}

/** The port to systemd: {@link systemdUnits}, and a model of it in tests and the simulator. Throws Error when systemd refuses. */
export interface Units {
  readonly show: (keyId: string) => UnitFacts;
  /** All account units that systemd has in memory. */
  readonly showAll: () => ReadonlyMap<string, UnitFacts>;
  /** Queues the start and returns. */
  readonly start: (keyId: string) => void;
  /** Returns when the unit has stopped (SIGKILL included) or systemd gave up. */
  readonly stop: (keyId: string) => void;
  readonly thaw: (keyId: string) => void;
  /** Whether the account starts with the host; the gate still decides. */
  readonly setEnabled: (keyId: string, isEnabled: boolean) => void;
  readonly reload: () => void;
}

const shown =
  'Id,LoadState,ActiveState,SubState,KillMode,SendSIGKILL,ControlGroup,UID,FreezerState,ExecMainStatus,ExecMainExitTimestampMonotonic,StatusText';

const systemctl = (args: readonly string[], timeoutMs = 30_000): string => {
  const run = spawnSync('systemctl', args, { encoding: 'utf8', timeout: timeoutMs, maxBuffer: 64 * 1024 * 1024 });
  if (run.status === 0) return run.stdout;
  const why = run.error === undefined ? `status ${String(run.status)}` : run.error.message;
  throw new Error(`systemctl ${args[0] ?? ''} failed: ${run.stderr?.trim() || why}`);
};

/** Longest stop: TimeoutStopSec for SIGTERM, again for SIGKILL and for ExecStopPost, and a margin. */
const stopTimeoutMs = 75_000;

export const systemdUnits: Units = {
  show: (keyId) => parseShow(systemctl(['show', '-p', shown, '--', accountUnit(keyId)])).get(keyId) ?? unknownUnit,
  showAll: () => parseShow(systemctl(['show', '-p', shown, '--', accountUnit('*')])),
  start: (keyId) => void systemctl(['start', '--no-block', '--', accountUnit(keyId)]),
  stop: (keyId) => void systemctl(['stop', '--', accountUnit(keyId)], stopTimeoutMs),
  thaw: (keyId) => void systemctl(['thaw', '--', accountUnit(keyId)]),
  // By the links alone: over the bus, `--no-reload` would mark every unit as changed from systemd 255 on.
  setEnabled: (keyId, isEnabled) => void systemctl([isEnabled ? 'enable' : 'disable', '--root=/', '--quiet', '--', accountUnit(keyId)]),
  reload: () => void systemctl(['daemon-reload'], 90_000),
};

export const unknownUnit: UnitFacts = {
  isLoaded: false,
  activeState: 'inactive',
  subState: 'dead',
  killMode: 'control-group',
  sendSigkill: true,
  controlGroup: '',
  uid: null,
  isFrozen: false,
  exitStatus: null,
  statusText: '',
};

/** Output of `systemctl show` for several units: paragraphs of `Name=value` lines. Units of other templates are left out. */
export const parseShow = (output: string): ReadonlyMap<string, UnitFacts> => {
  const units = new Map<string, UnitFacts>();
  for (const properties of parseProperties(output)) {
    const keyId = /^fleet-account@([0-9a-f]{32})\.service$/.exec(properties.get('Id') ?? '')?.[1];
    if (keyId !== undefined) units.set(keyId, unitFrom(properties));
  }
  return units;
};

export const parseProperties = (output: string): readonly ReadonlyMap<string, string>[] =>
  output
    .split(/\n\n+/)
    .map((paragraph) => new Map(paragraph.split('\n').map((line) => [line.split('=', 1)[0] ?? '', line.slice(line.indexOf('=') + 1)])));

const unitFrom = (properties: ReadonlyMap<string, string>): UnitFacts => {
  const text = (name: string): string => properties.get(name) ?? '';
  const uid = Number(text('UID').split(' ')[0]);
  const hasEnded = Number(text('ExecMainExitTimestampMonotonic')) > 0;
  return {
    isLoaded: text('LoadState') === 'loaded',
    activeState: text('ActiveState'),
    subState: text('SubState'),
    killMode: text('KillMode'),
    sendSigkill: text('SendSIGKILL') !== 'no',
    controlGroup: text('ControlGroup'),
    uid: /^\d/.test(text('UID')) && uid < 0xffff_fffe ? uid : null,
    isFrozen: /^fr/.test(text('FreezerState')),
    exitStatus: hasEnded ? Number(text('ExecMainStatus')) : null,
    statusText: text('StatusText'),
  };
};

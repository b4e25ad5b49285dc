import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { plainText } from '../machine/plain-text.ts';
import { accountUnit } from '../protocol/paths.ts';

/** What systemd says of one account's unit. */
export interface UnitFacts {
  readonly isLoaded: boolean;
  readonly activeState: string;
  readonly subState: string;
  /** systemd has taken a start or stop and not begun it: the other fields still tell of before. */
  readonly hasJob: boolean;
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

/** Nothing of it is started, running or being stopped; it may have left something behind. */
export const isIdle = ({ activeState }: Pick<UnitFacts, 'activeState'>): boolean =>
  activeState === 'inactive' || activeState === 'failed';

/**
 * The port to systemd: {@link systemdUnits}, and a model of it in tests and the simulator. Throws
 * Error when systemd refuses.
 */
export interface Units {
  readonly show: (keyId: string) => UnitFacts;
  /** All account units that systemd has in memory. */
  readonly showAll: () => ReadonlyMap<string, UnitFacts>;
  /** Queues the start and returns. */
  readonly start: (keyId: string) => void;
  /**
   * Returns when the unit has stopped; a worker that will not end within its time is killed. Throws
   * when something is left even then.
   */
  readonly stop: (keyId: string) => void;
  readonly thaw: (keyId: string) => void;
  /** Whether the account starts with the host; the gate still decides. */
  readonly setEnabled: (keyId: string, isEnabled: boolean) => void;
  readonly reload: () => void;
  /**
   * A credential of that name, encrypted with a key that only this host's root has; null where
   * systemd cannot (before 250).
   */
  readonly seal: (name: string, text: string) => string | null;
  /**
   * Whether systemd is 247, which builds sandboxes with two faults that a drop-in can mend ({@link
   * formatLimits}).
   */
  readonly is247: () => boolean;
}

const shown =
  'Id,Job,LoadState,ActiveState,SubState,KillMode,SendSIGKILL,ControlGroup,UID,FreezerState,ExecMainStatus,ExecMainExitTimestampMonotonic,StatusText';

const systemctl = (args: readonly string[], timeoutMs = 30_000): string => {
  const run = spawnSync('systemctl', args, {
    encoding: 'utf8',
    timeout: timeoutMs,
    maxBuffer: 64 * 1024 * 1024,
  });
  if (run.status === 0) return run.stdout;
  const why = run.error === undefined ? `status ${String(run.status)}` : run.error.message;
  throw new Error(`systemctl ${args[0] ?? ''} failed: ${run.stderr?.trim() || why}`);
};

/**
 * TimeoutStopSec of the unit and a margin. A worker may ask systemd for more time
 * (EXTEND_TIMEOUT_USEC) as often as it likes; not us.
 */
const stopTimeoutMs = 25_000;
/** After SIGKILL: systemd's own rest of the stop, ExecStopPost included, and a margin. */
const killTimeoutMs = 45_000;

const stopUnit = (unit: string): void => {
  try {
    systemctl(['stop', '--', unit], stopTimeoutMs);
  } catch {
    systemctl(['kill', '--kill-who=all', '--signal=KILL', '--', unit]);
    systemctl(['stop', '--', unit], killTimeoutMs);
  }
};

export const systemdUnits: Units = {
  show: (keyId) =>
    parseShow(systemctl(['show', '-p', shown, '--', accountUnit(keyId)])).get(keyId) ?? unknownUnit,
  showAll: () => parseShow(systemctl(['show', '-p', shown, '--', accountUnit('*')])),
  start: (keyId) => void systemctl(['start', '--no-block', '--', accountUnit(keyId)]),
  stop: (keyId) => stopUnit(accountUnit(keyId)),
  thaw: (keyId) => void systemctl(['thaw', '--', accountUnit(keyId)]),
  // By the links alone: over the bus, `--no-reload` would mark every unit as changed from systemd
  // 255 on.
  setEnabled: (keyId, isEnabled) =>
    void systemctl([
      isEnabled ? 'enable' : 'disable',
      '--root=/',
      '--quiet',
      '--',
      accountUnit(keyId),
    ]),
  reload: () => void systemctl(['daemon-reload'], 90_000),
  seal: (name, text) => {
    // Not with the TPM, although that may be there: its answer depends on firmware that is updated,
    // and the session has to outlive that.
    const words = ['encrypt', '--with-key=host', `--name=${name}`, '-', '-'];
    const run = spawnSync('systemd-creds', words, {
      input: text,
      encoding: 'utf8',
      timeout: 30_000,
      maxBuffer: 1024 ** 2,
    });
    return run.status === 0 && run.stdout !== '' ? run.stdout : null;
  },
  // The program came with 250, so that only old hosts are asked.
  is247: () =>
    !existsSync('/usr/bin/systemd-creds') && /^systemd 247\b/.test(systemctl(['--version'])),
};

export const unknownUnit: UnitFacts = {
  isLoaded: false,
  activeState: 'inactive',
  subState: 'dead',
  hasJob: false,
  killMode: 'control-group',
  sendSigkill: true,
  controlGroup: '',
  uid: null,
  isFrozen: false,
  exitStatus: null,
  statusText: '',
};

/**
 * Output of `systemctl show` for several units: paragraphs of `Name=value` lines. Units of other
 * templates are left out.
 */
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
    .map(
      (paragraph) =>
        new Map(
          paragraph
            .split('\n')
            .map((line) => [line.split('=', 1)[0] ?? '', line.slice(line.indexOf('=') + 1)]),
        ),
    );

const unitFrom = (properties: ReadonlyMap<string, string>): UnitFacts => {
  const text = (name: string): string => properties.get(name) ?? '';
  const uid = Number(text('UID').split(' ')[0]);
  const hasEnded = Number(text('ExecMainExitTimestampMonotonic')) > 0;
  return {
    isLoaded: text('LoadState') === 'loaded',
    activeState: text('ActiveState'),
    subState: text('SubState'),
    hasJob: /^[1-9]\d*$/.test(text('Job')),
    killMode: text('KillMode'),
    sendSigkill: text('SendSIGKILL') !== 'no',
    controlGroup: text('ControlGroup'),
    uid: /^\d/.test(text('UID')) && uid < 0xffff_fffe ? uid : null,
    isFrozen: /^fr/.test(text('FreezerState')),
    exitStatus: hasEnded ? Number(text('ExecMainStatus')) : null,
    statusText: plainText(text('StatusText'), 512),
  };
};

import { type ChildProcess, spawn } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readClaim, writeClaim } from '../../../hostside/claims/claim-file.ts';
import { readStartMark, writeStopMark } from '../../../hostside/gate/marks.ts';
import { readBootId } from '../../../hostside/machine/boot.ts';
import { writeDurably } from '../../../hostside/machine/durable-file.ts';
import { behaviourPath, type Places, runLockPath } from '../../../hostside/machine/places.ts';
import type { Behaviour } from '../../../hostside/protocol/behaviour.ts';
import type { RecentSilences } from '../../../hostside/protocol/silence.ts';
import type { WorkerStatus } from '../../../hostside/protocol/worker.ts';
import { buildHostFiles } from '../../../src/release/build-host-files.ts';
import { gramSession } from '../../dc/clients/gram-session.ts';
import type { DataCentre, LoginCredentials } from '../../dc/server.ts';
import { claimOf, keyId, scratchPlaces } from '../claims/claim-fixtures.ts';

export { keyId };

/**
 * The release that a host would get, with the real wrapper, the real bundles and this Node. Takes a
 * second or two.
 */
export const buildRelease = async (): Promise<string> => {
  const release = mkdtempSync(join(tmpdir(), 'fleet-release-'));
  for (const path of ['bin', 'lib', 'runtime/bin'])
    mkdirSync(join(release, path), { recursive: true });
  cpSync(resolve('templates/bin'), join(release, 'bin'), { recursive: true });
  symlinkSync(process.execPath, join(release, 'runtime/bin/node'));
  await buildHostFiles(resolve('.'), join(release, 'lib'));
  return release;
};

export interface WorkerSetup {
  readonly release: string;
  readonly dc: DataCentre;
  readonly login: LoginCredentials;
  readonly config?: Readonly<Record<string, unknown>>;
  /** In place of the session credential. */
  readonly session?: string;
  readonly nodeFlags?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly behaviour?: Behaviour;
  /** The tree of a worker that was there before, with its state. */
  readonly places?: Places;
}

/** Secrets that must never be seen outside; found again by {@link WorkerProcess.seen}. */
export const apiHash = 'a9b1c2d3e4f5canary0000';

const bundledConfig = {
  ...{
    format: 1,
    apiId: 4711,
    apiHash,
    deviceModel: 'Pinned Device',
    systemVersion: 'Pinned System',
    appVersion: '9.8.7',
  },
  ...{ langCode: 'de', logLevel: 'debug', healthIntervalMs: 400 },
};

/**
 * A host's tree with a valid claim and the credentials of one account, as the helper and systemd
 * would make it.
 */
const prepareTree = ({ login, config, session }: WorkerSetup): Places => {
  const places = scratchPlaces();
  const bootId = readBootId() ?? '';
  const host = {
    format: 1,
    fleet: 'f',
    host: 'h',
    holdAfterMs: 600_000,
    requireClockSync: false,
    settleMs: 0,
    settleUncleanMs: 0,
  };
  writeFileSync(places.hostConfig, JSON.stringify(host));
  writeFileSync(
    places.bootVerdict,
    JSON.stringify({ format: 1, bootId, verdict: 'run', reasons: [], decidedAt: '' }),
  );
  writeFileSync(places.bootInstanceId, 'machine-1\n');
  writeFileSync(runLockPath(places, keyId), '');
  writeClaim(places, readClaim(places, keyId), claimOf({ bootId }));
  for (const path of [
    join(places.accountRuntime, keyId),
    join(places.accountState, keyId),
    join(places.root, 'credentials'),
  ])
    mkdirSync(path, { recursive: true });
  writeFileSync(join(places.root, 'credentials/session'), `${session ?? gramSession(login)}\n`, {
    mode: 0o600,
  });
  writeFileSync(
    join(places.root, 'credentials/config'),
    JSON.stringify({ ...bundledConfig, ...config }),
    { mode: 0o600 },
  );
  return places;
};

/**
 * As if the run before had ended long ago: the floor after an end that Telegram did not confirm is
 * tested elsewhere.
 */
const passSettleFloor = (places: Places): void => {
  const directory = join(places.accountState, keyId);
  const start = readStartMark(directory);
  if (start !== null && start !== 'unreadable')
    writeStopMark(directory, { ...start, bootMs: 0, clean: true });
};

/** In place of systemd's program: notes what it is told. The real one is used in the lab. */
const fakeNotify = (places: Places): string => {
  const directory = join(places.root, 'fake-bin');
  mkdirSync(directory, { recursive: true });
  writeFileSync(
    join(directory, 'systemd-notify'),
    `#!/bin/sh\necho "$*" >> '${join(places.root, 'notices')}'\n`,
  );
  chmodSync(join(directory, 'systemd-notify'), 0o755);
  return directory;
};

/** The bundled worker in a process of its own, started by the real `fleet-run`. */
export class WorkerProcess {
  readonly places: Places;
  readonly startedAt = performance.now();
  output = '';
  /** Resolves with the exit code; null after a signal. */
  readonly exited: Promise<number | null>;
  readonly #child: ChildProcess;

  constructor(setup: WorkerSetup) {
    this.places = setup.places ?? prepareTree(setup);
    passSettleFloor(this.places);
    if (setup.behaviour !== undefined) this.configure(setup.behaviour);
    const [address] = setup.dc.addresses;
    const { places } = this;
    this.#child = spawn(join(setup.release, 'bin/fleet-run'), [keyId], {
      env: {
        PATH: `${fakeNotify(places)}:${process.env.PATH}`,
        FLEET_ROOT: places.root,
        STATE_DIRECTORY: join(places.accountState, keyId),
        RUNTIME_DIRECTORY: join(places.accountRuntime, keyId),
        CREDENTIALS_DIRECTORY: join(places.root, 'credentials'),
        FLEET_NODE_FLAGS: `--require ${resolve('test/hostside/worker/redirect.cjs')} ${setup.nodeFlags ?? ''}`,
        TEST_DC: `${address?.host}:${address?.port}`,
        NOTIFY_SOCKET: join(places.root, 'notify-socket'),
        ...setup.env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
      });
    }
    this.exited = new Promise((done) => this.#child.on('close', (code) => done(code)));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get status(): WorkerStatus | null {
    const text = this.#read(join(this.places.accountRuntime, keyId, 'status.json'));
    return text === '' ? null : (JSON.parse(text) as WorkerStatus);
  }

  /** What one more such process costs: memory that it shares with nobody. */
  get privateBytes(): number {
    const rollup = this.#read(`/proc/${this.pid}/smaps_rollup`);
    return [...rollup.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+) kB$/gm)].reduce(
      (sum, [, kilobytes]) => sum + Number(kilobytes) * 1024,
      0,
    );
  }

  get notices(): string {
    return this.#read(join(this.places.root, 'notices'));
  }

  /** Everything that anybody but the worker can see of it. */
  get seen(): string {
    return (
      `${this.output}${JSON.stringify(this.status)}` +
      `${this.notices}${this.#read(`/proc/${this.pid}/cmdline`)}`
    );
  }

  /** Resolves with ms since the start. Throws when the state is not reached in time. */
  async reaches(state: WorkerStatus['state'], limitMs = 8_000): Promise<number> {
    const endMs = performance.now() + limitMs;
    while (this.status?.state !== state) {
      if (performance.now() > endMs)
        throw new Error(`not ${state} but ${JSON.stringify(this.status)}: ${this.output}`);
      await sleep(5);
    }
    return performance.now() - this.startedAt;
  }

  /** As the helper writes it. */
  configure(behaviour: Behaviour): void {
    mkdirSync(this.places.behaviour, { recursive: true });
    writeDurably(behaviourPath(this.places, keyId), JSON.stringify(behaviour), 0o644);
  }

  /** Text of a file in its state directory; '' when there is none. */
  state(name: string): string {
    return this.#read(join(this.places.accountState, keyId, name));
  }

  get silences(): RecentSilences | null {
    const text = this.#read(join(this.places.accountRuntime, keyId, 'silences.json'));
    return text === '' ? null : (JSON.parse(text) as RecentSilences);
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Ends it whatever it does. */
  async end(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }

  /** Nothing of it stays on the disk. */
  remove(): void {
    rmSync(this.places.root, { recursive: true });
  }

  #read(path: string): string {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return '';
    }
  }
}

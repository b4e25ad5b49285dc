import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { judgeBoot } from '../../agent/hold/judge-boot.ts';
import { parseRequest } from '../../agent/host/request.ts';
import { runRequest } from '../../agent/host/run-request.ts';
import { instanceIdFrom, readInstanceParts } from '../../agent/machine/instance-id.ts';
import { type Places, placesBelow } from '../../agent/machine/places.ts';
import type { HostConfig } from '../../agent/protocol/host.ts';
import type { ModelDataCentre } from './model-dc.ts';
import { type Machine, type ModelProcess, running } from './model-process.ts';
import { ModelUnits } from './model-units.ts';
import type { Simulation } from './simulation.ts';

/** What chance decides inside a host. */
export interface HostLuck {
  /** A worker does not end on SIGTERM in time. */
  stopNeedsKill(): boolean;
  /** How long something of a stopped unit stays in its cgroup, ms. */
  stopLagMs(): number;
  /** For somebody who starts the unit again behind fleet's back. */
  afterStop(host: ModelHost, keyId: string, helper: ModelProcess | undefined): void;
  /** A custom worker does not look at the claim before it connects; only the gate keeps it. */
  readonly isCustomWorker: boolean;
}

export const goodLuck: HostLuck = { stopNeedsKill: () => false, stopLagMs: () => 0, afterStop: () => undefined, isCustomWorker: false };

/** Who looks over the hosts' shoulders: the world with its invariants. */
export interface HostWatch {
  passedGate(host: ModelHost, keyId: string, epoch: number): void;
  /** A line of the root helper. */
  said(host: ModelHost, line: unknown): void;
  /** The session's text that belongs to the key. */
  sessionOf(keyId: string): string;
}

export interface HelperFate {
  /** Changes of the disk after which it is killed; null: it is not. */
  readonly writesLeft: number | null;
  /** The machine loses its power at that moment instead. */
  readonly powerLost: boolean;
  /** Whether anybody reads what it says. */
  readonly isHeard: () => boolean;
}

export interface HelperResult {
  readonly exitCode: number | null;
  readonly lines: readonly unknown[];
}

const settings: Omit<HostConfig, 'host'> = {
  ...{ format: 1, fleet: 'sim', holdAfterMs: 600_000, requireClockSync: false, settleMs: 5_000, settleUncleanMs: 30_000 },
};

/** Looks and waits of the shipped code in steps of at least this: a slow machine, and far fewer events. */
const leastSleepMs = 1_000;

const holdName = 'hold oneshot';

/** A server with a real directory tree as its disk; runs the shipped helper, gate and hold oneshot. */
export class ModelHost implements Machine {
  readonly name: string;
  readonly root: string;
  readonly places: Places;
  readonly simulation: Simulation;
  readonly dataCentre: ModelDataCentre;
  readonly watch: HostWatch;
  luck: HostLuck = goodLuck;
  units = new ModelUnits(this);
  isUp = false;
  /** sshd accepts: a little after power on. */
  isListening = false;
  bootId = '';
  clockOffsetMs = 0;
  isClockSynchronized = true;
  /** fleet-agent answers on its socket. */
  isAgentUp = true;
  /** Packets from the operator do not arrive, packets to the operator do not. */
  link = { hears: true, isHeard: true };
  disk: 'good' | 'full' | 'broken' = 'good';
  #bootedAtMs = 0;
  #locks = new Map<string, { process: ModelProcess; shared: boolean }[]>();
  #processes = new Set<ModelProcess>();

  constructor(name: string, root: string, simulation: Simulation, dataCentre: ModelDataCentre, watch: HostWatch) {
    this.name = name;
    this.root = root;
    this.places = placesBelow(root);
    this.simulation = simulation;
    this.dataCentre = dataCentre;
    this.watch = watch;
  }

  /** What `fleet init` leaves on a new machine. */
  install(): void {
    for (const directory of ['claims', 'locks', 'accounts'].map((part) => join(this.root, 'var/lib/fleet', part)))
      mkdirSync(directory, { recursive: true });
    for (const path of [this.places.hostConfig, this.places.current, join(this.enabledLinks, 'x'), this.#cloudId])
      mkdirSync(dirname(path), { recursive: true });
    symlinkSync('releases/r1', this.places.current);
    writeFileSync(this.places.hostConfig, JSON.stringify({ ...settings, host: this.name }));
    this.identify(`machine-${this.name}`);
  }

  /** Both slots of the claim hold something else than what was written. */
  damageClaim(keyId: string): void {
    writeFileSync(join(this.places.claims, `${keyId}.claim`), 'x'.repeat(8192));
  }

  /** Another machine takes its name and place. */
  reinstall(cloudId: string): void {
    rmSync(this.root, { recursive: true, force: true });
    this.install();
    this.identify(cloudId);
  }

  /** Another machine, as a clone is one. */
  identify(cloudId: string): void {
    writeFileSync(this.#cloudId, `${cloudId}\n`);
  }

  get #cloudId(): string {
    return join(this.root, 'var/lib/cloud/data/instance-id');
  }

  get enabledLinks(): string {
    return join(this.root, 'enabled');
  }

  get uptimeMs(): number {
    return this.simulation.nowMs - this.#bootedAtMs;
  }

  get wallMs(): number {
    return this.simulation.nowMs + this.clockOffsetMs;
  }

  /** Power on. `firstContactMs`: when sshd accepts, which may be before the verdict. */
  boot(sshAfterMs = 1_000, holdAfterMs = 500): void {
    if (this.isUp) return;
    this.isUp = true;
    this.#bootedAtMs = this.simulation.nowMs - 2_000;
    this.bootId = this.simulation.identity();
    const { bootId } = this;
    writeFileSync(join(this.root, 'boot-id'), `${bootId}\n`);
    this.simulation.note(`${this.name} boots`);
    const ifStillUp = (act: () => void) => () => {
      if (this.bootId === bootId && this.isUp) act();
    };
    this.simulation.at(
      sshAfterMs,
      ifStillUp(() => {
        this.isListening = true;
      }),
    );
    this.simulation.at(
      holdAfterMs,
      ifStillUp(() => void this.#hold()),
    );
  }

  async #hold(): Promise<void> {
    const oneshot = this.spawn(holdName);
    const verdict = await this.inside(oneshot, () => judgeBoot(this.places, this.bootId));
    if (!oneshot.isAlive) return;
    this.simulation.note(`${this.name} verdict: ${verdict.verdict} ${verdict.reasons.join('; ')}`);
    for (const keyId of readdirSync(this.enabledLinks).sort()) this.units.start(keyId);
  }

  /** Power off, without a word to anybody. */
  crash(): void {
    if (!this.isUp) return;
    this.simulation.note(`${this.name} loses power`);
    this.isUp = false;
    this.isListening = false;
    for (const process of this.#processes) process.isAlive = false;
    this.#processes.clear();
    this.units.vanish();
    this.units = new ModelUnits(this);
    this.#locks.clear();
    for (const path of [dirname(this.places.bootVerdict), this.places.accountRuntime]) rmSync(path, { recursive: true, force: true });
  }

  spawn(name: string): ModelProcess {
    const process: ModelProcess = { machine: this, name, isAlive: true, writesLeft: null, onWrite: null, onKilled: null };
    this.#processes.add(process);
    return process;
  }

  end(process: ModelProcess): void {
    process.isAlive = false;
    this.#processes.delete(process);
  }

  inside<T>(process: ModelProcess, act: () => T): T {
    return running.run(process, act);
  }

  /** One run of the root helper. `onEnd` is not called when the machine dies under it. */
  runHelper(request: string, fate: HelperFate, onEnd: (result: HelperResult) => void): void {
    const process = this.spawn('fleet-host');
    const lines: unknown[] = [];
    const startedMs = this.simulation.nowMs;
    process.writesLeft = fate.writesLeft;
    process.onKilled = () => {
      this.end(process);
      if (fate.powerLost) return this.simulation.at(0, () => this.crash());
      this.simulation.note(`${this.name} fleet-host is killed`);
      onEnd({ exitCode: null, lines: [...lines] });
    };
    const parsed = parseRequest(JSON.parse(request));
    if ('fault' in parsed) {
      this.end(process);
      onEnd({ exitCode: 2, lines });
      return;
    }
    const emit = (line: unknown): boolean => {
      if (process.isAlive) {
        lines.push(line);
        this.watch.said(this, line);
      }
      return process.isAlive && fate.isHeard();
    };
    const world = { places: this.places, units: this.units, bootId: this.bootId, proofMs: 5_000, emit };
    const work = this.inside(process, () =>
      runRequest(parsed.request, {
        ...world,
        instanceId: instanceIdFrom(readInstanceParts(this.root)),
        now: () => new Date(this.wallMs),
        elapsedMs: () => this.simulation.nowMs - startedMs,
      }),
    );
    const end = (exitCode: number): void => {
      if (!process.isAlive) return;
      this.end(process);
      onEnd({ exitCode, lines });
    };
    work.then(end, (error: unknown) => {
      if (process.isAlive) this.simulation.note(`${this.name} fleet-host fails: ${String(error)}`);
      end(1);
    });
  }

  isLocked(path: string): boolean {
    return this.#holders(path).length > 0;
  }

  takeLock(process: ModelProcess, path: string, shared: boolean): boolean {
    const holders = this.#holders(path);
    if (holders.length > 0 && !(shared && holders.every((holder) => holder.shared))) return false;
    this.#locks.set(path, [...holders, { process, shared }]);
    return true;
  }

  freeLocks(process: ModelProcess, paths: readonly string[]): void {
    for (const path of paths)
      this.#locks.set(
        path,
        this.#holders(path).filter((holder) => holder.process !== process),
      );
  }

  #holders(path: string): { process: ModelProcess; shared: boolean }[] {
    return (this.#locks.get(path) ?? []).filter(({ process }) => process.isAlive);
  }

  /** Writing in place needs no new block, so a full disk does not stop it; the hold oneshot only writes to memory. */
  diskFault(process: ModelProcess, act: string): 'ENOSPC' | 'EIO' | null {
    if (process.name === holdName) return null;
    if (this.disk === 'broken' && act === 'fsyncSync') return 'EIO';
    const needsSpace = act === 'create' || act === 'mkdirSync' || act === 'symlinkSync' || act === 'writeFileSync';
    return this.disk === 'full' && needsSpace ? 'ENOSPC' : null;
  }

  sleep(process: ModelProcess, ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.simulation.at(Math.max(ms, leastSleepMs), () => {
        if (process.isAlive) resolve();
      });
    });
  }
}

import { existsSync, lchownSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GateWorld } from '../../../hostside/gate/pass-gate.ts';
import { defaultControlGroup } from '../../../hostside/helper/processes.ts';
import { type UnitFacts, type Units, unknownUnit } from '../../../hostside/helper/units.ts';
import { fsyncDirectory } from '../../../hostside/machine/durable-file.ts';
import { runLockPath } from '../../../hostside/machine/places.ts';
import { workerExit } from '../../../hostside/protocol/worker.ts';
import type { ModelHost, Remains } from './model-host.ts';
import { type ModelProcess, running } from './model-process.ts';
import { type ModelWorker, startWorker } from './model-worker.ts';

/** One account's unit as systemd holds it in memory. */
interface ModelUnit {
  state: 'active' | 'activating' | 'deactivating' | 'inactive' | 'failed';
  exitStatus: number | null;
  statusText: string;
  restarts: number;
  worker: ModelWorker | null;
  /** The worker's process, or that of the last one. */
  pid: number;
  isFrozen: boolean;
}

/** A user of its own for each account, in systemd's range. */
const uidOf = (keyId: string): number => 61_184 + Number.parseInt(keyId.slice(0, 3), 16);

const restartMs = 5_000;
const finalStatuses: readonly number[] = [
  workerExit.needsLogin,
  workerExit.duplicated,
  workerExit.banned,
  workerExit.misconfigured,
  workerExit.gateRefused,
];
const noCredentials = 243;
/** systemd's exit status where the program of ExecStart is not there. */
const noProgram = 203;

/**
 * systemd of one boot, with templates/units/fleet-account@.service: gate, worker, stop mark,
 * restarts, the links that start units at boot.
 */
export class ModelUnits implements Units {
  readonly #host: ModelHost;
  readonly #units = new Map<string, ModelUnit>();
  /** Keys whose unit has a drop-in that lets processes survive the stop. */
  readonly dropIns = new Set<string>();
  /** What lives on after a stop, by a number of its own: how it ends. */
  readonly #remains = new Map<number, (isPowerLost: boolean) => void>();
  /** By key: the processes in the cgroup of its unit. */
  readonly #cgroups = new Map<string, Set<number>>();
  #pids = 4_000;

  constructor(host: ModelHost) {
    this.#host = host;
  }

  show = (keyId: string): UnitFacts => {
    const unit = this.#units.get(keyId);
    // The template is installed: an instance is loaded as soon as somebody asks.
    const loaded = {
      ...unknownUnit,
      isLoaded: true,
      ...(this.dropIns.has(keyId) ? { killMode: 'process' } : {}),
    };
    if (unit === undefined) return loaded;
    return {
      ...loaded,
      uid: unit.worker === null ? null : uidOf(keyId),
      isFrozen: unit.isFrozen,
      activeState: unit.state,
      controlGroup: unit.worker === null ? '' : defaultControlGroup(keyId),
      exitStatus: unit.exitStatus,
      statusText: unit.statusText,
    };
  };

  showAll = (): ReadonlyMap<string, UnitFacts> =>
    new Map([...this.#units.keys()].map((keyId) => [keyId, this.show(keyId)]));

  start = (keyId: string): void => running.exit(() => this.#start(keyId));

  #start(keyId: string): void {
    const unit = this.#unit(keyId);
    if (unit.state !== 'inactive' && unit.state !== 'failed') return;
    unit.restarts = 0;
    this.#launch(keyId, unit);
  }

  /**
   * SIGTERM to a worker that obeys, or SIGKILL after the time-out to one that does not: that is the
   * host's luck.
   */
  stop = (keyId: string): void => {
    const helper = running.getStore();
    // systemd goes on although its client may be dead.
    running.exit(() => this.#stop(keyId, helper));
  };

  #stop(keyId: string, helper: ModelProcess | undefined): void {
    const unit = this.#unit(keyId);
    const { worker } = unit;
    if (worker === null) {
      unit.state = unit.state === 'failed' ? 'failed' : 'inactive';
      return;
    }
    if (unit.isFrozen) throw new Error('systemctl stop failed: the unit is frozen');
    const stubbornMs = this.#host.luck.stubbornMs();
    if (stubbornMs > 0 || unit.state === 'deactivating')
      this.#resist(keyId, unit, worker, stubbornMs);
    const isClean = !this.#host.luck.stopNeedsKill();
    const remains = this.#host.luck.leavesBehind();
    if (remains === null) worker.end(isClean);
    else this.#leaveBehind(keyId, worker.leave(), remains);
    this.#ended(keyId, unit, isClean ? workerExit.clean : null, isClean);
    this.#host.luck.afterStop(this.#host, keyId, helper);
    // A child that hangs in the kernel: the connection is gone, the unit is not.
    const lagMs = this.#host.luck.stopLagMs();
    unit.state = lagMs > 0 ? 'deactivating' : 'inactive';
    this.#host.after(lagMs, () => {
      if (unit.state === 'deactivating') unit.state = 'inactive';
    });
  }

  /**
   * It asks for more time until it is killed at last; the client of systemd gives up long before.
   */
  #resist(keyId: string, unit: ModelUnit, worker: ModelWorker, forMs: number): never {
    if (unit.state !== 'deactivating') {
      unit.state = 'deactivating';
      this.#host.simulation.note(`${this.#host.name} ${keyId.slice(0, 4)} ignores SIGTERM`);
      this.#host.simulation.count('stubborn-worker');
      this.#host.after(forMs, () => {
        if (unit.worker !== worker) return;
        worker.end(false);
        this.#ended(keyId, unit, null, false);
        unit.state = 'inactive';
      });
    }
    throw new Error('systemctl stop failed: status null');
  }

  /** A process that the stop has missed keeps the connection. */
  #leaveBehind(
    keyId: string,
    hangUp: (isPowerLost: boolean) => void,
    { where, forMs }: Remains,
  ): void {
    const { root, simulation, name } = this.#host;
    this.#pids += 1;
    const pid = this.#pids;
    simulation.note(`${name} ${keyId.slice(0, 4)} leaves a process behind (${where})`);
    simulation.count(where === 'cgroup' ? 'leftover' : 'escaped-process');
    const place = join(root, 'proc', String(pid));
    if (where === 'cgroup') this.#count(keyId, pid, true);
    else {
      const uid = uidOf(keyId);
      mkdirSync(place, { recursive: true });
      writeFileSync(
        join(place, 'status'),
        `Name:\tworker\nState:\tS (sleeping)\nUid:\t${uid}\t${uid}\t${uid}\t${uid}\n`,
      );
      writeFileSync(join(place, 'cgroup'), '0::/user.slice\n');
    }
    this.#remains.set(pid, (isPowerLost) => {
      this.#remains.delete(pid);
      if (where === 'cgroup') this.#count(keyId, pid, false);
      else rmSync(place, { recursive: true, force: true });
      hangUp(isPowerLost);
    });
    this.#host.after(forMs, () => this.#remains.get(pid)?.(false));
  }

  /** What the kernel lists of a unit's cgroup, which is there as long as something lives in it. */
  #count(keyId: string, pid: number, isAlive: boolean): void {
    const pids = this.#cgroups.get(keyId) ?? new Set();
    this.#cgroups.set(keyId, pids);
    if (isAlive) pids.add(pid);
    else pids.delete(pid);
    const cgroup = join(this.#host.root, 'sys/fs/cgroup', defaultControlGroup(keyId));
    rmSync(cgroup, { recursive: true, force: true });
    if (pids.size === 0) return;
    mkdirSync(cgroup, { recursive: true });
    writeFileSync(join(cgroup, 'cgroup.procs'), [...pids, ''].join('\n'));
  }

  /** Whatever survived a stop is gone. */
  endRemains(): void {
    for (const end of [...this.#remains.values()]) end(false);
  }

  /** By an operator, or by the kernel's freezer. */
  freeze(keyId: string): void {
    const unit = this.#unit(keyId);
    if (unit.worker === null || unit.isFrozen) return;
    unit.isFrozen = true;
    unit.worker.freeze();
  }

  thaw = (keyId: string): void => running.exit(() => this.#thaw(keyId));

  #thaw(keyId: string): void {
    const unit = this.#unit(keyId);
    unit.isFrozen = false;
    unit.worker?.thaw();
  }

  /** The machine stands still. */
  sleepAll(): void {
    for (const { worker } of this.#units.values()) worker?.sleep();
  }

  thawAll(): void {
    for (const keyId of this.#units.keys()) this.#thaw(keyId);
  }

  /** As the machine shuts down: clean ends, marked as such. */
  stopAll(): void {
    for (const [keyId, unit] of this.#units) {
      if (unit.worker === null) continue;
      this.#thaw(keyId);
      unit.worker.end(true);
      this.#ended(keyId, unit, workerExit.clean, true);
    }
    this.endRemains();
  }

  setEnabled = (keyId: string, isEnabled: boolean): void => {
    const link = join(this.#host.enabledLinks, keyId);
    if (isEnabled) writeFileSync(link, '');
    else rmSync(link, { force: true });
    // An account that does not start by itself is started by its operator: no need to lose these,
    // too.
    fsyncDirectory(this.#host.enabledLinks);
  };

  reload = (): void => undefined;

  seal = (): string | null => null;

  is247 = (): boolean => false;

  /** The worker ends by itself, cleanly or by a signal. */
  crash(keyId: string, isClean: boolean): void {
    const unit = this.#unit(keyId);
    if (unit.worker === null) return;
    unit.worker.end(isClean);
    this.#ended(keyId, unit, isClean ? workerExit.transient : null, isClean);
    this.#restartLater(keyId, unit);
  }

  /** Power off: nobody is told, nothing is marked. */
  vanish(): void {
    for (const end of [...this.#remains.values()]) end(true);
    for (const unit of this.#units.values()) unit.worker?.vanish();
    this.#units.clear();
  }

  /** A program that was started before an upgrade runs on after it. */
  isAnyRunning(): boolean {
    return [...this.#units.values()].some(({ worker }) => worker !== null);
  }

  hasWorkerBefore(): boolean {
    return [...this.#units.values()].some(({ worker }) => worker?.isBefore === true);
  }

  workerOf(keyId: string): ModelWorker | null {
    return this.#units.get(keyId)?.worker ?? null;
  }

  #unit(keyId: string): ModelUnit {
    const unit: ModelUnit = this.#units.get(keyId) ?? {
      state: 'inactive',
      exitStatus: null,
      statusText: '',
      restarts: 0,
      worker: null,
      pid: 0,
      isFrozen: false,
    };
    this.#units.set(keyId, unit);
    return unit;
  }

  #launch(keyId: string, unit: ModelUnit): void {
    const { places } = this.#host;
    unit.state = 'activating';
    unit.statusText = '';
    if (!this.#host.hasPrograms) {
      unit.exitStatus = noProgram;
      this.#restartLater(keyId, unit);
      return;
    }
    const session = join(places.accounts, keyId, 'current', 'session');
    if (!existsSync(session)) {
      unit.exitStatus = noCredentials;
      this.#restartLater(keyId, unit);
      return;
    }
    const runtimeDirectory = join(places.accountRuntime, keyId);
    const stateDirectory = join(places.accountState, keyId);
    for (const directory of [runtimeDirectory, stateDirectory])
      mkdirSync(directory, { recursive: true });
    lchownSync(stateDirectory, uidOf(keyId), uidOf(keyId));
    const process = this.#host.spawn(`worker ${keyId}`);
    if (!this.#host.takeLock(process, runLockPath(places, keyId), false)) {
      this.#finish(unit, workerExit.gateRefused);
      return;
    }
    this.#pids += 1;
    unit.pid = this.#pids;
    this.#count(keyId, unit.pid, true);
    const world: GateWorld = { keyId, places, stateDirectory, runtimeDirectory };
    unit.worker = startWorker(this.#host, world, readFileSync(session, 'utf8'), process, {
      online: () => {
        unit.state = 'active';
      },
      refused: (text) => {
        unit.statusText = `gate: ${text}`;
      },
      exit: (status) => running.exit(() => this.#exited(keyId, unit, status)),
    });
  }

  #exited(keyId: string, unit: ModelUnit, status: number): void {
    this.#ended(keyId, unit, status, true);
    if (finalStatuses.includes(status)) this.#finish(unit, status);
    else this.#restartLater(keyId, unit);
  }

  /** ExecStopPost and what systemd cleans away. */
  #ended(keyId: string, unit: ModelUnit, status: number | null, isClean: boolean): void {
    const { places } = this.#host;
    const directories = {
      stateDirectory: join(places.accountState, keyId),
      runtimeDirectory: join(places.accountRuntime, keyId),
    };
    unit.worker = null;
    this.#count(keyId, unit.pid, false);
    unit.isFrozen = false;
    unit.exitStatus = status;
    const how = isClean
      ? { EXIT_CODE: 'exited', EXIT_STATUS: String(status) }
      : { EXIT_CODE: 'killed' };
    try {
      this.#host.inside(this.#host.spawn('stop mark'), () =>
        this.#host.programs.markStop({ keyId, places, ...directories }, how),
      );
    } catch (error) {
      this.#host.simulation.note(`${this.#host.name} ExecStopPost fails: ${String(error)}`);
    }
    rmSync(directories.runtimeDirectory, { recursive: true, force: true });
  }

  #finish(unit: ModelUnit, status: number): void {
    unit.state = 'failed';
    unit.exitStatus = status;
  }

  #restartLater(keyId: string, unit: ModelUnit): void {
    unit.state = 'activating';
    this.#host.after(restartMs, () => {
      if (unit.state !== 'activating' || unit.worker !== null) return;
      unit.restarts += 1;
      this.#launch(keyId, unit);
    });
  }
}

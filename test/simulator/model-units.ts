import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { markStop } from '../../agent/gate/mark-stop.ts';
import type { GateWorld } from '../../agent/gate/pass-gate.ts';
import { defaultControlGroup } from '../../agent/host/processes.ts';
import { type UnitFacts, type Units, unknownUnit } from '../../agent/host/units.ts';
import { runLockPath } from '../../agent/machine/places.ts';
import { workerExit } from '../../agent/protocol/worker.ts';
import type { ModelHost } from './model-host.ts';
import { type ModelProcess, running } from './model-process.ts';
import { type ModelWorker, startWorker } from './model-worker.ts';

/** One account's unit as systemd holds it in memory. */
interface ModelUnit {
  state: 'active' | 'activating' | 'deactivating' | 'inactive' | 'failed';
  exitStatus: number | null;
  statusText: string;
  restarts: number;
  worker: ModelWorker | null;
}

const restartMs = 5_000;
const finalStatuses: readonly number[] = [
  workerExit.needsLogin,
  workerExit.duplicated,
  workerExit.banned,
  workerExit.misconfigured,
  workerExit.gateRefused,
];
const noCredentials = 243;

/** systemd of one boot, with templates/units/fleet-account@.service: gate, worker, stop mark, restarts, the links that start units at boot. */
export class ModelUnits implements Units {
  readonly #host: ModelHost;
  readonly #units = new Map<string, ModelUnit>();

  constructor(host: ModelHost) {
    this.#host = host;
  }

  show = (keyId: string): UnitFacts => {
    const unit = this.#units.get(keyId);
    // The template is installed: an instance is loaded as soon as somebody asks.
    if (unit === undefined) return { ...unknownUnit, isLoaded: true };
    return {
      ...unknownUnit,
      isLoaded: true,
      activeState: unit.state,
      controlGroup: unit.worker === null ? '' : defaultControlGroup(keyId),
      exitStatus: unit.exitStatus,
      statusText: unit.statusText,
    };
  };

  showAll = (): ReadonlyMap<string, UnitFacts> => new Map([...this.#units.keys()].map((keyId) => [keyId, this.show(keyId)]));

  start = (keyId: string): void => running.exit(() => this.#start(keyId));

  #start(keyId: string): void {
    const unit = this.#unit(keyId);
    if (unit.state !== 'inactive' && unit.state !== 'failed') return;
    unit.restarts = 0;
    this.#launch(keyId, unit);
  }

  /** SIGTERM to a worker that obeys, or SIGKILL after the time-out to one that does not: that is the host's luck. */
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
    const isClean = !this.#host.luck.stopNeedsKill();
    worker.end(isClean);
    this.#ended(keyId, unit, isClean ? workerExit.clean : null, isClean);
    this.#host.luck.afterStop(this.#host, keyId, helper);
    // A child that hangs in the kernel: the connection is gone, the unit is not.
    const lagMs = this.#host.luck.stopLagMs();
    unit.state = lagMs > 0 ? 'deactivating' : 'inactive';
    this.#host.simulation.at(lagMs, () => {
      if (unit.state === 'deactivating') unit.state = 'inactive';
    });
  }

  thaw = (): void => undefined;

  setEnabled = (keyId: string, isEnabled: boolean): void => {
    const link = join(this.#host.enabledLinks, keyId);
    if (isEnabled) writeFileSync(link, '');
    else rmSync(link, { force: true });
  };

  reload = (): void => undefined;

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
    for (const unit of this.#units.values()) unit.worker?.vanish();
    this.#units.clear();
  }

  workerOf(keyId: string): ModelWorker | null {
    return this.#units.get(keyId)?.worker ?? null;
  }

  #unit(keyId: string): ModelUnit {
    const unit: ModelUnit = this.#units.get(keyId) ?? { state: 'inactive', exitStatus: null, statusText: '', restarts: 0, worker: null };
    this.#units.set(keyId, unit);
    return unit;
  }

  #launch(keyId: string, unit: ModelUnit): void {
    const { places } = this.#host;
    unit.state = 'activating';
    unit.statusText = '';
    const session = join(places.accounts, keyId, 'current', 'session');
    if (!existsSync(session)) {
      unit.exitStatus = noCredentials;
      this.#restartLater(keyId, unit);
      return;
    }
    const runtimeDirectory = join(places.accountRuntime, keyId);
    const stateDirectory = join(places.accountState, keyId);
    for (const directory of [runtimeDirectory, stateDirectory]) mkdirSync(directory, { recursive: true });
    const process = this.#host.spawn(`worker ${keyId}`);
    if (!this.#host.takeLock(process, runLockPath(places, keyId), false)) {
      this.#finish(unit, workerExit.gateRefused);
      return;
    }
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
    const directories = { stateDirectory: join(places.accountState, keyId), runtimeDirectory: join(places.accountRuntime, keyId) };
    unit.worker = null;
    unit.exitStatus = status;
    const how = isClean ? { EXIT_CODE: 'exited', EXIT_STATUS: String(status) } : { EXIT_CODE: 'killed' };
    try {
      this.#host.inside(this.#host.spawn('stop mark'), () => markStop({ keyId, places, ...directories }, how));
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
    const { bootId } = this.#host;
    this.#host.simulation.at(restartMs, () => {
      if (this.#host.bootId !== bootId || unit.state !== 'activating' || unit.worker !== null) return;
      unit.restarts += 1;
      this.#launch(keyId, unit);
    });
  }
}

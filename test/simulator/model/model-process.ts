import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * What a program on a model host sees of its machine. The borders (borders.ts) ask it instead of
 * the real kernel.
 */
export interface Machine {
  /** Directory of the real file system that is `/` to this machine. */
  readonly root: string;
  /** CLOCK_BOOTTIME. */
  readonly uptimeMs: number;
  /** CLOCK_MONOTONIC, which stands still while the machine is suspended. */
  readonly monotonicMs: number;
  readonly wallMs: number;
  readonly isClockSynchronized: boolean;
  /** Whether a living process holds this lock file, alone or shared. */
  isLocked(path: string): boolean;
  takeLock(process: ModelProcess, path: string, shared: boolean): boolean;
  freeLocks(process: ModelProcess, paths: readonly string[]): void;
  /**
   * `null`, or the error code that a change by this process meets now; `path`: '' where only a
   * descriptor is known.
   */
  diskFault(process: ModelProcess, act: string, path: string): 'ENOSPC' | 'EIO' | null;
  sleep(process: ModelProcess, ms: number): Promise<void>;
}

/** A program that runs on a model host: fleet-host, the gate with its worker, the hold oneshot. */
export interface ModelProcess {
  readonly machine: Machine;
  readonly name: string;
  isAlive: boolean;
  /** Changes of the disk that it still makes before it is killed; null: it is not. */
  writesLeft: number | null;
  /** Called before each change of the disk, for whatever races with it. */
  onWrite: (() => void) | null;
  /** Called when it was killed by `writesLeft`. */
  onKilled: (() => void) | null;
  /** What it does as soon as it is thawed; null: it is not frozen. */
  frozen: (() => void)[] | null;
}

/**
 * The process on whose behalf the code that runs now acts; none: the operator's side or the
 * simulation itself.
 */
export const running = new AsyncLocalStorage<ModelProcess>();

/** The clock and the names of the simulation that runs now, for code outside any process. */
export const stage: { nowMs: (() => number) | null; identity: (() => string) | null } = {
  nowMs: null,
  identity: null,
};

/** What a dead program meets instead of the operating system. */
class Killed extends Error {
  readonly code = 'KILLED';
}

/** Admits one change of the disk, or ends the process, or fails it as a broken disk does. */
export function admitWrite(act: string, path: string): void {
  const process = running.getStore();
  if (process === undefined) return;
  if (process.isAlive && process.writesLeft !== null) {
    process.writesLeft -= 1;
    if (process.writesLeft < 0) {
      process.isAlive = false;
      process.onKilled?.();
    }
  }
  if (!process.isAlive) throw new Killed(`${process.name} is dead`);
  process.onWrite?.();
  const code = process.machine.diskFault(process, act, path);
  if (code !== null) throw Object.assign(new Error(code), { code });
}

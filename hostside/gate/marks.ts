import { join } from 'node:path';
import { readSmallFile, writeDurably } from '../machine/durable-file.ts';
import { parseJson, Shape, wordPattern } from '../machine/json-shape.ts';
import { longestLingerMs } from '../protocol/linger.ts';
import { workerExit } from '../protocol/worker.ts';
import type { BeginMark, Mark, StartMark, StopMark } from './decide.ts';
import type { Progress } from './decide-progress.ts';

const startName = 'started.json';
const stopName = 'stopped.json';
/**
 * The gate's own files in a state directory; they belong to the host and are no part of the
 * account's state.
 */
export const markNames: readonly string[] = [
  startName,
  stopName,
  `${startName}.new`,
  `${stopName}.new`,
];

export const readStartMark = (stateDirectory: string): Mark<BeginMark> =>
  readMark(join(stateDirectory, startName), (shape, mark) => ({
    ...mark,
    ...(shape.has('lingerMs') ? { lingerMs: shape.number('lingerMs', 0, longestLingerMs) } : {}),
    ...(shape.has('progress') ? { progress: readProgress(shape) } : {}),
  }));

const readProgress = (shape: Shape): Progress => {
  const inner = new Shape(shape.value('progress'));
  const time = (of: Shape, name: string): number =>
    of.number(name, -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  const suspendedMs = time(inner, 'suspendedMs');
  const pair = inner.value('telegram') === null ? null : new Shape(inner.value('telegram'));
  const telegram =
    pair === null ? null : { atMs: time(pair, 'atMs'), bootMs: time(pair, 'bootMs') };
  shape.fault ??= inner.fault ?? pair?.fault ?? null;
  return { suspendedMs, telegram };
};

export const readStopMark = (stateDirectory: string): Mark<StopMark> =>
  readMark(join(stateDirectory, stopName), (shape, mark) => ({
    ...mark,
    clean: shape.flag('clean'),
  }));

const readMark = <T>(path: string, complete: (shape: Shape, mark: StartMark) => T): Mark<T> => {
  const file = readSmallFile(path, 4096);
  if (file === null) return null;
  if (!('text' in file)) return 'unreadable';
  const shape = new Shape(parseJson(file.text));
  const mark = complete(shape, {
    startId: shape.text('startId', 128, wordPattern),
    bootId: shape.text('bootId', 128, wordPattern),
    bootMs: shape.number('bootMs', 0, Number.MAX_SAFE_INTEGER),
  });
  return shape.fault === null ? mark : 'unreadable';
};

export const writeStartMark = (stateDirectory: string, mark: BeginMark): void =>
  writeDurably(join(stateDirectory, startName), `${JSON.stringify(mark)}\n`, 0o600);

export const writeStopMark = (stateDirectory: string, mark: StopMark): void =>
  writeDurably(join(stateDirectory, stopName), `${JSON.stringify(mark)}\n`, 0o600);

/**
 * Whether a worker closed its connections before it ended, from what systemd tells ExecStopPost: it
 * exited by itself with a code
 * of the worker contract. A signal, a watchdog, out of memory, or a crash (any other code) leaves
 * that to the kernel.
 */
export const isCleanEnd = (exitCode: string | undefined, exitStatus: string | undefined): boolean =>
  exitCode === 'exited' &&
  Object.values(workerExit).some((status) => String(status) === exitStatus);

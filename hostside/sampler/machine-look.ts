import { execFile } from 'node:child_process';
import { readFileSync, statfsSync } from 'node:fs';
import { promisify } from 'node:util';
import type { HostSample } from '../protocol/sample.ts';
import { parsePressure, parseTimesyncOffset } from './proc.ts';

const run = promisify(execFile);

/** Text of a kernel file; '' when this kernel does not have it. */
export const kernelText = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
};

/** null unless all three files are there. */
export const readPressure = (): HostSample['pressure'] => {
  const [cpu, memory, io] = ['cpu', 'memory', 'io'].map((name) =>
    parsePressure(kernelText(`/proc/pressure/${name}`)),
  );
  return typeof cpu === 'number' && typeof memory === 'number' && typeof io === 'number'
    ? { cpu, memory, io }
    : null;
};

/** Space for an unprivileged user, bytes; zeros when the path is not there. */
export const readDisk = (path: string): HostSample['disk'] => {
  try {
    const space = statfsSync(path);
    return { totalBytes: space.blocks * space.bsize, freeBytes: space.bavail * space.bsize };
  } catch {
    return { totalBytes: 0, freeBytes: 0 };
  }
};

const outputOf = async (command: string, args: readonly string[]): Promise<string> => {
  try {
    return (await run(command, args, { timeout: 10_000 })).stdout;
  } catch {
    return '';
  }
};

/**
 * Asks the time service; wakes processes, so ask rarely. chrony answers root only: `fleet doctor`
 * asks it.
 */
export const readClock = async (): Promise<HostSample['clock']> => {
  const flag = (await outputOf('timedatectl', ['show', '-p', 'NTPSynchronized', '--value'])).trim();
  const synchronized = flag === 'yes' ? true : flag === 'no' ? false : null;
  return {
    synchronized,
    offsetMs: parseTimesyncOffset(await outputOf('timedatectl', ['timesync-status'])),
  };
};

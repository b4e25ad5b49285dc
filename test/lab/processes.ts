import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

interface ProcessStat {
  readonly state: string;
  readonly parent: number;
  /**
   * Clock ticks since boot: with the pid it names a process for good, whereas a pid alone is used
   * again.
   */
  readonly startTicks: string;
}

function readStat(pid: number): ProcessStat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0] ?? '', parent: Number(fields[1]), startTicks: fields[19] ?? '' };
  } catch {
    return undefined;
  }
}

/** A name for a running process that no later process can have. Undefined when it is gone. */
export function processIdentity(pid: number): string | undefined {
  const stat = readStat(pid);
  return stat && `${pid} ${stat.startTicks}`;
}

/** True while the process with this identity runs (a zombie does not). */
export function isRunning(identity: string): boolean {
  const pid = Number(identity.split(' ')[0]);
  return processIdentity(pid) === identity && readStat(pid)?.state !== 'Z';
}

function allProcesses(): number[] {
  return readdirSync('/proc').map(Number).filter(Number.isInteger);
}

/** Direct children, in no particular order. */
export function childrenOf(pid: number): number[] {
  return allProcesses().filter((candidate) => readStat(candidate)?.parent === pid);
}

/**
 * Waits until the processes are gone, zombies included: only then has the kernel let go of their
 * mounts.
 */
export async function waitUntilGone(pids: readonly number[], timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (pids.some((pid) => readStat(pid) !== undefined)) {
    if (Date.now() > deadline)
      throw new Error(
        `processes ${pids.join(', ')} were killed but are still there after ${timeoutMs} ms`,
      );
    await sleep(10);
  }
}

/** Inotify instances in use on the whole machine: all of root's count against one limit. */
export function countInotifyInstances(): number {
  let count = 0;
  for (const pid of allProcesses()) {
    try {
      for (const descriptor of readdirSync(`/proc/${pid}/fd`)) {
        if (readlinkSync(`/proc/${pid}/fd/${descriptor}`) === 'anon_inode:inotify') count += 1;
      }
    } catch {
      // the process or its descriptor went away while it was looked at
    }
  }
  return count;
}

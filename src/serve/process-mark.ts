import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

/**
 * When a process began, in ticks since the boot; null: there is none. A number that is used again
 * is another process.
 */
function beganAt(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in brackets may hold anything; the 22nd field is the 20th after it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}

/** This process, as others can find out whether it still is. */
export const processMark = (): string =>
  `${hostname()} ${process.pid} ${beganAt(process.pid) ?? '?'}`;

/** Of another machine nobody knows: it counts as alive. */
export function isAlive(mark: string): boolean {
  const [host, pid, began] = mark.split(' ');
  return host !== hostname() || beganAt(Number(pid)) === began;
}

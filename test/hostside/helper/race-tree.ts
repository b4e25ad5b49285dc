import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readTree } from '../../../hostside/helper/read-tree.ts';
import { emptyTree } from '../../../hostside/helper/replace-tree.ts';
import { asAccount, canary, hostileHost, swapping } from './hostile-tree.ts';

/**
 * Reads a state for `forMs` while its worker swaps what lies there; `leaks`: reads in which
 * something of another account was found.
 */
export async function raceReads(
  forMs: number,
): Promise<{ reads: number; leaks: number; links: number }> {
  const host = hostileHost();
  const worker = asAccount(host, swapping);
  const seen = { reads: 0, leaks: 0, links: 0 };
  for (const endMs = performance.now() + forMs; performance.now() < endMs; ) {
    for (let round = 0; round < 100; round += 1) {
      const { entries } = readTree(host.state, []);
      seen.reads += 1;
      if (
        entries.some(
          ({ kind, content }) => kind === 'file' && Buffer.from(content).includes(canary),
        )
      )
        seen.leaks += 1;
      if (entries.some(({ kind }) => kind === 'link')) seen.links += 1;
    }
    await sleep(0);
  }
  await worker.stop();
  return seen;
}

/**
 * Empties the state over and over meanwhile; `lost`: files of the other account that are gone or
 * changed.
 */
export async function raceRemovals(forMs: number): Promise<{ removals: number; lost: number }> {
  const host = hostileHost();
  const worker = asAccount(host, swapping);
  let removals = 0;
  for (const endMs = performance.now() + forMs; performance.now() < endMs; ) {
    try {
      emptyTree(host.state);
    } catch {
      // Somebody who still adds to it may win; the next wipe goes on.
    }
    removals += 1;
    await sleep(0);
  }
  await worker.stop();
  const isKept = (path: string): boolean => readFileSync(join(host.other, path), 'utf8') === canary;
  return { removals, lost: ['session', 'deep/session'].filter((path) => !isKept(path)).length };
}

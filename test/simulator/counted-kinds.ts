import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { allKinds, faultKinds } from './kinds.ts';

/** Where the parts of a run, each a process, leave what they have met; unset: nobody sums it up. */
const fileVariable = 'FLEET_SIM_COUNTS';

interface Counted {
  readonly done: number;
  readonly kinds: Readonly<Record<string, number>>;
}

/**
 * What one part has met: how many schedules it ran, and how often each kind of fault took place in
 * them.
 */
export function addCounts(done: number, kinds: ReadonlyMap<string, number>): void {
  const file = process.env[fileVariable];
  const counted: Counted = { done, kinds: Object.fromEntries(kinds) };
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(counted)}\n`);
}

/**
 * One line a kind, the most frequent first: how often it took place, in how many of a hundred
 * schedules on average, and what it is.
 */
function formatCounts(parts: readonly Counted[]): string {
  const done = parts.reduce((sum, part) => sum + part.done, 0);
  const timesOf = (kind: string): number =>
    parts.reduce((sum, part) => sum + (part.kinds[kind] ?? 0), 0);
  const lines = allKinds
    .map((kind) => ({ kind, times: timesOf(kind) }))
    .toSorted((one, other) => other.times - one.times)
    .map(
      ({ kind, times }) =>
        `${String(times).padStart(7)}  ` +
        `${((100 * times) / Math.max(1, done)).toFixed(1).padStart(5)} %  ` +
        `${kind.padEnd(22)}  ${faultKinds[kind]}`,
    );
  return [
    `${done} random schedules met ${allKinds.length} kinds of faults (times, times in 100 ` +
      'schedules):',
    ...lines,
  ].join('\n');
}

/** Around all parts of a run (vitest's globalSetup). */
export function setup(): void {
  process.env[fileVariable] = join(mkdtempSync(join(tmpdir(), 'fleet-schedules-')), 'counts');
}

/** Prints one table. */
export function teardown(): void {
  const file = process.env[fileVariable];
  if (file === undefined || !existsSync(file)) return;
  const lines = readFileSync(file, 'utf8').split('\n').filter(Boolean);
  console.log(formatCounts(lines.map((line) => JSON.parse(line) as Counted)));
  rmSync(dirname(file), { recursive: true, force: true });
}

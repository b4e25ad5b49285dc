import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { uptime } from 'node:os';
import { dirname } from 'node:path';
import { makeFolder } from '../surroundings/make-folder.ts';

/** This machine's two clocks at one moment. */
export interface ClockReading {
  /** The boot of this machine: its time since boot says nothing about another one. */
  readonly bootId: string;
  /** Since that boot, suspended time included, ms. */
  readonly upMs: number;
  /** Milliseconds since the epoch, as anybody may set it. */
  readonly wallMs: number;
}

/** Tells steps of the operator's clock (docs/exclusivity.md, row 44). */
export interface OperatorClock {
  /** Without the wall clock, which the caller knows; null: this machine does not tell. */
  readonly machine: () => Pick<ClockReading, 'bootId' | 'upMs'> | null;
  /** As the last run of that ledger left it here; null: none did. */
  readonly last: (authorityId: string) => ClockReading | null;
  /** Best effort: what could not be kept tells nothing the next time. */
  readonly keep: (authorityId: string, reading: ClockReading) => void;
}

/** Corrections by a time service, and the rate of two clocks in a month. */
const toleranceMs = 60_000;

/**
 * How far the wall clock was set forward between two readings, ms; 0: it was not, or nothing tells
 * (another boot). Time that the machine was paused counts as
 * well, because its time since boot stood still. Pure.
 */
export const forwardStepMs = (last: ClockReading | null, now: ClockReading | null): number => {
  if (last === null || now === null || last.bootId !== now.bootId) return 0;
  const stepMs = now.wallMs - last.wallMs - (now.upMs - last.upMs);
  return stepMs > toleranceMs ? stepMs : 0;
};

/** Beside the copy of the ledger's serial: `pathOf` gives its file for a ledger. */
export const operatorClockIn = (pathOf: (authorityId: string) => string): OperatorClock => ({
  machine: () => {
    try {
      const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
      return bootId === '' ? null : { bootId, upMs: Math.round(uptime() * 1000) };
    } catch {
      return null;
    }
  },
  last: (authorityId) => {
    try {
      const [bootId = '', up = '', wall = ''] = readFileSync(pathOf(authorityId), 'utf8')
        .trim()
        .split(' ');
      return /^\d{1,15}$/.test(up) && /^\d{1,15}$/.test(wall)
        ? { bootId, upMs: Number(up), wallMs: Number(wall) }
        : null;
    } catch {
      return null;
    }
  },
  keep: (authorityId, { bootId, upMs, wallMs }) => {
    const path = pathOf(authorityId);
    try {
      makeFolder(dirname(path));
      writeFileSync(`${path}.new`, `${bootId} ${upMs} ${wallMs}\n`, { mode: 0o600 });
      renameSync(`${path}.new`, path);
    } catch {
      return;
    }
  },
});

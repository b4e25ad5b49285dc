import { appendFileSync } from 'node:fs';

/**
 * Names the file in which the faults of a whole run are collected (test/run.ts prints them as one
 * list).
 */
export const faultPointsVariable = 'FLEET_FAULT_POINTS';

/**
 * A fault that was made for real on the lab, in words that name its point: the list counts
 * different ones. Call it once the fault has happened.
 */
export function noteFaultPoint(point: string): void {
  const path = process.env[faultPointsVariable];
  if (path !== undefined && path !== '') appendFileSync(path, `${point}\n`);
}

import { appendFileSync, existsSync, readFileSync } from 'node:fs';

/**
 * Names the file in which a run collects the faults that no second try excuses (test/run.ts reads
 * it).
 */
export const finalFaultsVariable = 'FLEET_FINAL_FAULTS';

/**
 * A fault that is final at once: a key was killed, a session or a write was lost, a gate stood
 * open. The test file that
 * notes it has failed, whatever its assertions say, and is not run again.
 */
export function noteFinalFault(fault: string): void {
  const path = process.env[finalFaultsVariable];
  if (path !== undefined && path !== '') appendFileSync(path, `${fault}\n`);
}

/** The final faults that were noted in a file of `finalFaultsVariable`. */
export const readFinalFaults = (path: string): readonly string[] =>
  existsSync(path) ? readFileSync(path, 'utf8').split('\n').filter(Boolean) : [];

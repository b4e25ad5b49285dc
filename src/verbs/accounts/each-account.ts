import { FleetError } from '../../model/errors.ts';

/** What was done for some accounts, and what failed for others. */
export interface EachAccount<T> {
  readonly values: readonly T[];
  readonly errors: readonly FleetError[];
}

/**
 * Several accounts at the same time; one that fails does not stop the rest. Values and errors are
 * in the order of `names`.
 */
export async function eachAccount<T>(
  names: readonly string[],
  act: (name: string) => Promise<T>,
): Promise<EachAccount<T>> {
  const outcomes = await Promise.allSettled(names.map(act));
  const values: T[] = [];
  const errors: FleetError[] = [];
  for (const outcome of outcomes) {
    if (outcome.status === 'fulfilled') values.push(outcome.value);
    else if (outcome.reason instanceof FleetError) errors.push(outcome.reason);
    else throw outcome.reason;
  }
  return { values, errors };
}

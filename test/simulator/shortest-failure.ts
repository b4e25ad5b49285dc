import { runSchedule, type ScheduleResult, type Theme, themeOf } from './schedule.ts';

/**
 * What one search may take: a failure has to be told within a minute or so, also one in a large
 * world on a busy machine.
 */
const runsAtMost = 250;
const msAtMost = 60_000;

/** What a violation says, without who and when: a shorter run has to fail in the same way. */
const kindOf = (violation: string): string =>
  violation.replace(/\b[ah]\d\b|[0-9a-f]{4}\b|\d+/g, '');

/** Whether `result` fails in the way in which `first` does. */
export const failsAlike = (result: Pick<ScheduleResult, 'violations'>, first: string): boolean =>
  result.violations.some((violation) => kindOf(violation) === kindOf(first));

export interface ShortestFailure extends ScheduleResult {
  /** What was left out. */
  readonly without: readonly string[];
  /**
   * Without any other single thing it does not fail any more; false: the search was ended before
   * that was known.
   */
  readonly isMinimal: boolean;
}

/**
 * The shortest run of a seed that was found to fail still: commands, mishaps and faults of calls
 * are left out, halves first, then ever smaller parts, until none
 * can be spared (delta debugging), or {@link runsAtMost} runs or {@link msAtMost} ms are used up.
 */
export async function shortestFailure(
  seed: number,
  theme: Theme = themeOf(seed),
): Promise<ShortestFailure> {
  const endMs = performance.now() + msAtMost;
  let best = await runSchedule(seed, theme);
  let without: readonly string[] = [];
  const [first] = best.violations;
  if (first === undefined) return { ...best, without, isMinimal: true };
  let runs = 0;
  const isOver = (): boolean => runs >= runsAtMost || performance.now() >= endMs;
  const tryWithout = async (more: readonly string[]): Promise<boolean> => {
    runs += 1;
    const removed = [...without, ...more];
    const result = await runSchedule(seed, theme, new Set(removed));
    if (!failsAlike(result, first)) return false;
    [best, without] = [result, removed];
    return true;
  };
  for (let part = Math.ceil(best.happened.length / 2); part >= 1; ) {
    let hasShrunk = false;
    for (let at = 0; at < best.happened.length && !isOver(); ) {
      // What is left of the list has moved up when a part could go.
      if (await tryWithout(best.happened.slice(at, at + part))) hasShrunk = true;
      else at += part;
    }
    if (isOver()) return { ...best, without, isMinimal: false };
    // What was needed may be needed no longer once something else is gone.
    part = part > 1 ? Math.ceil(part / 2) : hasShrunk ? 1 : 0;
  }
  return { ...best, without, isMinimal: true };
}

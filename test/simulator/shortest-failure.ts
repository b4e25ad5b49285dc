import { runSchedule, type ScheduleResult, type Theme, themeOf } from './schedule.ts';

/** Runs of one search: a failure has to be told within a minute or so. */
const runsAtMost = 250;

/** What a violation says, without who and when: a shorter run has to fail in the same way. */
const kindOf = (violation: string): string => violation.replace(/\b[ah]\d\b|[0-9a-f]{4}\b|\d+/g, '');

/**
 * The shortest run of a seed that was found to fail still: commands, mishaps and faults of calls are left out, halves first, then ever smaller parts, as
 * long as something is violated (delta debugging). `without`: what was left out.
 */
export async function shortestFailure(
  seed: number,
  theme: Theme = themeOf(seed),
): Promise<ScheduleResult & { readonly without: readonly string[] }> {
  let best = await runSchedule(seed, theme);
  let without: readonly string[] = [];
  const kind = kindOf(best.violations[0] ?? '');
  let runs = 0;
  const tryWithout = async (more: readonly string[]): Promise<boolean> => {
    runs += 1;
    const removed = [...without, ...more];
    const result = await runSchedule(seed, theme, new Set(removed));
    if (!result.violations.some((violation) => kindOf(violation) === kind)) return false;
    [best, without] = [result, removed];
    return true;
  };
  for (
    let part = Math.ceil(best.happened.length / 2);
    part >= 1 && best.violations.length > 0;
    part = part === 1 ? 0 : Math.ceil(part / 2)
  ) {
    for (let at = 0; at < best.happened.length && runs < runsAtMost; ) {
      // What is left of the list has moved up when a part could go.
      if (!(await tryWithout(best.happened.slice(at, at + part)))) at += part;
    }
  }
  return { ...best, without };
}

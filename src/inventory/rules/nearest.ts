/**
 * Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours
 * cost 1 each.
 */
export const editDistance = (left: string, right: string): number => {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= right.length; column += 1) {
      const same = left[row - 1] === right[column - 1];
      let cost = Math.min(
        (previous[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (previous[column - 1] ?? 0) + (same ? 0 : 1),
      );
      if (
        row > 1 &&
        column > 1 &&
        left[row - 1] === right[column - 2] &&
        left[row - 2] === right[column - 1]
      ) {
        cost = Math.min(cost, (beforePrevious[column - 2] ?? 0) + 1);
      }
      current.push(cost);
    }
    beforePrevious = previous;
    previous = current;
  }
  return previous[right.length] ?? 0;
};

/**
 * Spelling that people vary without meaning it: case, and `-`, `_`, space or nothing between words.
 */
const folded = (word: string): string => word.toLowerCase().replace(/[-_ ]/g, '');

/**
 * The candidate that was probably meant: at most a third of its letters differ (at least one may),
 * or one begins with the other.
 * Ties go to the earlier candidate. Null when nothing is near enough to be worth a guess.
 */
export const nearest = (word: string, candidates: Iterable<string>): string | null => {
  const wanted = folded(word).slice(0, 64);
  let best: { readonly candidate: string; readonly distance: number } | null = null;
  for (const candidate of candidates) {
    const offered = folded(candidate).slice(0, 64);
    const begins =
      wanted.length >= 3 &&
      offered.length >= 3 &&
      (offered.startsWith(wanted) || wanted.startsWith(offered));
    const limit = Math.max(1, Math.floor(Math.max(offered.length, wanted.length) / 3));
    // Beyond the difference of lengths no edit can help, and thousands of hosts may be asked about.
    if (!begins && Math.abs(offered.length - wanted.length) > limit) continue;
    const distance = editDistance(wanted, offered);
    if (
      (begins || distance <= limit) &&
      distance < Math.max(wanted.length, offered.length) &&
      (best === null || distance < best.distance)
    )
      best = { candidate, distance };
  }
  return best?.candidate ?? null;
};

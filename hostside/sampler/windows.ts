import type { Windows } from '../protocol/sample.ts';

interface Point {
  readonly atMs: number;
  readonly used: number;
  readonly available: number;
}

const minuteMs = 60_000;
/**
 * Looks are some ms apart from their plan: a window counts as seen when this much of it is missing
 * at most.
 */
const slackMs = 2_000;

/**
 * Two counters that only grow (used and available), and the ratio of their growth over the last 1,
 * 5 and 15 minutes. Holds 15
 * minutes of looks. A counter that falls (the unit was started anew) begins a new history.
 */
export class WindowedCounter {
  readonly #points: Point[] = [];

  add(point: Point): void {
    const last = this.#points.at(-1);
    if (last !== undefined && (point.used < last.used || point.available < last.available))
      this.#points.length = 0;
    this.#points.push(point);
    while (
      (this.#points[1]?.atMs ?? Number.POSITIVE_INFINITY) <=
      point.atMs - 15 * minuteMs + slackMs
    )
      this.#points.shift();
  }

  windows(): Windows {
    return {
      m1: this.#over(minuteMs),
      m5: this.#over(5 * minuteMs),
      m15: this.#over(15 * minuteMs),
    };
  }

  #over(spanMs: number): number | null {
    const last = this.#points.at(-1);
    if (last === undefined) return null;
    const first = this.#points.findLast(({ atMs }) => atMs <= last.atMs - spanMs + slackMs);
    return first === undefined || last.available <= first.available
      ? null
      : (last.used - first.used) / (last.available - first.available);
  }
}

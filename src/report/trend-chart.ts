import { scaleLinear, scaleUtc } from 'd3-scale';
import { curveMonotoneX, line } from 'd3-shape';
import type { TrendPoint } from './report.ts';

const [width, height] = [720, 220];
const edge = { top: 10, right: 90, bottom: 28, left: 44 };

/** Colours are not all that tells the lines apart: each has a pattern and its name at its end. */
const lines = [
  { key: 'cpu', dash: '' },
  { key: 'memory', dash: '6 3' },
  { key: 'slots', dash: '2 3' },
] as const;

const fixed = (value: number): string => value.toFixed(1);

/** What the chart says of each line; `of`: of what it is, from one day to another. */
export interface TrendWords {
  readonly cpu: string;
  readonly memory: string;
  readonly slots: string;
  readonly of: (from: string, to: string) => string;
}

const plainWords: TrendWords = {
  ...{ cpu: 'CPU', memory: 'memory', slots: 'slots' },
  of: (from, to) => `CPU, memory and slots in use from ${from} to ${to}`,
};

/**
 * Shares over days as one SVG that needs no script. Empty below two points. `words` are ours: they
 * come into it as they are. Pure.
 */
export function trendChart(points: readonly TrendPoint[], words: TrendWords = plainWords): string {
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined || points.length < 2) return '';
  const x = scaleUtc([new Date(first.at), new Date(last.at)], [edge.left, width - edge.right]);
  const y = scaleLinear([0, 1], [height - edge.bottom, edge.top]);
  const format = x.tickFormat(6);
  const days = x
    .ticks(6)
    .map(
      (day) =>
        `<text x="${fixed(x(day))}" y="${height - 8}" text-anchor="middle">${format(day)}</text>`,
    );
  const shares = y.ticks(5).map((share) => {
    const at = fixed(y(share));
    return (
      `<line class="grid" x1="${edge.left}" x2="${width - edge.right}" y1="${at}" ` +
      `y2="${at}"/><text x="${edge.left - 6}" y="${at}" dy="4" ` +
      `text-anchor="end">${Math.round(share * 100)} %</text>`
    );
  });
  const ends = labelPlaces(lines.map(({ key }) => y(last[key])));
  const drawn = lines.map(({ key, dash }, index) => {
    const path = line<TrendPoint>()
      .x((point) => x(point.at))
      .y((point) => y(point[key]))
      .curve(curveMonotoneX)([...points]);
    const label =
      `<text class="${key}" x="${width - edge.right + 6}" y="${fixed(ends[index] ?? 0)}" ` +
      `dy="4">${words[key]} ${Math.round(last[key] * 100)} %</text>`;
    return (
      `<path class="trend ${key}" ` +
      `d="${path ?? ''}"${dash === '' ? '' : ` stroke-dasharray="${dash}"`}/>${label}`
    );
  });
  const dayOf = ({ at }: TrendPoint): string => new Date(at).toISOString().slice(0, 10);
  const said = words.of(dayOf(first), dayOf(last));
  return (
    `<svg role="img" aria-label="${said}" viewBox="0 0 ${width} ` +
    `${height}">${[...shares, ...days, ...drawn].join('')}</svg>`
  );
}

/** Names at the ends of lines never lie on each other. */
function labelPlaces(wanted: readonly number[]): number[] {
  const gap = 14;
  const order = wanted.map((at, index) => ({ at, index })).sort((a, b) => a.at - b.at);
  const positions = [...wanted];
  let lowest = Number.NEGATIVE_INFINITY;
  for (const { at, index } of order) {
    lowest = Math.max(at, lowest + gap);
    positions[index] = lowest;
  }
  return positions;
}

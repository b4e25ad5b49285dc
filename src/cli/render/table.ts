import { chalk } from '../style.ts';
import { tableWidth } from '../terminal.ts';
import { called } from './account-names.ts';
import { columnsOf } from './columns.ts';
import { fitColumns, wrapCell } from './wrap-cell.ts';

/** A column is made no narrower than that for the sake of a terminal's width. */
const narrowest = 9;
/** Where less is left for the last column, which is the longest text, its cells go below their rows. */
const roomForLast = 24;
const indent = '    ';

type Row = readonly string[];

/** Lines of the rows, each column as wide as `total` allows; too long cells are broken into lines. */
function layOut(head: Row, rows: readonly Row[], total: number): string[][] {
  const cells = [head, ...rows];
  const natural = head.map((_, column) => Math.max(...cells.map((row) => columnsOf(row[column] ?? ''))));
  const smallest = head.map((title, column) => Math.min(natural[column] ?? 1, Math.max(narrowest, columnsOf(title))));
  const widths = fitColumns(natural, smallest, total);
  const pad = (text: string, column: number): string => text + ' '.repeat(Math.max(0, (widths[column] ?? 0) - columnsOf(text)));
  return cells.map((row) => {
    const wrapped = row.map((cell, column) => {
      const width = widths[column] ?? 1;
      return (natural[column] ?? 0) > width ? wrapCell(cell, width) : [cell];
    });
    const height = Math.max(...wrapped.map((cell) => cell.length));
    return Array.from({ length: height }, (_, line) =>
      wrapped
        .map((cell, column) => pad(cell[line] ?? '', column))
        .join('  ')
        .trimEnd(),
    );
  });
}

/**
 * A borderless table; columns are as wide as their widest cell. On a terminal that is too narrow the widest cells are broken into lines,
 * and the last column goes below its row where little room is left for it (`--wide` leaves all of them whole). Under `ACCOUNT` stands what people call the
 * account, too. Without rows: `empty`.
 */
export function formatTable(head: Row, rows: readonly Row[], empty: string, total: number = tableWidth()): string {
  if (rows.length === 0) return chalk.dim(empty);
  const accounts = head.indexOf('ACCOUNT');
  const shown = rows.map((row) => row.map((cell, column) => (column === accounts ? called(cell) : cell)));
  const oneLine = shown.map((row) => row.map((cell) => cell.replaceAll('\n', '\\n').replaceAll('\t', ' ')));
  const titles = head.map((title) => chalk.dim(title));
  const whole = layOut(titles, oneLine, Number.POSITIVE_INFINITY);
  if (whole.every((lines) => lines.every((line) => columnsOf(line) <= total))) return whole.flat().join('\n');
  const [shortHead, shortRows] = [titles.slice(0, -1), oneLine.map((row) => row.slice(0, head.length - 1))];
  const short = layOut(shortHead, shortRows, Number.POSITIVE_INFINITY);
  const widest = Math.max(...short.flat().map(columnsOf));
  if (total - widest - 2 >= roomForLast || head.length < 3) return layOut(titles, oneLine, total).flat().join('\n');
  const folded = layOut(shortHead, shortRows, total).map((lines, index) => {
    const last = oneLine[index - 1]?.[head.length - 1] ?? '';
    return last === '' ? lines : [...lines, ...wrapCell(last, total - indent.length).map((line) => indent + line)];
  });
  return folded.flat().join('\n');
}

/** Time between two moments in the largest two units: `3d 4h`, `12m 5s`, `0s`. Milliseconds in. */
export function formatAge(ms: number): string {
  const units: [string, number][] = [
    ['d', 86_400_000],
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1000],
  ];
  let rest = Math.max(0, ms);
  const parts: string[] = [];
  for (const [name, size] of units) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0 || parts.length > 0) parts.push(`${count}${name}`);
    if (parts.length === 2) break;
  }
  return parts.join(' ').replace(/ 0[hms]$/, '') || '0s';
}

/** `2026-11-22 21:44:01Z`. */
export const formatTime = (ms: number): string =>
  new Date(ms)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/, 'Z');

export const formatPoints = (points: number): string => points.toFixed(1);

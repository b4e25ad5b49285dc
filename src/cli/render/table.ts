import { chalk } from '../style.ts';
import { tableWidth } from '../terminal.ts';
import { called } from './account-names.ts';
import { columnsOf } from './columns.ts';
import { fitColumns, wrapCell } from './wrap-cell.ts';

/** A column is made no narrower than that for the sake of a terminal's width. */
const narrowest = 9;
/** Longer words (paths, fingerprints) may be broken. */
const longestWhole = 20;
/**
 * Where less is left for the last column, which is the longest text, its cells go below their rows.
 */
const roomForLast = 24;
const indent = '    ';

type Row = readonly string[];

const naturalWidths = (cells: readonly Row[]): number[] =>
  (cells[0] ?? []).map((_, column) =>
    Math.max(...cells.map((row) => columnsOf(row[column] ?? ''))),
  );

/** Of the longest word, where it is one that has to stay whole. */
const longestWord = (cell: string): number =>
  Math.min(longestWhole, Math.max(...cell.split(' ').map(columnsOf)));

const smallestWidths = (cells: readonly Row[], natural: readonly number[]): number[] =>
  natural.map((width, column) => {
    const words = cells.map((row) => longestWord(row[column] ?? ''));
    return Math.min(width, Math.max(narrowest, ...words));
  });

/**
 * Lines of the rows, each column as wide as `total` allows; too long cells are broken into lines.
 */
function layOut(head: Row, rows: readonly Row[], total: number): string[][] {
  const cells = [head, ...rows];
  const natural = naturalWidths(cells);
  const widths = fitColumns(natural, smallestWidths(cells, natural), total);
  const pad = (text: string, column: number): string =>
    text + ' '.repeat(Math.max(0, (widths[column] ?? 0) - columnsOf(text)));
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
 * How many columns, from the left and at most `most`, fit side by side when they are as narrow as
 * they may be; at least one.
 */
function columnsThatFit(head: Row, rows: readonly Row[], total: number, most: number): number {
  const cells = [head, ...rows];
  const smallest = smallestWidths(cells, naturalWidths(cells));
  let count = most;
  const needed = (): number =>
    smallest.slice(0, count).reduce((all, width) => all + width, 2 * (count - 1));
  while (count > 1 && needed() > total) count -= 1;
  return count;
}

/**
 * The first columns side by side; the others below each row, the last one as a text of its own and
 * those before it with their titles.
 */
function fold(head: Row, rows: readonly Row[], total: number): string[][] {
  const last = head.length - 1;
  const kept = columnsThatFit(head, rows, total, last);
  const below = (text: string): string[] =>
    wrapCell(text, total - indent.length).map((line) => indent + line);
  const start = (row: Row): Row => row.slice(0, kept);
  return layOut(start(head), rows.map(start), total).map((lines, index) => {
    const row = rows[index - 1];
    if (row === undefined) return lines;
    const titled = row
      .slice(kept, last)
      .flatMap((cell, at) => (cell === '' ? [] : [`${head[kept + at] ?? ''} ${cell}`]));
    const text = row[last] ?? '';
    return [
      ...lines,
      ...(titled.length === 0 ? [] : below(titled.join('  '))),
      ...(text === '' ? [] : below(text)),
    ];
  });
}

/**
 * A borderless table; columns are as wide as their widest cell. On a terminal that is too narrow
 * the widest cells are broken into lines; the last column goes
 * below its row where little room is left for it, and so do others that do not fit (`--wide` leaves
 * all of them whole). Under `ACCOUNT` stands what people
 * call the account, too. Without rows: `empty`.
 */
export function formatTable(
  head: Row,
  rows: readonly Row[],
  empty: string,
  total: number = tableWidth(),
): string {
  if (rows.length === 0) return chalk.dim(empty);
  const accounts = head.indexOf('ACCOUNT');
  const shown = rows.map((row) =>
    row.map((cell, column) => (column === accounts ? called(cell) : cell)),
  );
  const oneLine = shown.map((row) =>
    row.map((cell) => cell.replaceAll('\n', '\\n').replaceAll('\t', ' ')),
  );
  const titles = head.map((title) => chalk.dim(title));
  const fits = (lines: readonly (readonly string[])[]): boolean =>
    lines.every((row) => row.every((line) => columnsOf(line) <= total));
  const whole = layOut(titles, oneLine, Number.POSITIVE_INFINITY);
  if (fits(whole)) return whole.flat().join('\n');
  const short = naturalWidths([titles, ...oneLine]).slice(0, -1);
  const roomLeft = total - short.reduce((all, width) => all + width + 2, 0);
  const narrow = layOut(titles, oneLine, total);
  const isFolded = (roomLeft < roomForLast && head.length >= 3) || !fits(narrow);
  return (isFolded ? fold(titles, oneLine, total) : narrow).flat().join('\n');
}

export const formatPoints = (points: number): string => points.toFixed(1);

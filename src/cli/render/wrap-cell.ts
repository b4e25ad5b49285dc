import { paintRun, type Run, runsOf } from '../style.ts';
import { columnsOf } from './columns.ts';

/** A character with its colours and the columns that it takes. */
export interface Letter {
  readonly letter: string;
  readonly codes: readonly number[];
  readonly columns: number;
}

export const lettersOf = (cell: string): Letter[] =>
  runsOf(cell).flatMap(({ text, codes }) =>
    Array.from(text, (letter) => ({ letter, codes, columns: columnsOf(letter) })),
  );

/**
 * Where the line that begins at `start` ends, and where the next one begins: behind a space if
 * there is one, else where the width ends.
 */
function breakLine(
  letters: readonly Letter[],
  start: number,
  width: number,
): { readonly end: number; readonly next: number } {
  let columns = 0;
  let space = -1;
  for (let index = start; index < letters.length; index += 1) {
    const { letter = '', columns: own = 0 } = letters[index] ?? {};
    if (letter === ' ') space = index;
    columns += own;
    if (columns > width && index > start)
      return space > start ? { end: space, next: space + 1 } : { end: index, next: index };
  }
  return { end: letters.length, next: letters.length };
}

/** The inverse of {@link lettersOf}. */
export function paint(letters: readonly Letter[]): string {
  const runs: Run[] = [];
  for (const { letter, codes } of letters) {
    const last = runs.at(-1);
    if (last !== undefined && last.codes === codes)
      runs[runs.length - 1] = { codes, text: last.text + letter };
    else runs.push({ codes, text: letter });
  }
  return runs.map(paintRun).join('');
}

/**
 * The lines of a cell that is `width` columns wide (1 or more): broken between words where that is
 * possible, each with its colours.
 */
export function wrapCell(cell: string, width: number): string[] {
  const letters = lettersOf(cell);
  const lines: string[] = [];
  for (let start = 0; start < letters.length; ) {
    const { end, next } = breakLine(letters, start, width);
    lines.push(paint(letters.slice(start, end)));
    start = next;
  }
  return lines.length === 0 ? [''] : lines;
}

/**
 * Widths of the columns so that all of them, two spaces apart, fit into `total` columns: the widest
 * become narrower first, none below its
 * smallest width. Where even that is too wide, the smallest widths.
 */
export function fitColumns(
  natural: readonly number[],
  smallest: readonly number[],
  total: number,
): number[] {
  const widths = [...natural];
  const sum = () => widths.reduce((all, width) => all + width, 2 * (widths.length - 1));
  while (sum() > total) {
    const shrinkable = widths.flatMap((width, column) =>
      width > (smallest[column] ?? 1) ? [{ width, column }] : [],
    );
    const widest = shrinkable.sort((a, b) => b.width - a.width || a.column - b.column)[0];
    if (widest === undefined) break;
    widths[widest.column] = widest.width - 1;
  }
  return widths;
}

import { chalk, withoutColours } from '../style.ts';

/** Characters that terminals draw two columns wide (East Asian, emoji), and those that take none. */
const wide = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}]/u;
const without = /^(?:\p{Mn}|[\u200b-\u200f])$/u;

function columnsOf(text: string): number {
  let columns = 0;
  for (const character of withoutColours(text))
    columns += character < '\u0300' ? 1 : without.test(character) ? 0 : wide.test(character) ? 2 : 1;
  return columns;
}

/** A borderless table; columns are as wide as their widest cell, a cell is one line whatever is in it. Without rows: `empty`. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[], empty: string): string {
  if (rows.length === 0) return chalk.dim(empty);
  const cells = [head.map((title) => chalk.dim(title)), ...rows].map((row) =>
    row.map((cell) => cell.replaceAll('\n', '\\n').replaceAll('\t', ' ')),
  );
  const widths = head.map((_, column) => Math.max(...cells.map((row) => columnsOf(row[column] ?? ''))));
  const pad = (text: string, column: number): string => text + ' '.repeat(Math.max(0, (widths[column] ?? 0) - columnsOf(text)));
  return cells.map((line) => line.map(pad).join('  ').trimEnd()).join('\n');
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

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { columnsOf } from '../../../src/cli/render/columns.ts';
import { formatTable } from '../../../src/cli/render/table.ts';
import { fitColumns, wrapCell } from '../../../src/cli/render/wrap-cell.ts';

const head = ['HOST', 'STATE', 'NOTE'];
const rows = [
  [
    'eu-1',
    'unhealthy',
    'no connection since 2026-11-22 21:44Z; last report: online, and a word that is ' +
      'averyveryverylongwordindeed',
  ],
  ['eu-2', 'up', ''],
  ['主机三', 'up', '正在运行的账号'],
];

describe('a table on a terminal', () => {
  test.for([60, 80, 120])('of %d columns: no line is wider, no word is lost', (width) => {
    const text = formatTable(head, rows, '', width);
    for (const line of text.split('\n')) expect(columnsOf(line)).toBeLessThanOrEqual(width);
    const squeezed = text.replaceAll(/\s+/g, '');
    for (const word of ['averyveryverylongwordindeed', '正在运行的账号', '主机三'])
      expect(squeezed).toContain(word);
  });

  test('no word is broken that a column can hold', () => {
    const word = fc.stringMatching(/^(?:[a-z]{1,16}|\(bookworm\))$/);
    const cell = fc.array(word, { maxLength: 5 }).map((words) => words.join(' '));
    const table = fc.array(fc.tuple(word, cell, cell, cell, cell), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(table, fc.constantFrom(60, 80), (cells, width) => {
        const shown = formatTable(['HOST', 'SEEN', 'OS', 'WHY', 'NOTE'], cells, '', width);
        const words = new Set(shown.split(/\s+/));
        for (const each of cells.flat().flatMap((text) => text.split(' ')))
          if (each !== '') expect(words).toContain(each);
      }),
      { numRuns: 200 },
    );
  });

  test('without a width keeps every cell on one line', () => {
    expect(formatTable(head, rows, '', Number.POSITIVE_INFINITY).split('\n')).toHaveLength(
      rows.length + 1,
    );
  });
});

test.for([
  ['one two three', 7, ['one two', 'three']],
  ['one two three', 13, ['one two three']],
  ['abcdefghij', 4, ['abcd', 'efgh', 'ij']],
  ['主机主机', 5, ['主机', '主机']],
  ['', 5, ['']],
] as const)('%j in %d columns', ([cell, width, lines]) => {
  expect(wrapCell(cell, width)).toEqual(lines);
});

test.for([
  [[4, 9, 60], [4, 9, 9], 40, [4, 9, 23]],
  [[30, 30], [9, 9], 42, [20, 20]],
  [[4, 4], [4, 4], 3, [4, 4]],
  [[4, 9, 60], [4, 9, 9], Number.POSITIVE_INFINITY, [4, 9, 60]],
] as const)('columns of %j, at least %j, into %d', ([natural, smallest, total, widths]) => {
  expect(fitColumns(natural, smallest, total)).toEqual(widths);
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { columnsOf } from '../../../src/cli/render/columns.ts';
import { foldText } from '../../../src/cli/render/fold-text.ts';

/** As it was, but for the number of spaces where a line was broken. */
const joined = (text: string): string => text.replace(/\n */g, ' ').replace(/ +/g, ' ').trim();

test('what fits stays as it is, line by line', () => {
  const text = 'HOST  STATE\nh1    ready\n\n  → next: fleet init';
  expect(foldText(text, 40)).toBe(text);
});

test('long lines are broken between words, behind the mark of the first', () => {
  const hint =
    '  → check that sshd runs and that the port is right; fail2ban may shut out this address';
  expect(foldText(hint, 40)).toBe(
    [
      '  → check that sshd runs and that the',
      '    port is right; fail2ban may shut out',
      '    this address',
    ].join('\n'),
  );
  expect(foldText('  API_ID  api_id of your own application, from Telegram', 40)).toBe(
    ['  API_ID  api_id of your own', '          application, from Telegram'].join('\n'),
  );
  expect(foldText('plain words that go on and on, behind no mark', 40)).toBe(
    ['plain words that go on and on, behind no', 'mark'].join('\n'),
  );
});

test.each([
  'when you renamed it in the inventory: fleet hosts rename h1 h2; otherwise correct it',
  'the old one runs nothing any more: fleet failover h1 --destroyed',
  'a copy, or a new machine: fleet init --limit berlin-1, then look again',
])('a command is copied whole: %s', (text) => {
  const command = /fleet [^,;]*/.exec(text)?.[0] ?? '';
  for (let columns = 44; columns < 100; columns += 1)
    expect(foldText(text, columns)).toContain(command);
});

test('a word that is longer than the screen stays whole', () => {
  const word = 'x'.repeat(60);
  expect(foldText(`key ${word} end`, 40).split('\n')).toEqual(['key', word, 'end']);
});

test('no letter is lost, no word broken, nothing wider than the screen that has a space', () => {
  const word = fc.stringMatching(/^(?:[a-z]{1,12}|--[a-z]{2,6}|fleet|[A-Z]{2}:|中文字|😀x|✗)$/);
  fc.assert(
    fc.property(
      fc.array(word, { maxLength: 60 }),
      fc.integer({ min: 40, max: 90 }),
      (words, columns) => {
        const text = words.join(' ');
        const folded = foldText(text, columns);
        expect(joined(folded)).toBe(text);
        for (const line of folded.split('\n')) expect(columnsOf(line)).toBeLessThanOrEqual(columns);
      },
    ),
  );
});

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { terminalPicture } from '../../../scripts/terminal-picture.ts';

const recording = [
  '\u001b[36m$ fleet status --live\u001b[0m',
  '\u001b[1mshop\u001b[22m: 1 of 1 hosts up',
  ...Array.from({ length: 20 }, (_, index) => `a${index}  \u001b[32monline\u001b[39m`),
  '$ fleet rankings',
  'h1  <up> & well',
  '$ fleet why anna',
  'anna is on <h1>',
  '',
].join('\r\n');

test('draws what was recorded: colours, columns, long output cut off', () => {
  const picture = terminalPicture(recording);
  expect(picture).toContain('<tspan font-weight="bold">shop</tspan>');
  expect(picture).toContain('<tspan fill="#7ee787">online</tspan>');
  expect(picture).toContain('anna\u00a0is\u00a0on\u00a0&lt;h1&gt;');
  expect(picture).not.toContain('a19');
  // Another command of the recording.
  expect(picture).not.toContain('well');
  expect(() => terminalPicture('$ fleet version')).toThrow('status --live');
});

test('the picture of README was drawn by it', () => {
  const picture = readFileSync('docs/terminal.svg', 'utf8');
  const frame = /^[\s\S]*?<\/title>/;
  const framed = (text: string) => frame.exec(text.replace(/\d+/g, '0'))?.[0];
  expect(framed(picture)).toBe(framed(terminalPicture(recording)));
  for (const command of ['fleet\u00a0status\u00a0--live', 'fleet\u00a0why\u00a0anna'])
    expect(picture).toContain(command);
});

/**
 * The login shell of a host's user is the operator's business: what is sent arrives as it was, in
 * whatever shell, also quoted twice and three times.
 */
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { quoteShell } from '../../src/remote/shared/shell-command.ts';

const texts = [
  "'",
  '\\',
  "\\'",
  "'\\''",
  'a\\',
  '\\\\',
  "it's",
  '$HOME `id` $(id)',
  'x\ny',
  'é 漢 \u{1F600}',
  '!! !x',
  '*?[a]{b,c}~',
  '" \\" \\n',
  '#',
  '',
  ' ',
];

test.each([
  ['sh', ['-c']],
  ['bash', ['-c']],
  ['zsh', ['-c']],
  ['fish', ['--no-config', '-c']],
] as const)('%s', (shell, options) => {
  for (const text of [...texts, texts.join('')]) {
    const print = (word: string): string => `exec /bin/sh -c ${quoteShell(`printf %s ${word}`)}`;
    for (const command of [
      `exec printf %s ${quoteShell(text)}`,
      print(quoteShell(text)),
      print(quoteShell(text)).replace('exec ', 'exec env LC_ALL=C '),
      `exec /bin/sh -c ${quoteShell(print(quoteShell(text)))}`,
    ]) {
      const { stdout, stderr, status } = spawnSync(shell, [...options, command], {
        encoding: 'utf8',
      });
      expect([shell, command, stdout, stderr, status]).toEqual([shell, command, text, '', 0]);
    }
  }
});

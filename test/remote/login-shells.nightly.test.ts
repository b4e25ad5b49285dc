/**
 * The login shell of a host's user is the operator's business: what is sent arrives as it was, in
 * whatever shell, also quoted twice and three times.
 */
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { quoteShell, wrapCommand } from '../../src/remote/shared/shell-command.ts';

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

const shells = [
  ['sh', ['-c']],
  ['bash', ['-c']],
  ['zsh', ['-c']],
  ['fish', ['--no-config', '-c']],
  ['tcsh', ['-f', '-c']],
] as const;

test.each(shells)('%s', (shell, options) => {
  // In tcsh a line's end has no quotes: whole commands go another way, below.
  const sayable = shell === 'tcsh' ? texts.filter((text) => !text.includes('\n')) : texts;
  for (const text of [...sayable, sayable.join('')]) {
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

test.each(shells)('%s: a whole command, of several lines', (shell, options) => {
  for (const text of [...texts, texts.join('')]) {
    const script = `# a comment\nprintf '%s|' "$#" ${quoteShell(text)}\nfalse\nprintf %s "$?"`;
    for (const one of [script, script.replaceAll('\n', '; ').replace('# a comment; ', '')]) {
      const { command } = wrapCommand(one, 'mark', { kind: 'none' }, 1_000);
      const ran = spawnSync(shell, [...options, command], { encoding: 'utf8' });
      const said = ran.stdout.replace(/^mark\d+\./, '');
      const end = one === script ? text : text.replaceAll('\n', '; ');
      expect([shell, command, said, ran.stderr]).toEqual([shell, command, `0|${end}|1`, '']);
    }
  }
});

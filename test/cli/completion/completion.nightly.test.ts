/** Completion in a real zsh and a real fish. */
import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { tryCommand } from '../../lab/run-command.ts';
import { cases, completionOptions, makeCompletionFolder } from './completion-folder.ts';

vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 });

let path: string;
beforeAll(async () => {
  path = await makeCompletionFolder();
});
afterAll(() => rm(path, { recursive: true, force: true }));

test('fish', async () => {
  const lines = cases.map(([line]) => `complete -C '${line}' | string join ' '`);
  const { stdout, stderr } = await tryCommand(
    ['fish', '--no-config', '-c', ['fleet completion fish | source', ...lines].join('\n')],
    completionOptions(path),
  );
  expect({ stderr, found: stdout.trim().split('\n') }).toEqual({
    stderr: '',
    found: cases.map(([, wanted]) => wanted.join(' ')),
  });
});

test.each([
  [
    'read into the shell',
    ['autoload -Uz compinit; compinit -u -D', 'source <(fleet completion zsh)'],
  ],
  [
    'a file in fpath',
    [
      'mkdir -p zfunc; fleet completion zsh > zfunc/_fleet',
      'fpath=($PWD/zfunc $fpath); autoload -Uz compinit; compinit -u -D',
    ],
  ],
])('zsh, %s', async (_, start) => {
  const show = 'compadd() { while [[ $1 != -- ]]; do shift; done; shift; print -r -- "$@"; }';
  const lines = cases.map(([line]) => `words=(${line}); CURRENT=$#words; _fleet`);
  const { stdout, stderr } = await tryCommand(
    ['zsh', '-f', '-c', [...start, show, ...lines].join('\n')],
    completionOptions(path),
  );
  expect({ stderr, found: stdout.trim().split('\n') }).toEqual({
    stderr: '',
    found: cases.map(([, wanted]) => wanted.join(' ')),
  });
});

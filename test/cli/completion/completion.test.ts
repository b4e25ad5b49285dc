/** Completion in a real bash; zsh and fish are tried every night. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { tryCommand } from '../../lab/run-command.ts';
import {
  addHostileNames,
  bashPatternCase,
  cases,
  completionOptions,
  makeCompletionFolder,
} from './completion-folder.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let path: string;
beforeAll(async () => {
  path = await makeCompletionFolder();
});
afterAll(() => rm(path, { recursive: true, force: true }));

test('bash completes commands, options, hosts, accounts, patterns and choices', async () => {
  const all = [...cases, bashPatternCase];
  const lines = all.map(
    ([line]) =>
      `read -ra COMP_WORDS <<< '${line}'; COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _fleet; ` +
      `echo "\${COMPREPLY[*]}"`,
  );
  const { stdout, stderr, code } = await tryCommand(
    ['bash', '-c', ['eval "$(fleet completion bash)"', ...lines].join('\n')],
    completionOptions(path),
  );
  expect({ code, stderr, found: stdout.trim().split('\n') }).toEqual({
    code: 0,
    stderr: '',
    found: all.map(([, wanted]) => wanted.join(' ')),
  });
});

test('names that a foreign ledger holds are words for the shell, and nothing in them is run', async () => {
  const folder = await makeCompletionFolder();
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await addHostileNames(folder);
  const lines = [
    'eval "$(fleet completion bash)"',
    'COMP_WORDS=(fleet move zed); COMP_CWORD=2; _fleet',
    `printf '%s\\n' "\${#COMPREPLY[@]}"`,
    // As the shell takes the line that was completed.
    `for each in "\${COMPREPLY[@]}"; do eval "set -- $each"; printf '%q\\n' "$#" "$1"; done`,
  ];
  const { stdout, code } = await tryCommand(
    ['bash', '-c', lines.join('\n')],
    completionOptions(folder),
  );
  const [count, ...words] = stdout.trim().split('\n');
  console.log(stdout);
  expect([code, (await readdir(folder)).includes('pwned')]).toEqual([0, false]);
  expect(words.filter((_, index) => index % 2 === 0)).toEqual(Array(Number(count)).fill('1'));
  expect(stdout).not.toContain('\u001b');
});

test('without an inventory there is nothing to complete, and nothing is said', async () => {
  const { stdout, stderr, code } = await tryCommand(
    [join(path, 'bin', 'fleet'), '__complete', 'drain', ''],
    {
      cwd: '/',
      env: { PATH: '/usr/bin:/bin', HOME: path },
      timeoutMs: 60_000,
    },
  );
  expect({ code, stderr, stdout: stdout.trim() }).toEqual({ code: 0, stderr: '', stdout: '' });
});

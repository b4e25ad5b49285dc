/** Completion in a real zsh and a real fish. */
import { readdir, rm } from 'node:fs/promises';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { tryCommand } from '../../lab/run-command.ts';
import {
  addHostileNames,
  cases,
  completionOptions,
  makeCompletionFolder,
} from './completion-folder.ts';

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

/** Types at a shell on a terminal (argv[1:]) what each line of standard input says. */
const typist = `
import os, pty, select, sys, time
pid, fd = pty.fork()
if pid == 0:
    os.environ['TERM'] = 'xterm'
    os.execvp(sys.argv[1], sys.argv[1:])
said = b''
def hear(quiet):
    global said
    while select.select([fd], [], [], quiet)[0]:
        try: said += os.read(fd, 65536)
        except OSError: return
hear(5)
for line in sys.stdin.read().split('\\n'):
    os.write(fd, line.encode().decode('unicode_escape').encode())
    hear(2)
sys.stdout.buffer.write(said)
`;

test.each([
  ['zsh', ['zsh', '-f'], 'autoload -Uz compinit; compinit -u -D; source <(fleet completion zsh)'],
  ['fish', ['fish', '--no-config'], 'fleet completion fish | source'],
])(
  '%s on a terminal: nothing in names of a foreign ledger is run or obeyed',
  async (_, shell, start) => {
    const folder = await makeCompletionFolder();
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    await addHostileNames(folder);
    const kept = new Set(await readdir(folder));
    // Listed, then one after another in the line, each of them taken by Enter.
    const turns = Array.from({ length: 4 }, (__, turn) =>
      ['fleet move zed\\t\\t', ...Array(turn * 2).fill('\\t'), '\\r\\r', '\\x03', '\\x15'].join(
        '\n',
      ),
    );
    const { stdout } = await tryCommand(['python3', '-c', typist, ...shell], {
      ...completionOptions(folder),
      input: [`${start}\\r`, ...turns, 'exit\\r'].join('\n'),
      timeoutMs: 200_000,
    });
    expect(stdout).toContain('touch');
    expect(stdout).not.toContain('\u001b]0;pwned');
    expect((await readdir(folder)).filter((name) => !kept.has(name) && /pwned/.test(name))).toEqual(
      [],
    );
  },
);

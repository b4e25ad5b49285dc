/** What goes through a pager on a terminal, and what never does. */
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { makeFolder } from '../fleet-command.ts';
import { ctrlC, startOnTerminal } from './on-terminal.ts';

vi.setConfig({ testTimeout: 120_000 });

const program = join(import.meta.dirname, '../../../bin/fleet');
const hosts = Array.from(
  { length: 30 },
  (_, index) => `  web-${index + 1}: { address: 192.0.2.${index + 1} }`,
);
const inventory = [
  'version: 1',
  'fleet: shop',
  'vault: { key: file:vault.key }',
  'telegram: { api_id: 1, api_hash: env:HASH }',
  'hosts:',
];
const text = [...inventory, ...hosts, ''].join('\n');
const marking = "sed 's/^/| /'";

test('long results of looks, and only they, go through PAGER where a person sits at the terminal', async () => {
  const { path } = await makeFolder(text);
  const usual = {
    PATH: process.env.PATH ?? '',
    HOME: path,
    TERM: 'xterm-256color',
    PAGER: marking,
  };
  const ways: readonly (readonly [string, readonly string[], Record<string, string>, boolean])[] = [
    ['a look', ['hosts', 'list'], {}, true],
    ['a short one', ['hosts', 'list', '--limit', 'web-1'], {}, false],
    ['--no-pager', ['hosts', 'list', '--no-pager'], {}, false],
    ['--json', ['hosts', 'list', '--json'], {}, false],
    ['a pipeline', ['hosts', 'list'], { CI: 'true' }, false],
    ['a dumb terminal', ['hosts', 'list'], { TERM: 'dumb' }, false],
    ['a pager that is not there', ['hosts', 'list'], { PAGER: 'no-such-pager -x' }, false],
    ['rights that sudo lent', ['hosts', 'list'], { SUDO_UID: '1000' }, false],
    ['no look', ['init', '--list-steps'], {}, false],
  ];
  for (const [what, args, env, isPaged] of ways) {
    const run = startOnTerminal([program, ...args], { cwd: path, env: { ...usual, ...env } });
    expect({ what, code: await run.ends() }).toEqual({ what, code: 0 });
    const shown = run.shown();
    expect({ what, isPaged: /^\| /m.test(shown) }).toEqual({ what, isPaged });
    expect({ what, isThere: /web-1\b|firewall/.test(shown) }).toEqual({ what, isThere: true });
  }
});

test('standard input that is no terminal: nobody turns pages', async () => {
  const { path } = await makeFolder(text);
  const env = { PATH: process.env.PATH ?? '', HOME: path, TERM: 'xterm-256color', PAGER: marking };
  const run = startOnTerminal(
    ['sh', '-c', 'exec "$@" </dev/null', 'sh', program, 'hosts', 'list'],
    { cwd: path, env },
  );
  expect(await run.ends()).toBe(0);
  expect(run.shown()).toContain('web-30');
  expect(run.shown()).not.toMatch(/^\| /m);
});

test('a pager that is left early, and one that gets Ctrl-C, is no failure', async () => {
  const { path } = await makeFolder(text);
  const env = { PATH: process.env.PATH ?? '', HOME: path, TERM: 'xterm-256color' };
  const early = startOnTerminal([program, 'hosts', 'list'], {
    cwd: path,
    env: { ...env, PAGER: 'head -n 2' },
  });
  expect(await early.ends()).toBe(0);
  const waiting = `sh -c 'trap "exit 0" INT; cat; echo here; while :; do sleep 0.1; done'`;
  const interrupted = startOnTerminal([program, 'hosts', 'list'], {
    cwd: path,
    env: { ...env, PAGER: waiting },
  });
  await interrupted.shows('here');
  interrupted.type(ctrlC);
  expect(await interrupted.ends()).toBe(0);
});

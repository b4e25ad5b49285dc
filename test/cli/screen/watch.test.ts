/** Looks that are repeated until Ctrl-C. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test, vi } from 'vitest';
import { makeFolder } from '../fleet-command.ts';
import { ctrlC, startOnTerminal } from './on-terminal.ts';

vi.setConfig({ testTimeout: 120_000 });

const program = join(import.meta.dirname, '../../../bin/fleet');

test('without a terminal each look is a document of its own, and Ctrl-C is no failure', async () => {
  const { path } = await makeFolder();
  const child = spawn(program, ['hosts', 'list', '--watch', '500ms', '--json'], {
    cwd: path,
    env: { ...process.env, HOME: path },
  });
  const exited = once(child, 'exit');
  const documents: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    documents.push(line);
    if (documents.length === 2) child.kill('SIGINT');
  }
  expect(await exited).toEqual([0, null]);
  for (const each of documents)
    expect(JSON.parse(each)).toMatchObject({
      command: 'hosts list',
      ok: true,
      hosts: { length: 2 },
    });
});

test('on a terminal it takes the second screen, and gives the first one back', async () => {
  const { path } = await makeFolder();
  const env = { PATH: process.env.PATH ?? '', HOME: path, TERM: 'xterm-256color' };
  const run = startOnTerminal([program, 'status', '--watch', '500ms'], { cwd: path, env });
  await run.shows('0 accounts');
  run.type(ctrlC);
  expect(await run.ends()).toBe(0);
  expect(run.shown()).toMatch(/\[\?1049h[\s\S]*\[\?1049l/);
});

test.each([
  ['too short', ['status', '--watch', '10ms'], '--watch'],
  ['what changes nothing by itself', ['why', 'anna', '--watch'], "unknown option '--watch'"],
])('%s is refused', async (_, args, said) => {
  const { fleet } = await makeFolder();
  const { code, stderr } = await fleet(args);
  expect([code, stderr]).toEqual([2, expect.stringContaining(said)]);
});

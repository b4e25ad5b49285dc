/** The verbs and signals that `interrupted-verbs.test.ts` leaves out. */
import { readdir } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { program } from '../fleet-command.ts';
import { env, expectEnded, expectEndedAtOnce, startServing, startWaiting } from './mute-hosts.ts';
import { ctrlC, startOnTerminal } from './on-terminal.ts';

test.each([
  ['accounts verify anna', 'SIGTERM', /h1: interrupted/],
  ['why-silent anna', 'SIGTERM', /h1: interrupted/],
  ['rankings', 'SIGHUP', /h1/],
  ['apply plan.json --yes', 'SIGINT', /nothing was changed/],
  [
    'accounts export anna --format telethon --output out.session --yes',
    'SIGTERM',
    /anna: h1 → .*planned.*fleet accounts (?:export|remove) anna/s,
  ],
  ['accounts start anna', 'SIGHUP', /h1: interrupted before/],
  ['accounts restart anna ben --yes', 'SIGTERM', /h1: interrupted before/],
  ['accounts pause anna --yes', 'SIGINT', /h1: interrupted before/],
] as const)('%s: %s ends it while it connects', expectEndedAtOnce);

test('resume: the second SIGHUP ends it at once', async () => {
  const started = await startWaiting(['resume']);
  started.signal('SIGHUP');
  await started.run.shows('press Ctrl-C again');
  started.signal('SIGHUP');
  await expectEnded(started);
});

test('a command that waits for another one ends by Ctrl-C, and the other one goes on', async () => {
  const other = await startWaiting(['resume']);
  const waiting = startOnTerminal([program, 'accounts', 'stop', 'anna', '--yes', '--wait', '10m'], {
    cwd: other.path,
    env: env(other.path),
    columns: 120,
  });
  await waiting.shows('waiting for another command to end: fleet resume');
  waiting.type(ctrlC);
  expect(await waiting.ends()).toBe(130);
  other.signal('SIGINT');
  await other.run.shows('press Ctrl-C again');
  other.signal('SIGINT');
  await expectEnded(other);
});

test('serve ends by SIGHUP with code 0, and its socket is gone', async () => {
  const started = await startServing();
  started.signal('SIGHUP');
  expect(await started.run.ends()).toBe(0);
  expect(await readdir(started.path)).not.toContain('api.sock');
});

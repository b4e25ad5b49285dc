/**
 * Verbs that speak with hosts, interrupted on a pseudo-terminal while a host keeps them waiting:
 * the first signal ends a look at once, and a change after the act that is under way, saying what
 * is open; the second ends both at once. The other verbs and signals: the nightly file beside it.
 */
import { readdir } from 'node:fs/promises';
import { expect, test } from 'vitest';
import {
  expectEnded,
  expectEndedAtOnce,
  giveUp,
  startServing,
  startWaiting,
} from './mute-hosts.ts';

test.each([
  ['accounts verify anna', 'SIGINT', /h1: interrupted/],
  ['apply plan.json --yes', 'SIGHUP', /nothing was changed/],
  ['accounts remove ben --yes', 'SIGINT', /ben: h1 → .*planned.*fleet accounts remove ben/s],
  ['accounts stop anna ben --yes', 'SIGTERM', /h1: interrupted before/],
] as const)('%s: %s ends it while it connects', expectEndedAtOnce);

test('resume: the first Ctrl-C waits for the act under way and says what is open', async () => {
  const started = await startWaiting(['resume']);
  started.signal('SIGINT');
  await started.run.shows('press Ctrl-C again');
  giveUp();
  await expectEnded(started);
  expect(started.run.shown()).toMatch(/dora: h1 → h2, staged.*carry on with: fleet resume/s);
});

test('resume: the second Ctrl-C ends it at once', async () => {
  const started = await startWaiting(['resume']);
  started.signal('SIGINT');
  await started.run.shows('press Ctrl-C again');
  started.signal('SIGINT');
  await expectEnded(started);
});

test('serve ends by Ctrl-C with code 0, and its socket is gone', async () => {
  const started = await startServing();
  started.signal('SIGINT');
  expect(await started.run.ends()).toBe(0);
  expect(await readdir(started.path)).not.toContain('api.sock');
});

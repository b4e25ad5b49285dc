/** Root's side of a talk, with a program of the test in place of systemd's unit. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type LoginUnits, relayLogin } from '../../../hostside/helper/relay-login.ts';
import { placesBelow } from '../../../hostside/machine/places.ts';
import { readyLine } from '../../../hostside/protocol/login.ts';

const id = '0123456789abcdef';
let root: string;
let acts: string[];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'relay-'));
  mkdirSync(placesBelow(root).locks, { recursive: true });
  acts = [];
});
afterEach(() => rmSync(root, { recursive: true }));

const socketPath = () => join(root, 'run/fleet-login', `${id}.sock`);

/**
 * A unit whose first connection says nothing and ends, as ExecStartPre's does, and whose second is
 * the program.
 */
const unit = (program: (socket: Socket) => void): LoginUnits => {
  return async (act) => {
    acts.push(act);
    if (act === 'stop') return { code: 0, words: '' };
    const before = connect(socketPath()).on('error', () => undefined);
    await sleep(20);
    before.destroy();
    const socket = connect({ path: socketPath(), allowHalfOpen: true }).on(
      'error',
      () => undefined,
    );
    program(socket);
    return { code: 0, words: '' };
  };
};

const run = (units: LoginUnits, input: PassThrough) => {
  const output = new PassThrough();
  const code = relayLogin(id, { places: placesBelow(root), units, input, output }).finally(() =>
    output.end(),
  );
  return { code, said: text(output) };
};

test('lines go to and fro once the program has said that it listens; nothing is left afterwards', async () => {
  const input = new PassThrough();
  input.write('request\n');
  const echo = unit((socket) => {
    socket.write(`${readyLine}\nfirst\n`);
    socket.once('data', (chunk) => socket.end(`heard ${chunk}`));
  });
  const { code, said } = run(echo, input);
  expect(await code).toBe(0);
  expect(await said).toBe('first\nheard request\n');
  expect(acts).toEqual(['stop', 'start', 'stop']);
  expect(readdirSync(join(root, 'run/fleet-login'))).toEqual([]);
});

test('an operator who is gone ends the input of the program, and the relay waits for its end', async () => {
  const input = new PassThrough();
  let isEnded = false;
  const patient = unit((socket) => {
    socket.write(`${readyLine}\n`);
    socket.resume().once('end', () => {
      setTimeout(() => {
        isEnded = true;
        socket.end();
      }, 50);
    });
  });
  const { code } = run(patient, input);
  input.end();
  expect(await code).toBe(0);
  expect(isEnded).toBe(true);
});

test('a second talk about the same account is refused, and leaves the first alone', async () => {
  const input = new PassThrough();
  let end: () => void = () => undefined;
  const open = unit((socket) => {
    socket.write(`${readyLine}\n`);
    end = () => socket.end();
  });
  const first = run(open, input);
  while (acts.length < 2 || !existsSync(socketPath())) await sleep(10);
  await sleep(100);
  expect(await run(open, new PassThrough()).code).toBe(75);
  expect(acts).toEqual(['stop', 'start']);
  end();
  expect(await first.code).toBe(0);
});

test('a program that does not start is said, with the words of systemd', async () => {
  const broken: LoginUnits = async (act) => ({
    code: act === 'start' ? 1 : 0,
    words: 'Job failed.\n',
  });
  const { code, said } = run(broken, new PassThrough());
  expect(await code).toBe(1);
  expect(JSON.parse(await said)).toMatchObject({
    end: 'failed',
    message: 'the login program did not start: Job failed.',
  });
});

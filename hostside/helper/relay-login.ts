import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { takeLocks } from '../machine/locks.ts';
import type { Places } from '../machine/places.ts';
import { type LoginEnd, readyLine } from '../protocol/login.ts';

/**
 * Starts and stops the unit of one login; resolves with the exit code and what was complained
 * about.
 */
export type LoginUnits = (
  act: 'start' | 'stop',
  id: string,
) => Promise<{ readonly code: number; readonly words: string }>;

export interface RelayWorld {
  readonly places: Places;
  readonly units: LoginUnits;
  readonly input: Readable;
  readonly output: Writable;
}

/** 16 hex digits: which account it is, without its name. */
export const loginIdPattern = /^[0-9a-f]{16}$/;

/**
 * Leads a talk between the operator, at `input` and `output`, and the login program in its own
 * sandbox, which knows nothing but its one socket. One at a
 * time for each id; what a relay that was killed has left running is stopped first. Returns when
 * nothing of the program is left. The exit code is 0 for a
 * talk that was had, 75 when another one is under way, 1 when the program did not start.
 */
export const relayLogin = async (
  id: string,
  { places, units, input, output }: RelayWorld,
): Promise<0 | 1 | 75> => {
  const lock = await takeLocks([{ path: join(places.locks, `login-${id}.act`), shared: false }], 0);
  if (lock === null) return 75;
  const directory = join(places.root, 'run/fleet-login');
  const path = join(directory, `${id}.sock`);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  try {
    await units('stop', id);
    rmSync(path, { force: true });
    const server = createServer({ allowHalfOpen: true });
    const talk = program(server);
    await new Promise<void>((resolve, reject) =>
      server.once('error', reject).listen(path, resolve),
    );
    chmodSync(path, 0o600);
    try {
      const started = await units('start', id);
      if (started.code !== 0) {
        output.write(`${JSON.stringify(notStarted(started.words))}\n`);
        return 1;
      }
      await couple(await talk, input, output);
      return 0;
    } finally {
      await units('stop', id);
      server.close();
    }
  } finally {
    rmSync(path, { force: true });
    rmSync(join(directory, `${id}.user`), { force: true });
    await lock.release();
  }
};

const notStarted = (words: string): LoginEnd => ({
  ...{ end: 'failed', why: 'refused', seconds: null, lingerMs: 0 },
  message:
    'the login program did not start: ' +
    `${words.trim().slice(0, 500) || 'systemd gave no reason'}`,
});

/**
 * The connection of the program: what runs before it in the unit connects as well, and says
 * nothing.
 */
const program = (server: Server): Promise<Socket> =>
  new Promise((resolve) => {
    server.on('connection', (socket) => {
      socket.on('error', () => undefined);
      let heard = '';
      const listen = (chunk: Buffer): void => {
        heard += chunk.toString('utf8');
        if (!heard.startsWith(`${readyLine}\n`)) return;
        socket.off('data', listen).pause();
        const more = heard.slice(readyLine.length + 1);
        if (more !== '') socket.unshift(Buffer.from(more));
        resolve(socket);
      };
      socket.on('data', listen);
    });
  });

/** Ends with the program. An operator who is gone ends its input, and the program ends by that. */
const couple = async (socket: Socket, input: Readable, output: Writable): Promise<void> => {
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
    socket.once('end', () => resolve());
  });
  input.on('data', (chunk: Buffer) => socket.write(chunk));
  input.once('end', () => socket.end());
  input.once('error', () => socket.end());
  socket.on('data', (chunk: Buffer) => output.write(chunk)).resume();
  await closed;
  input.destroy();
};

/** systemd itself. A start waits until the program runs, or has failed. */
export const systemdLogins: LoginUnits = (act, id) =>
  new Promise((resolve) => {
    const child = spawn('systemctl', [act, '--', `fleet-login@${id}.service`], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let words = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      words = (words + text).slice(0, 2_000);
    });
    child.once('error', (error) => resolve({ code: 1, words: error.message }));
    child.once('close', (code) => resolve({ code: code ?? 1, words }));
  });

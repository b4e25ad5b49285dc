import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { gramClient } from '../clients/gram-client.ts';
import { RawClient } from '../clients/raw-client.ts';
import { connectControl, type DataCentreControl } from './control.ts';

const announcement = z.object({
  listen: z.array(z.object({ host: z.string(), port: z.number() })),
  socks: z.array(z.object({ host: z.string(), port: z.number() })),
});
const MAIN = new URL('../main.ts', import.meta.url).pathname;

let folder: string;
let socketPath: string;
let main: ChildProcess;
let control: DataCentreControl;
let ports: z.infer<typeof announcement>;
let errors = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dc-'));
  socketPath = join(folder, 'ctl.sock');
  main = spawn(process.execPath, [
    MAIN,
    '--listen',
    '127.0.0.1:0',
    '--socks',
    '127.0.0.1:0',
    '--control',
    socketPath,
    '--announce',
  ]);
  main.stderr?.on('data', (chunk) => {
    errors += chunk;
  });
  const [line] = await once(main.stdout as NonNullable<typeof main.stdout>, 'data');
  ports = announcement.parse(JSON.parse(String(line)));
  control = await connectControl(socketPath);
});

afterAll(() => {
  main.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

test('another process adds an account, sees it log in and makes things go wrong', async () => {
  const login = await control.addAccount({
    userId: 2n ** 51n,
    firstName: 'Ann',
    seed: 'ann',
    dcId: 4,
  });
  expect(login.authKey.length).toBe(256);
  const [front] = ports.socks;
  const client = gramClient({
    front: front as { host: string; port: number },
    login,
    ip: '10.0.0.9',
  });
  await client.connect();
  await client.getMe();
  expect((await control.report()).accounts).toMatchObject([
    {
      userId: String(2n ** 51n),
      keyId: login.keyId,
      maxLive: 1,
      connections: [{ peer: { ip: '10.0.0.9' } }],
    },
  ]);
  await control.fault({
    method: 'users.getUsers',
    effect: { kind: 'error', code: 420, message: 'FLOOD_WAIT_5' },
  });
  await expect(client.getMe()).rejects.toMatchObject({ seconds: 5 });
  await control.fault({ method: '*', times: null, effect: { kind: 'silence' } });
  await control.clearFaults();
  await control.rotateSalts();
  await client.getMe();
  await control.revoke(login.keyId);
  await expect(client.getMe()).rejects.toMatchObject({ errorMessage: 'SESSION_REVOKED' });
  await control.deactivate(login.userId, 'banned');
  await expect(client.getMe()).rejects.toMatchObject({ errorMessage: 'USER_DEACTIVATED_BAN' });
  await client.destroy();
  await control.disconnectAll();
  await control.forgetKey(login.keyId);
  expect((await control.report()).accounts).toEqual([]);
});

test('the same seed gives the same key, a given key is kept', async () => {
  const seeded = await control.addAccount({ userId: 1, seed: 'same' });
  await control.forgetKey(seeded.keyId);
  expect((await control.addAccount({ userId: 1, seed: 'same' })).keyId).toBe(seeded.keyId);
  await control.forgetKey(seeded.keyId);
  expect((await control.addAccount({ userId: 1, authKey: seeded.authKey })).keyId).toBe(
    seeded.keyId,
  );
});

test('people talk, and what they say is recorded', async () => {
  const { people } = control;
  await control.addAccount({ userId: 70, firstName: 'Ann', seed: 'talker' });
  await people.addPerson({ userId: 71n, firstName: 'Bob', username: 'bobby' });
  await people.addPerson({ userId: 72 });
  const chatId = await people.addGroup({ kind: 'supergroup', title: 'Desk', members: [70n, 71] });
  const { ref, messageId } = await people.say({ chatId, from: 71, text: 'hi Ann', mentions: [70] });
  expect(messageId).toBe(1);
  await people.edit(ref, 'hello');
  await people.join(chatId, [72], 71);
  await people.say({ chatId, from: '72', text: 'and me', replyTo: ref, isTold: false });
  await people.pin(ref, 71);
  await people.retitle(chatId, 'Help', 71);
  await people.leave(chatId, 72);
  await people.restrict(chatId, 70, 'muted');
  await people.restrict(chatId, 70, null);
  await people.setSlowMode(chatId, 10);
  await people.loseUpdates(70, 1);
  await people.remove(ref);
  expect(
    (await people.said({ chatId })).map(({ kind, text, replyTo }) => [kind, text, replyTo]),
  ).toEqual([
    ['message', 'hi Ann', null],
    ['joined', '', null],
    ['message', 'and me', ref],
    ['pinned', '', ref],
    ['title', '', null],
    ['left', '', null],
  ]);
  expect(await people.said({ chatId, userId: '72', afterRef: ref + 2 })).toMatchObject([
    { kind: 'left' },
  ]);
  expect(await people.typings()).toEqual([]);
  await expect(people.edit(ref, 'gone')).rejects.toThrow(
    `refused edit: there is no message ${ref}`,
  );
});

test('mistakes are refused by name', async () => {
  await expect(control.revoke('0123456789abcdef')).rejects.toThrow(
    'refused revoke: key 0123456789abcdef is not known',
  );
  await expect(control.addAccount({ userId: 3, dcId: 9 })).rejects.toThrow('refused add-account');
  await expect(control.addAccount({ userId: 3, authKey: Buffer.alloc(8) })).rejects.toThrow(
    '256 bytes, not 8',
  );
  await expect(control.fault({ method: '', effect: { kind: 'close' } })).rejects.toThrow(
    'refused fault',
  );
});

test('an outage ends connections and refuses new ones, then all is as before', async () => {
  const login = await control.addAccount({ userId: 7, layer: 198 });
  const [address] = ports.listen;
  const { host, port } = address as { host: string; port: number };
  const before = await RawClient.online({ host, port }, login.authKey);
  await control.suspend();
  await expect(once(createConnection(port, host), 'connect')).rejects.toThrow('ECONNREFUSED');
  await control.resume();
  expect(before.isClosed).toBe(true);
  const after = await RawClient.online({ host, port }, login.authKey);
  expect(await after.call({ _: 'updates.getState' })).toMatchObject({ _: 'updates.state' });
  after.close();
});

test('it ends quickly on SIGTERM, was silent, and leaves no socket', async () => {
  const open = createConnection((ports.listen[0] as { port: number }).port, '127.0.0.1').on(
    'error',
    () => {},
  );
  await once(open, 'connect');
  const startedAt = performance.now();
  main.kill('SIGTERM');
  expect(await once(main, 'exit')).toEqual([0, null]);
  expect(performance.now() - startedAt).toBeLessThan(10_000);
  expect(existsSync(socketPath)).toBe(false);
  expect(errors).toBe('');
});

test('it ends with its standard input where that was asked', async () => {
  const child = spawn(process.execPath, [
    MAIN,
    '--socks',
    '127.0.0.1:0',
    '--end-with-stdin',
    '--announce',
  ]);
  await once(child.stdout, 'data');
  child.stdin.end();
  expect(await once(child, 'exit')).toEqual([0, null]);
});

test('a wrong option is named', async () => {
  const child = spawn(process.execPath, [MAIN, '--listen', 'nowhere']);
  const [message] = await once(child.stderr, 'data');
  expect(String(message)).toBe('test data centre: not HOST:PORT: nowhere\n');
  expect(await once(child, 'exit')).toEqual([2, null]);
});

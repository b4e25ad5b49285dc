import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FleetError } from '../../src/model/errors.ts';
import type { HostName } from '../../src/model/names.ts';
import { FakeRemote } from '../fakes/fake-remote.ts';

const host = 'h1' as HostName;

test('faults hit the call they name: not done, done but unanswered, refused, another exit code', async () => {
  const root = await mkdtemp(join(tmpdir(), 'fleet-fake-'));
  const refusal = new FleetError('sudo', 'h1: no', { hint: 'x' });
  const fake = new FakeRemote({
    host,
    root,
    faults: [
      { call: 1, kind: 'drop', moment: 'before' },
      { call: 2, kind: 'drop', moment: 'after' },
      { call: 3, kind: 'fail', error: refusal },
      { call: 4, kind: 'exit', exitCode: 9 },
    ],
  });
  await expect(fake.upload('/etc/one', Buffer.from('1'), { mode: 0o600 })).rejects.toMatchObject({
    code: 'ssh-lost',
  });
  await expect(readFile(join(root, 'etc/one'))).rejects.toThrow();
  await expect(fake.upload('/etc/two', Buffer.from('2'), { mode: 0o600 })).rejects.toMatchObject({
    code: 'ssh-lost',
  });
  expect(await readFile(join(root, 'etc/two'), 'utf8')).toBe('2');
  await expect(fake.run({ command: 'true' })).rejects.toBe(refusal);
  expect((await fake.run({ command: 'true' })).exitCode).toBe(9);
  expect((await fake.run({ command: 'true' })).exitCode).toBe(0);
  expect(fake.calls.map(({ kind }) => kind)).toEqual(['upload', 'upload', 'run', 'run', 'run']);
  await rm(root, { recursive: true });
});

test('scripted answers see command and input, and what is not scripted is an error without a shell', async () => {
  const fake = new FakeRemote({
    host,
    shell: false,
    answer: ({ command, stdin }) =>
      command === 'ask' ? { stdout: `got ${stdin}`, exitCode: 2 } : undefined,
    agent: (_socket, url) => (url === '/up' ? { status: 200, body: Buffer.from('yes') } : null),
  });
  const result = await fake.run({ command: 'ask', stdin: 'this' });
  expect([Buffer.from(result.stdout).toString(), result.exitCode]).toEqual(['got this', 2]);
  await expect(fake.run({ command: 'other' })).rejects.toThrow('no answer is scripted');
  expect((await fake.get('/s', '/up')).status).toBe(200);
  await expect(fake.get('/s', '/down')).rejects.toMatchObject({ code: 'agent-unreachable' });
});

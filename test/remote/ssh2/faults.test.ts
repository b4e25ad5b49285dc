import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createConnection, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { FleetError, isUnreachable } from '../../../src/model/errors.ts';
import type { SshSettings } from '../../../src/model/inventory.ts';
import type { SshContextOptions } from '../../../src/remote/config/ssh-context.ts';
import type { Remote } from '../../../src/remote/remote.ts';
import { createSshRemote } from '../../../src/remote/ssh/ssh-remote.ts';
import { freePort, killQuietly, missingSshd, startSshd, type TestSshd } from '../sshd.ts';
import { startTcpProxy, type TcpProxy } from '../tcp-proxy.ts';

/** What is said about each fault, for the reader of the test's output. */
const told = new Set<string>();
const failureOf = async (act: Promise<unknown>): Promise<FleetError> => {
  const failure = await act.then(
    () => null,
    (error) => error,
  );
  expect(failure).toBeInstanceOf(FleetError);
  const { code, message, hint } = failure as FleetError;
  told.add(
    `${expect.getState().currentTestName?.split(' > ').at(-1)}\n  [${code}] ${message}\n  ` +
      `→ ${hint}`,
  );
  return failure as FleetError;
};

describe.skipIf(missingSshd !== null)('links that fail', () => {
  let sshd: TestSshd;
  let proxy: TcpProxy;
  const open: Remote[] = [];
  const uncaught: unknown[] = [];
  const onUncaught = (error: unknown) => uncaught.push(error);
  beforeAll(async () => {
    process.on('uncaughtException', onUncaught);
    sshd = await startSshd();
  });
  afterAll(async () => {
    await sshd.stop();
    await sleep(50);
    process.off('uncaughtException', onUncaught);
    console.log(`What fleet says about links that fail:\n${[...told].join('\n')}`);
    expect(uncaught).toEqual([]);
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((remote) => remote.close()));
    await proxy?.close();
  });

  async function throughProxy(
    settings: Partial<SshSettings> = {},
    options: Partial<SshContextOptions> = {},
  ): Promise<Remote> {
    proxy = await startTcpProxy(sshd.port);
    const context = await sshd.context({ ports: [proxy.port], silenceMs: 600, ...options });
    const remote = createSshRemote(sshd.spec({ port: proxy.port, ...settings }), context);
    open.push(remote);
    return remote;
  }

  test('a reset in the middle of a command is ssh-lost, and the next call connects anew', async () => {
    const remote = await throughProxy();
    await remote.connect();
    setTimeout(() => proxy.reset(), 100);
    const failure = await failureOf(remote.run({ command: 'sleep 5' }));
    expect(failure).toMatchObject({ code: 'ssh-lost', host: 'host-1' });
    expect(failure.hint).toContain('may or may not have happened');
    expect((await remote.run({ command: 'true' })).exitCode).toBe(0);
    expect(proxy.accepted()).toBe(2);
  });

  test('a reset between commands is noticed and nothing is thrown into the air', async () => {
    const remote = await throughProxy();
    await remote.connect();
    proxy.reset();
    await sleep(100);
    expect((await remote.run({ command: 'echo ok' })).exitCode).toBe(0);
  });

  test('sshd killed in the middle of a command is ssh-lost', async () => {
    const remote = await throughProxy();
    await remote.connect();
    setTimeout(() => {
      for (const pid of sshd.sessions()) killQuietly(pid);
    }, 100);
    expect(await failureOf(remote.run({ command: 'sleep 5' }))).toMatchObject({ code: 'ssh-lost' });
  });

  test('a silent partition is ssh-lost within the time of silence, for everything under way', async () => {
    const remote = await throughProxy();
    await remote.connect();
    proxy.stall();
    const from = performance.now();
    const failures = await Promise.all([
      failureOf(remote.run({ command: 'sleep 30' })),
      failureOf(remote.run({ command: 'cat', stdin: Buffer.alloc(5_000_000) })),
      failureOf(remote.upload('/tmp/fleet-never', Buffer.alloc(1_000_000), { mode: 0o600 })),
      failureOf(remote.get('/tmp/none.sock', '/')),
      failureOf(remote.connect()),
    ]);
    expect(failures.map(({ code }) => code)).toEqual(Array(5).fill('ssh-lost'));
    expect(performance.now() - from).toBeLessThan(20_000);
  });

  test('a quiet command on a healthy link outlives the time of silence', async () => {
    const remote = await throughProxy();
    expect((await remote.run({ command: 'sleep 2' })).exitCode).toBe(0);
  });

  test('a link that is cut during an upload leaves neither the file nor a part of it', async () => {
    const remote = await throughProxy({ commandTimeoutMs: 5_000 });
    await remote.connect();
    const path = join(sshd.directory, 'uploads', 'file');
    await remote.run({ command: `mkdir ${join(sshd.directory, 'uploads')}` });
    setTimeout(() => proxy.reset(), 15);
    const failure = await failureOf(remote.upload(path, Buffer.alloc(60_000_000), { mode: 0o600 }));
    expect(failure.code).toBe('ssh-lost');
    for (
      let tries = 0;
      tries < 40 && (await readdir(join(sshd.directory, 'uploads'))).length > 0;
      tries += 1
    )
      await sleep(50);
    expect(await readdir(join(sshd.directory, 'uploads'))).toEqual([]);
  });

  test('a host that drops new connections before the handshake is asked again', async () => {
    const remote = await throughProxy();
    proxy.refuse(2);
    expect((await remote.run({ command: 'true' })).exitCode).toBe(0);
    expect(proxy.accepted()).toBe(3);
  });

  test('a host that keeps refusing them in words is there: ssh-refused, no reason to fail over, and the hint names MaxStartups', async () => {
    const remote = await throughProxy({ connectTimeoutMs: 1_000 });
    proxy.refuse(100);
    const failure = await failureOf(remote.run({ command: 'true' }));
    expect([isUnreachable(failure), failure.hint.includes('PerSourcePenalties')]).toEqual([
      false,
      true,
    ]);
    expect(failure.message).toContain('It said: Not allowed at this time');
    expect([failure.code, failure.hint.includes('MaxStartups')]).toEqual(['ssh-refused', true]);
  });

  test('an sshd that refuses new connections (MaxStartups) is asked again, then named; it lets in when it can', async () => {
    const narrow = await startSshd(['MaxStartups 1:100:1']);
    const context = await narrow.context();
    // The look whether it listens may still count: until then this one is refused, too.
    const stranger = async (): Promise<Socket> => {
      const socket = createConnection(narrow.port, '127.0.0.1');
      const [said] = (await once(socket, 'data')) as [Buffer];
      return said.toString().startsWith('SSH-') ? socket : stranger();
    };
    const crowd = await stranger();
    const refused = createSshRemote(narrow.spec({ connectTimeoutMs: 800 }), context);
    const failure = await failureOf(refused.connect());
    expect([failure.code, failure.hint.includes('MaxStartups')]).toEqual(['ssh-refused', true]);
    const patient = createSshRemote(narrow.spec({ connectTimeoutMs: 20_000 }), context);
    const connected = patient.connect();
    setTimeout(() => crowd.destroy(), 200);
    expect((await connected).port).toBe(narrow.port);
    await patient.close();
    await narrow.stop();
  });

  test('a host that is silent does not hold up the others', async () => {
    const mute = createServer(() => {});
    await new Promise<void>((done) => mute.listen(0, '127.0.0.1', done));
    const { port } = mute.address() as { port: number };
    const context = await sshd.context();
    const remotes = [
      sshd.spec({ name: 'silent', port, connectTimeoutMs: 3_000 }),
      sshd.spec({ name: 'sound' }),
    ].map((spec) => createSshRemote(spec, context));
    open.push(...remotes);
    const [silent, sound] = remotes.map((remote) =>
      remote.run({ command: 'true' }).then(() => remote.host),
    );
    expect(await Promise.race([silent?.catch(() => 'silent'), sound])).toBe('sound');
    mute.close();
  });

  test('many first uses are one connection, and share its failure', async () => {
    const remote = await throughProxy();
    await Promise.all([
      remote.run({ command: 'true' }),
      remote.connect(),
      remote.download('/etc/hostname'),
    ]);
    expect(proxy.accepted()).toBe(1);
    const port = await freePort();
    const refused = createSshRemote(sshd.spec({ port }), await sshd.context());
    const failures = await Promise.all([
      failureOf(refused.connect()),
      failureOf(refused.run({ command: 'true' })),
    ]);
    expect(failures[0]).toBe(failures[1]);
    expect(failures[0]).toMatchObject({
      code: 'ssh-connect',
      message: expect.stringContaining('refused'),
    });
  });

  test('an address that swallows everything is ssh-timeout at its time', async () => {
    // TEST-NET-1 (RFC 5737) is routed nowhere; where the machine has no route at all, it says so at
    // once.
    const remote = createSshRemote(
      sshd.spec({ address: '192.0.2.1', connectTimeoutMs: 400 }),
      await sshd.context(),
    );
    const from = performance.now();
    expect(['ssh-timeout', 'ssh-connect']).toContain((await failureOf(remote.connect())).code);
    expect(performance.now() - from).toBeLessThan(8000);
  });

  test('a port that accepts and says nothing is ssh-timeout at its time', async () => {
    const mute = createServer(() => {});
    await new Promise<void>((done) => mute.listen(0, '127.0.0.1', done));
    const { port } = mute.address() as { port: number };
    const remote = createSshRemote(
      sshd.spec({ port, connectTimeoutMs: 400 }),
      await sshd.context({ ports: [port] }),
    );
    const failure = await failureOf(remote.connect());
    expect([failure.code, failure.message.includes('handshake')]).toEqual(['ssh-timeout', true]);
    mute.close();
  });

  test('a name that does not resolve is ssh-resolve', async () => {
    const remote = createSshRemote(
      sshd.spec({ address: 'no-such-host.invalid' }),
      await sshd.context(),
    );
    expect((await failureOf(remote.connect())).code).toBe('ssh-resolve');
  });

  test('Ctrl-C ends what is under way, what waits and what comes later', async () => {
    const controller = new AbortController();
    const remote = await throughProxy({}, { signal: controller.signal });
    await remote.connect();
    const running = Array.from({ length: 12 }, () =>
      failureOf(remote.run({ command: 'sleep 20' })),
    );
    setTimeout(() => controller.abort(), 100);
    expect((await Promise.all(running)).map(({ code }) => code)).toEqual(
      Array(12).fill('interrupted'),
    );
    expect((await failureOf(remote.run({ command: 'true' }))).code).toBe('interrupted');
  });

  test('what start files print stays out of results, transfers and lines', async () => {
    const noisy = await startSshd();
    await Promise.all(
      ['.bashrc', '.profile', '.zshenv'].map((name) =>
        import('node:fs/promises').then((fs) =>
          fs.writeFile(join(noisy.directory, name), 'echo noise\n'),
        ),
      ),
    );
    const remote = createSshRemote(noisy.spec(), await noisy.context());
    open.push(remote);
    await remote.upload(join(noisy.directory, 'plain'), Buffer.from('content'), { mode: 0o600 });
    expect(await readFile(join(noisy.directory, 'plain'), 'utf8')).toBe('content');
    expect(Buffer.from(await remote.download(join(noisy.directory, 'plain'))).toString()).toBe(
      'content',
    );
    const lines: string[] = [];
    await remote.run({ command: 'echo mine', onLine: (line) => lines.push(line) });
    expect(lines).toEqual(['mine']);
    // Also when the command has ended before its reader is heard.
    const refuse = (): never => {
      throw new Error('not like this');
    };
    for (let time = 0; time < 10; time += 1)
      await expect(remote.run({ command: 'echo one; echo two', onLine: refuse })).rejects.toThrow(
        'not like this',
      );
    await remote.close();
    await noisy.stop();
  });

  test('a login that runs no commands is host-not-ready', async () => {
    const forced = await startSshd(['ForceCommand echo "This account is not available"; exit 1']);
    const remote = createSshRemote(forced.spec(), await forced.context());
    expect((await failureOf(remote.run({ command: 'true' }))).code).toBe('host-not-ready');
    await remote.close();
    await forced.stop();
  });
});

import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Remote } from '../../src/remote/remote.ts';

/** Gives a fresh remote of a host that shares this machine's file system. The suite closes it. */
export type MakeRemote = () => Promise<Remote>;

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** What every {@link Remote} does, whatever is behind it. */
export function remoteContract(name: string, makeRemote: MakeRemote): void {
  describe(`${name} keeps the remote contract`, () => {
    let remote: Remote;
    let folder: string;
    beforeAll(async () => {
      remote = await makeRemote();
      folder = await mkdtemp(join(tmpdir(), 'fleet-contract-'));
    });
    afterAll(async () => {
      await remote.close();
      await rm(folder, { recursive: true, force: true });
    });

    commandCases(() => remote);
    transferCases(
      () => remote,
      () => folder,
    );
    socketCases(
      () => remote,
      () => folder,
    );

    test('connecting twice is one connection, and says where it went', async () => {
      const [first, second] = await Promise.all([remote.connect(), remote.connect()]);
      expect(first.port).toBe(second.port);
      expect(first.latencyMs).toBeGreaterThan(0);
      expect(first.user).not.toBe('');
    });

    test('after close every call rejects with ssh-lost, and closing again is fine', async () => {
      const other = await makeRemote();
      await other.run({ command: 'true' });
      await other.close();
      await other.close();
      await expect(other.run({ command: 'true' })).rejects.toMatchObject({
        code: 'ssh-lost',
        host: other.host,
      });
    });
  });
}

function commandCases(remote: () => Remote): void {
  const exits: [string, number][] = [
    ['true', 0],
    ['exit 1', 1],
    ['exit 255', 255],
    ['no-such-command-here', 127],
  ];
  test.each(exits)('the exit code of "%s" is the value %d', async (command, exitCode) => {
    expect(await remote().run({ command })).toMatchObject({
      exitCode,
      signal: null,
      truncated: false,
    });
  });

  test('a command that a signal ends has no exit code', async () => {
    expect(await remote().run({ command: 'kill -TERM $$' })).toMatchObject({
      exitCode: null,
      signal: 'SIGTERM',
    });
  });

  test('stdout and stderr stay apart, and stderr is no failure', async () => {
    const result = await remote().run({ command: 'echo out; echo err >&2' });
    expect([result.exitCode, text(result.stdout), text(result.stderr)]).toEqual([
      0,
      'out\n',
      'err\n',
    ]);
  });

  test('the shell gets the command unchanged', async () => {
    const result = await remote().run({ command: `printf '%s|' "a b" 'c"d' \\$HOME 'é\nx'` });
    expect(text(result.stdout)).toBe('a b|c"d|$HOME|é\nx|');
  });

  test('a command without standard input reads the end of the file', async () => {
    expect(text((await remote().run({ command: 'cat; echo done' })).stdout)).toBe('done\n');
  });

  test('5 MB of standard input arrive whole from a slow source', async () => {
    const block = randomBytes(64 * 1024);
    async function* blocks() {
      for (let index = 0; index < 80; index += 1) {
        if (index % 20 === 0) await sleep(5);
        yield block;
      }
    }
    const result = await remote().run({ command: 'sha256sum', stdin: blocks() });
    expect(text(result.stdout).slice(0, 64)).toBe(sha256(Buffer.concat(Array(80).fill(block))));
  });

  test('a command that does not read its standard input still ends', async () => {
    async function* endless() {
      for (;;) yield Buffer.alloc(64 * 1024);
    }
    expect((await remote().run({ command: 'exit 4', stdin: endless() })).exitCode).toBe(4);
  });

  test('what the source of standard input throws reaches the caller', async () => {
    async function* broken() {
      yield Buffer.from('x');
      throw new Error('source broke');
    }
    await expect(remote().run({ command: 'cat', stdin: broken() })).rejects.toThrow('source broke');
  });

  test('100 MB of binary output keep every byte', async () => {
    const command = `head -c 100000000 /dev/zero | tr '\\0' '\\377'`;
    const result = await remote().run({
      command,
      maxOutputBytes: 128 * 1024 * 1024,
      timeoutMs: 110_000,
    });
    expect([result.stdout.length, result.truncated]).toEqual([100_000_000, false]);
    expect(Buffer.alloc(100_000_000, 255).equals(result.stdout)).toBe(true);
  }, 120_000);

  test('output over the cap keeps its head, and the command still ends', async () => {
    const result = await remote().run({
      command: 'head -c 3000000 /dev/zero; echo x >&2; exit 7',
      maxOutputBytes: 1000,
    });
    expect([result.exitCode, result.stdout.length, result.truncated, text(result.stderr)]).toEqual([
      7,
      1000,
      true,
      'x\n',
    ]);
  });

  test('lines arrive whole, in order, while the command still runs', async () => {
    const lines: { line: string; at: number }[] = [];
    const result = await remote().run({
      command: `printf 'a'; sleep 0.1; printf 'b\\nc\\r\\n'; sleep 0.4; printf 'last'`,
      onLine: (line) => lines.push({ line, at: performance.now() }),
    });
    expect(lines.map(({ line }) => line)).toEqual(['ab', 'c', 'last']);
    expect((lines[2]?.at ?? 0) - (lines[0]?.at ?? 0)).toBeGreaterThan(200);
    expect(result.stdout.length).toBe(0);
  });

  test('a line of 3 MB is cut to 1 MiB and the next line is right', async () => {
    const lines: string[] = [];
    await remote().run({
      command: `head -c 3000000 /dev/zero | tr '\\0' x; echo; echo next`,
      onLine: (line) => lines.push(line),
    });
    expect(lines.map((line) => line.length)).toEqual([1024 * 1024, 4]);
  });

  test('a command that never ends is stopped on the host at its time', async () => {
    const mark = `4242.${Math.floor(Math.random() * 1e6)}`;
    const from = performance.now();
    await expect(remote().run({ command: `sleep ${mark}`, timeoutMs: 400 })).rejects.toMatchObject({
      code: 'command-timeout',
    });
    expect(performance.now() - from).toBeLessThan(3000);
    await sleep(300);
    expect(
      text((await remote().run({ command: `pgrep -fx 'sleep ${mark}' || echo none` })).stdout),
    ).toBe('none\n');
  });

  test('50 commands at once all answer', async () => {
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        remote().run({ command: `sleep 0.05; echo ${index}` }),
      ),
    );
    expect(results.map(({ stdout }) => Number(text(stdout)))).toEqual(
      Array.from({ length: 50 }, (_, index) => index),
    );
  });
}

function transferCases(remote: () => Remote, folder: () => string): void {
  test('an upload has its content and its mode, replaces what was there, and leaves nothing beside it', async () => {
    const own = await mkdtemp(join(folder(), 'upload-'));
    const path = join(own, `it's "quoted" $HOME`);
    await writeFile(path, 'old', { mode: 0o644 });
    const content = randomBytes(300_000);
    await remote().upload(path, content, { mode: 0o640 });
    expect(sha256(await readFile(path))).toBe(sha256(content));
    expect((await stat(path)).mode & 0o7777).toBe(0o640);
    expect(await readdir(own)).toEqual([`it's "quoted" $HOME`]);
  });

  test('an empty file can be uploaded and downloaded', async () => {
    const path = join(folder(), 'empty');
    await remote().upload(path, new Uint8Array(), { mode: 0o600 });
    expect((await remote().download(path)).length).toBe(0);
    await rm(path);
  });

  test('an upload into a missing folder says so', async () => {
    await expect(
      remote().upload(join(folder(), 'no', 'such'), Buffer.from('x'), { mode: 0o600 }),
    ).rejects.toMatchObject({
      code: 'transfer',
    });
  });

  test('a download has every byte', async () => {
    const content = randomBytes(3_000_000);
    await writeFile(join(folder(), 'big'), content);
    expect(sha256(await remote().download(join(folder(), 'big')))).toBe(sha256(content));
  });

  test('a download over its cap and one of a missing file reject', async () => {
    await writeFile(join(folder(), 'ten'), '0123456789');
    expect(text(await remote().download(join(folder(), 'ten'), { maxBytes: 10 }))).toBe(
      '0123456789',
    );
    await expect(remote().download(join(folder(), 'ten'), { maxBytes: 9 })).rejects.toMatchObject({
      code: 'transfer',
    });
    await expect(remote().download(join(folder(), 'missing'))).rejects.toMatchObject({
      code: 'transfer',
    });
  });
}

function socketCases(remote: () => Remote, folder: () => string): void {
  let server: Server;
  const socketPath = (): string => join(folder(), 'agent.sock');
  beforeAll(async () => {
    server = createServer((request, response) => {
      if (request.url === '/slow') return;
      if (request.url === '/cut') {
        response.write('half');
        setTimeout(() => response.destroy(), 20);
        return;
      }
      response.statusCode = request.url === '/big' ? 200 : 404;
      response.end(request.url === '/big' ? Buffer.alloc(3_000_000, 1) : `no ${request.url}`);
    });
    await new Promise<void>((done) => server.listen(socketPath(), done));
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  test('a unix socket is asked over the connection', async () => {
    expect(await remote().get(socketPath(), '/big')).toMatchObject({
      status: 200,
      body: { length: 3_000_000 },
    });
    const missing = await remote().get(socketPath(), '/x?y=1');
    expect([missing.status, text(missing.body)]).toEqual([404, 'no /x?y=1']);
  });

  test.each(['/cut', '/slow'])(
    'an answer that does not come whole (%s) is agent-unreachable',
    async (url) => {
      await expect(remote().get(socketPath(), url, { timeoutMs: 500 })).rejects.toMatchObject({
        code: 'agent-unreachable',
      });
    },
  );

  test('a missing socket is agent-unreachable', async () => {
    await expect(remote().get(join(folder(), 'none.sock'), '/')).rejects.toMatchObject({
      code: 'agent-unreachable',
    });
  });
}

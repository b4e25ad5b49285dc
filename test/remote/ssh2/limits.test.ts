import { chmod, writeFile } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { askHost } from '../../../src/facts/ask-host.ts';
import type { Remote } from '../../../src/remote/remote.ts';
import {
  AfterMarker,
  CappedBytes,
  GrowingBytes,
  LineSplitter,
  OutputOverflow,
} from '../../../src/remote/shared/command-output.ts';
import { createSshRemote } from '../../../src/remote/ssh/ssh-remote.ts';
import { missingSshd, startSshd, type TestSshd } from '../sshd.ts';

const mebibyte = 1024 * 1024;

/**
 * Runs `act` and tells how it failed, after how long, and by how much the memory of this process
 * has grown meanwhile, at most.
 */
async function costOf(
  act: () => Promise<unknown>,
): Promise<{ code: unknown; message: string; seconds: number; grownBytes: number }> {
  const before = process.memoryUsage().rss;
  let most = before;
  const timer = setInterval(() => {
    most = Math.max(most, process.memoryUsage().rss);
  }, 10);
  const from = performance.now();
  const failure = await act().then(
    () => null,
    (error: unknown) => error,
  );
  clearInterval(timer);
  const { code, message } = (failure ?? { code: 'none', message: 'it succeeded' }) as {
    code: unknown;
    message: string;
  };
  return { code, message, seconds: (performance.now() - from) / 1000, grownBytes: most - before };
}

/**
 * A login that answers every command with `$HOSTILE`, whatever it was: a host that was taken over.
 */
const forcedCommand = `#!/bin/sh
marker=$(printf %s "$SSH_ORIGINAL_COMMAND" | grep -o 'fleet-[0-9a-f]\\{18\\}' | head -n 1)
reply='{"index":0,"ok":true,"result":{"kind":"done"}}'
progress='{"progress":{"keyId":"a","state":"starting","reason":"x"}}'
case $(cat "$(dirname "$0")/mode") in
  replies) printf '%s1.' "$marker"; yes "$reply" ;;
  progress) printf '%s1.' "$marker"; yes "$progress" ;;
  no-end-of-line) printf '%s1.' "$marker"; yes x | tr -d '\\n' ;;
  no-end-of-marker) printf %s "$marker"; yes 1 | tr -d '\\n' ;;
  no-marker) yes 'Welcome to this host.' ;;
  stderr) printf '%s1.' "$marker"; yes complaint >&2 ;;
  socket-refusal) printf '%s!' "$marker"; yes refused | tr -d '\\n' ;;
  socket-body) printf '%s.' "$marker"; yes body ;;
  empty-lines) printf '%s1.' "$marker"; yes '' ;;
esac
`;

describe.skipIf(missingSshd !== null)('a host that answers without end', () => {
  let sshd: TestSshd;
  let remote: Remote;
  beforeAll(async () => {
    sshd = await startSshd(['ForceCommand %DIR%/hostile']);
    await writeFile(join(sshd.directory, 'hostile'), forcedCommand);
    await chmod(join(sshd.directory, 'hostile'), 0o755);
    remote = createSshRemote(sshd.spec(), await sshd.context());
  });
  afterAll(async () => {
    await remote.close();
    await sshd.stop();
  });
  const answerWith = (mode: string): Promise<void> => writeFile(join(sshd.directory, 'mode'), mode);

  test.each([
    'replies',
    'progress',
    'no-end-of-line',
    'no-end-of-marker',
    'no-marker',
    'stderr',
    'empty-lines',
  ])('is left at once by a request to the helper, with little memory: %s', async (mode) => {
    await answerWith(mode);
    const request = { format: 1, acts: [{ act: 'survey' }, { act: 'contact' }] } as const;
    const cost = await costOf(() => askHost(remote, request, { timeoutMs: 60_000 }));
    console.log(
      `${mode}: ${cost.seconds.toFixed(2)} s, ${(cost.grownBytes / mebibyte).toFixed(0)} ` +
        `MiB: ${cost.message}`,
    );
    expect(cost).toMatchObject({ code: 'agent-reply' });
    expect(cost.seconds).toBeLessThan(30);
    expect(cost.grownBytes).toBeLessThan(150 * mebibyte);
  });

  test('cannot make an upload endless', async () => {
    await answerWith('no-end-of-line');
    const cost = await costOf(() =>
      remote.upload('/tmp/never', new Uint8Array(10), { mode: 0o600 }),
    );
    expect(cost).toMatchObject({ code: 'agent-reply' });
  });

  test('costs a command without a limit no more than what it keeps, until its time is over', async () => {
    await answerWith('no-end-of-line');
    const cost = await costOf(() =>
      remote.run({ command: 'true', timeoutMs: 1_500, maxOutputBytes: mebibyte }),
    );
    expect(cost).toMatchObject({ code: 'command-timeout' });
    expect(cost.grownBytes).toBeLessThan(150 * mebibyte);
  });
});

const endless: Readonly<Record<string, (socket: Socket) => void>> = {
  headers: (socket) => pour(socket, 'HTTP/1.1 200 OK\r\n', 'x-more: and more of it\r\n'),
  body: (socket) => pour(socket, 'HTTP/1.1 200 OK\r\n\r\n', 'x'.repeat(65_536)),
  'body-with-length': (socket) =>
    pour(socket, 'HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n', 'x'.repeat(65_536)),
  'chunks-of-one-byte': (socket) =>
    pour(
      socket,
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n',
      '1\r\nx\r\n'.repeat(1_000),
    ),
  'chunk-extensions': (socket) =>
    pour(
      socket,
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1',
      ';name=value'.repeat(1_000),
    ),
  trailers: (socket) =>
    pour(
      socket,
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n',
      'x-more: and more\r\n',
    ),
  'interim-answers': (socket) => pour(socket, '', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(1_000)),
  'no-http': (socket) => pour(socket, '', 'SSH-2.0-nothing\r\n'),
};

/** Writes `head`, then `piece` for ever, as fast as they are taken. */
function pour(socket: Socket, head: string, piece: string): void {
  socket.write(head);
  const more = (): void => {
    while (!socket.destroyed && socket.write(piece));
  };
  socket.on('drain', more).on('error', () => {});
  more();
}

describe.skipIf(missingSshd !== null)('an agent that answers without end', () => {
  let sshd: TestSshd;
  let remote: Remote;
  let server: Server;
  let answer: (socket: Socket) => void = () => {};
  const open = new Set<Socket>();
  const path = (): string => join(sshd.directory, 'agent.sock');
  beforeAll(async () => {
    sshd = await startSshd();
    remote = createSshRemote(sshd.spec(), await sshd.context());
    server = createServer((socket) => {
      open.add(socket.on('error', () => {}));
      socket.once('data', () => answer(socket));
    });
    await new Promise<void>((done) => server.listen(path(), done));
  });
  afterAll(async () => {
    for (const socket of open) socket.destroy();
    server.close();
    await remote.close();
    await sshd.stop();
  });

  test.each(Object.keys(endless))('is left at once, with little memory: %s', async (how) => {
    answer = (socket) => endless[how]?.(socket);
    const cost = await costOf(() =>
      remote.get(path(), '/sample', { maxBytes: mebibyte, timeoutMs: 60_000 }),
    );
    for (const socket of open) socket.destroy();
    open.clear();
    console.log(
      `${how}: ${cost.seconds.toFixed(2)} s, ${(cost.grownBytes / mebibyte).toFixed(0)} ` +
        `MiB: ${cost.message}`,
    );
    expect(cost).toMatchObject({ code: 'agent-reply' });
    expect(cost.seconds).toBeLessThan(30);
    expect(cost.grownBytes).toBeLessThan(150 * mebibyte);
  });
});

describe.skipIf(missingSshd !== null)(
  'a host that forwards no sockets and answers in place of its agent without end',
  () => {
    let sshd: TestSshd;
    let remote: Remote;
    beforeAll(async () => {
      sshd = await startSshd(['DisableForwarding yes', 'ForceCommand %DIR%/hostile']);
      await writeFile(join(sshd.directory, 'hostile'), forcedCommand);
      await chmod(join(sshd.directory, 'hostile'), 0o755);
      remote = createSshRemote(sshd.spec(), await sshd.context());
    });
    afterAll(async () => {
      await remote.close();
      await sshd.stop();
    });

    test.each(['socket-refusal', 'socket-body', 'no-marker', 'stderr'])(
      'is left, with little memory: %s',
      async (mode) => {
        await writeFile(join(sshd.directory, 'mode'), mode);
        const cost = await costOf(() =>
          remote.get('/run/agent.sock', '/sample', { maxBytes: mebibyte, timeoutMs: 3_000 }),
        );
        console.log(
          `${mode}: ${cost.seconds.toFixed(2)} s, ` +
            `${(cost.grownBytes / mebibyte).toFixed(0)} MiB: ${cost.message}`,
        );
        expect(cost.code).toMatch(/^agent-(?:reply|unreachable)$/);
        expect(cost.seconds).toBeLessThan(30);
        expect(cost.grownBytes).toBeLessThan(150 * mebibyte);
      },
    );
  },
);

describe('what a host sends in tiny pieces', () => {
  const bytes = (text: string): Uint8Array[] =>
    [...Buffer.from(text)].map((byte) => Uint8Array.of(byte));

  test('costs what its bytes cost', () => {
    const before = process.memoryUsage();
    const [grown, kept] = [new GrowingBytes(), new CappedBytes(2 * mebibyte)];
    for (let index = 0; index < mebibyte; index += 1) {
      grown.append(Uint8Array.of(index & 255));
      kept.push(Uint8Array.of(index & 255));
    }
    expect(grown.bytes().equals(Buffer.from(kept.bytes()))).toBe(true);
    expect(grown.length).toBe(mebibyte);
    expect(process.memoryUsage().rss - before.rss).toBeLessThan(100 * mebibyte);
  });

  test('is the same lines', () => {
    const lines: string[] = [];
    const splitter = new LineSplitter((line) => lines.push(line));
    for (const piece of bytes('one\r\n\ntwo é\nlast')) splitter.push(piece);
    splitter.finish();
    expect(lines).toEqual(['one', '', 'two é', 'last']);
  });

  test('is found behind its marker, whose number has an end', () => {
    const read = (text: string): [AfterMarker, string] => {
      const kept = new CappedBytes(100);
      const after = new AfterMarker('mark', true, kept);
      for (const piece of bytes(text)) after.push(piece);
      return [after, Buffer.from(kept.bytes()).toString()];
    };
    expect(read('hello mark42.out')[1]).toBe('out');
    expect(read('hello mark42.out')[0].pid).toBe(42);
    expect(read('hello mark42')[0].started).toBe(false);
    for (const wrong of ['mark.', 'markx', 'mark12345678901', 'mark1x.'])
      expect(() => read(wrong), wrong).toThrow(OutputOverflow);
  });
});

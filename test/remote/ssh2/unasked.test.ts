/** A host that floods fleet with requests of SSH itself, and reads none of the answers. */
import { readFile } from 'node:fs/promises';
import type { AddressInfo, Socket } from 'node:net';
import ssh2 from 'ssh2';
import { describe, expect, test } from 'vitest';
import { createSshRemote } from '../../../src/remote/ssh/ssh-remote.ts';
import { countUnasked } from '../../../src/remote/ssh2/unasked-requests.ts';
import { missingSshd, startSshd } from '../sshd.ts';

/** What of ssh2's inside a server needs that does not behave. */
interface Inside {
  readonly _sock: Socket;
  readonly _protocol: {
    ping(): void;
    readonly _cipher: { encrypt(packet: Buffer): void };
    readonly _packetRW: {
      readonly write: {
        readonly allocStart: number;
        alloc(bytes: number): Buffer;
        finalize(packet: Buffer): Buffer;
      };
    };
  };
}

const words = (text: string): Buffer => {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(Buffer.byteLength(text));
  return Buffer.concat([length, Buffer.from(text)]);
};

const send = ({ _protocol: { _cipher, _packetRW } }: Inside, message: Buffer): void => {
  const packet = _packetRW.write.alloc(message.length);
  message.copy(packet, _packetRW.write.allocStart);
  _cipher.encrypt(_packetRW.write.finalize(packet));
};

const number = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

const floods: Readonly<Record<string, (client: Inside, key: Buffer) => void>> = {
  'signs of life': (client) => client._protocol.ping(),
  'new keys of its own': (client, key) => {
    const all = Array.from({ length: 12 }, () => Buffer.concat([number(key.length), key]));
    const head = [Buffer.of(80), words('hostkeys-00@openssh.com'), Buffer.of(0)];
    send(client, Buffer.concat([...head, ...all]));
  },
  'channels that fleet is to open': (client) => {
    const sizes = [number(7), number(65_536), number(32_768)];
    send(client, Buffer.concat([Buffer.of(90), words('x11'), ...sizes, words('h'), number(1)]));
  },
  'requests on the channel of the command': (client) => {
    send(
      client,
      Buffer.concat([Buffer.of(98), number(0), words('signal@example.com'), Buffer.of(1)]),
    );
  },
};

describe.skipIf(missingSshd !== null)('a host that asks without end and reads no answer', () => {
  test.each(Object.keys(floods))('is left: %s', async (how) => {
    const sshd = await startSshd();
    const hostKey = await readFile(sshd.hostKey);
    const parsed = ssh2.utils.parseKey(hostKey);
    if (parsed instanceof Error) throw parsed;
    const key = parsed.getPublicSSH();
    const server = new ssh2.Server({ hostKeys: [hostKey] }, (client) => {
      const inside = client as unknown as Inside;
      client.on('authentication', (attempt) => attempt.accept());
      client.on('error', () => undefined);
      client.on('session', (accept) =>
        accept().on('exec', (acceptExec) => {
          acceptExec();
          inside._sock.pause();
          const more = (): void => {
            for (let count = 0; count < 500 && inside._sock.writableLength < 1e6; count += 1)
              floods[how]?.(inside, key);
            if (!inside._sock.destroyed) setTimeout(more, 1);
          };
          more();
        }),
      );
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const { port } = server.address() as AddressInfo;
    const remote = createSshRemote(sshd.spec({ port }), await sshd.context({ ports: [port] }));
    try {
      const before = process.memoryUsage().rss;
      const failure = await remote.run({ command: 'true', timeoutMs: 60_000 }).then(
        () => null,
        (error: unknown) => error,
      );
      const grown = (process.memoryUsage().rss - before) / 1024 ** 2;
      console.log(`${how}: ${grown.toFixed(0)} MiB of this process, in which the host is, too`);
      expect(failure).toMatchObject({ code: 'agent-reply' });
    } finally {
      await remote.close();
      server.close();
      await sshd.stop();
    }
  });
});

test('what a host asks now and then, for days, is answered; so is the end of many commands', () => {
  let [now, ended] = [0, 0];
  const hear = countUnasked(
    () => {
      ended += 1;
    },
    () => now,
  );
  const ask = (line: string, times: number, everyMs: number): void => {
    for (let count = 0; count < times; count += 1) {
      hear(line);
      now += everyMs;
    }
  };
  ask('Inbound: GLOBAL_REQUEST (keepalive@openssh.com)', 100_000, 1_000);
  ask('Inbound: CHANNEL_REQUEST (r:0, exit-status: 0)', 100_000, 20);
  ask('Inbound: CHANNEL_DATA (r:0, 32768)', 100_000, 0);
  ask('Outbound: Sending KEXINIT', 1_000, 60_000);
  expect(ended).toBe(0);
  ask('Inbound: GLOBAL_REQUEST (keepalive@openssh.com)', 10_000, 0);
  expect(ended).toBe(1);
});

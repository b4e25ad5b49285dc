import { createCipheriv, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { IGE } from 'telegram/crypto/IGE.js';
import { describe, expect, test } from 'vitest';
import {
  authKeyId,
  CryptoError,
  type Envelope,
  igeDecrypt,
  igeEncrypt,
  openEnvelope,
  sealEnvelope,
} from './wire/crypto.ts';
import {
  abridgedFraming,
  type Framing,
  FramingError,
  fullFraming,
  intermediateFraming,
} from './wire/framing.ts';
import { judgeMessageId, ServerMessageIds } from './wire/message-ids.ts';
import { gzipPacked, openContainer, packContainer, ungzip } from './wire/messages.ts';
import { OBFUSCATED_HEADER, Transport } from './wire/transport.ts';

/** IGE as its definition says, one block after the other: the reference for the fast one. */
function simpleIge(plain: Buffer, key: Buffer, iv: Buffer): Buffer {
  const out: Buffer[] = [];
  let lastEncrypted = iv.subarray(0, 16);
  let lastPlain = iv.subarray(16, 32);
  for (let at = 0; at < plain.length; at += 16) {
    const block = plain.subarray(at, at + 16);
    const cipher = createCipheriv('aes-256-ecb', key, null).setAutoPadding(false);
    const encrypted = cipher.update(xor(block, lastEncrypted));
    lastEncrypted = xor(encrypted, lastPlain);
    lastPlain = block;
    out.push(lastEncrypted);
  }
  return Buffer.concat(out);
}

function xor(a: Buffer, b: Buffer): Buffer {
  return Buffer.from(a.map((byte, index) => byte ^ (b[index] ?? 0)));
}

const bytes = (options: { minLength: number; maxLength: number }) =>
  fc.uint8Array(options).map((array) => Buffer.from(array));
const words = fc
  .uint8Array({ minLength: 1, maxLength: 700 })
  .map((array) => Buffer.concat(Array(4).fill(Buffer.from(array))));
const long = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const authKey = bytes({ minLength: 256, maxLength: 256 });
const envelope: fc.Arbitrary<Envelope> = fc.record({
  salt: long,
  sessionId: long,
  messageId: long,
  sequence: fc.nat(2 ** 31 - 1),
  body: words,
});

describe('encryption', () => {
  test('IGE agrees with its definition and with GramJS, and is undone', () => {
    const input = fc.tuple(
      fc.integer({ min: 1, max: 40 }),
      bytes({ minLength: 32, maxLength: 32 }),
      bytes({ minLength: 32, maxLength: 32 }),
    );
    fc.assert(
      fc.property(input, ([blocks, key, iv]) => {
        const plain = randomBytes(16 * blocks);
        const encrypted = igeEncrypt(plain, key, iv);
        expect(encrypted).toEqual(simpleIge(plain, key, iv));
        expect(new IGE(key, iv).decryptIge(encrypted)).toEqual(plain);
        expect(igeDecrypt(encrypted, key, iv)).toEqual(plain);
      }),
    );
  });

  test('an envelope survives in both directions, and only in its own', () => {
    fc.assert(
      fc.property(
        authKey,
        envelope,
        fc.constantFrom('client' as const, 'server' as const),
        (key, content, sender) => {
          const packet = sealEnvelope(key, sender, content);
          expect(openEnvelope(key, sender, packet)).toEqual(content);
          expect(packet.subarray(0, 8).toString('hex')).toBe(authKeyId(key));
          expect(() =>
            openEnvelope(key, sender === 'client' ? 'server' : 'client', packet),
          ).toThrow(CryptoError);
        },
      ),
    );
  });

  test('a packet changed in any bit is refused', () => {
    fc.assert(
      fc.property(authKey, envelope, fc.nat(), (key, content, at) => {
        const packet = sealEnvelope(key, 'client', content);
        const index = 8 + (at % (packet.length - 8));
        packet[index] = (packet[index] ?? 0) ^ (1 << (at % 8));
        expect(() => openEnvelope(key, 'client', packet)).toThrow(CryptoError);
      }),
    );
  });
});

/** The client's end of an obfuscated stream. */
function obfuscated(
  framing: Framing,
  tag: string,
): { readonly header: Buffer; wrap(packet: Buffer): Buffer; unwrap(chunk: Buffer): Buffer } {
  const header = randomBytes(OBFUSCATED_HEADER);
  header.writeUInt32LE(0x11111111, 0);
  header.writeUInt32LE(0x22222222, 4);
  header.write(tag, 56, 'hex');
  const reversed = Buffer.from(header.subarray(8, 56)).reverse();
  const outgoing = createCipheriv('aes-256-ctr', header.subarray(8, 40), header.subarray(40, 56));
  const incoming = createCipheriv(
    'aes-256-ctr',
    reversed.subarray(0, 32),
    reversed.subarray(32, 48),
  );
  const encrypted = outgoing.update(header);
  return {
    header: Buffer.concat([header.subarray(0, 56), encrypted.subarray(56)]),
    wrap: (packet) => outgoing.update(framing.wrap(packet)),
    unwrap: (chunk) => incoming.update(chunk),
  };
}

interface ClientEnd {
  readonly header: Buffer;
  readonly framing: Framing;
  wrap(packet: Buffer): Buffer;
  unwrap(chunk: Buffer): Buffer;
}

function plain(framing: Framing, header: string): ClientEnd {
  return {
    header: Buffer.from(header, 'hex'),
    framing,
    wrap: (packet) => framing.wrap(packet),
    unwrap: (chunk) => chunk,
  };
}

function hidden(framing: Framing, tag: string): ClientEnd {
  return { framing, ...obfuscated(framing, tag) };
}

const TRANSPORTS: Readonly<Record<string, () => ClientEnd>> = {
  full: () => plain(fullFraming(), ''),
  abridged: () => plain(abridgedFraming(), 'ef'),
  intermediate: () => plain(intermediateFraming('intermediate'), 'eeeeeeee'),
  padded: () => plain(intermediateFraming('padded'), 'dddddddd'),
  'obfuscated-abridged': () => hidden(abridgedFraming(), 'efefefef'),
  'obfuscated-intermediate': () => hidden(intermediateFraming('intermediate'), 'eeeeeeee'),
  'obfuscated-padded': () => hidden(intermediateFraming('padded'), 'dddddddd'),
};

/** Lengths as encrypted packets have them. */
const packets = fc.array(
  fc.nat(120).map((blocks) => randomBytes(24 + 16 * blocks)),
  { minLength: 1, maxLength: 4 },
);

describe.each(Object.keys(TRANSPORTS))('transport %s', (name) => {
  const makeClient = TRANSPORTS[name] as () => ClientEnd;

  test('is recognised and delivers whole packets wherever the stream is split', () => {
    fc.assert(
      fc.property(packets, fc.array(fc.nat(), { maxLength: 12 }), (sent, cuts) => {
        const client = makeClient();
        const stream = Buffer.concat([client.header, ...sent.map((packet) => client.wrap(packet))]);
        const positions = [
          ...new Set([0, ...cuts.map((cut) => cut % stream.length), stream.length]),
        ].sort((a, b) => a - b);
        const transport = new Transport();
        const received = positions
          .slice(1)
          .flatMap((end, index) => transport.feed(stream.subarray(positions[index], end)));
        expect(received).toEqual(sent);
        expect(transport.kind).toBe(name);
      }),
      { numRuns: 60 },
    );
  });

  test('one byte at a time, and answers come back', () => {
    const client = makeClient();
    const packet = randomBytes(24 + 16 * 40);
    const transport = new Transport();
    const received = [...Buffer.concat([client.header, client.wrap(packet)])].flatMap((byte) =>
      transport.feed(Buffer.from([byte])),
    );
    expect(received).toEqual([packet]);
    const answer = randomBytes(24 + 16 * 40);
    expect(client.framing.take(client.unwrap(transport.wrap(answer)))?.packet).toEqual(answer);
  });
});

describe('framing', () => {
  test.each([
    [
      'a wrong checksum',
      () => Buffer.concat([fullFraming().wrap(randomBytes(40)).subarray(0, -1), Buffer.from([0])]),
      'checksum',
    ],
    [
      'a repeated packet number',
      () =>
        Buffer.concat([fullFraming().wrap(randomBytes(40)), fullFraming().wrap(randomBytes(40))]),
      'number 0',
    ],
    ['a huge length', () => Buffer.from('eeeeeeeeffffff7f', 'hex'), 'bytes'],
    ['an unknown obfuscated tag', () => randomHeader(), 'no transport'],
    ['an empty packet', () => Buffer.from('ef00', 'hex'), 'bytes'],
  ])('%s ends the stream', (_name, stream, message) => {
    expect(() => new Transport().feed(stream())).toThrow(FramingError);
    expect(() => new Transport().feed(stream())).toThrow(message);
  });

  test('a request for a quick acknowledgement is no longer packet', () => {
    const frame = intermediateFraming('intermediate').wrap(randomBytes(40));
    frame[3] = 0x80;
    expect(intermediateFraming('intermediate').take(frame)?.packet.length).toBe(40);
  });
});

function randomHeader(): Buffer {
  return obfuscated(abridgedFraming(), '12345678').header;
}

describe('messages', () => {
  test('containers and gzip survive', () => {
    const message = fc.record({ messageId: long, sequence: fc.nat(1000), body: words });
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 5 }),
        (list) => void expect(openContainer(packContainer(list))).toEqual(list),
      ),
    );
    fc.assert(
      fc.property(
        words,
        (body) => void expect(ungzip(gzipPacked(gzipPacked(body)))).toEqual(ungzip(body)),
      ),
    );
  });

  test("the server's ids grow for ever and tell answers from the rest", () => {
    const ids = new ServerMessageIds();
    fc.assert(
      fc.property(
        fc.integer({ min: 1.7e12, max: 1.9e12 }),
        fc.boolean(),
        fc.boolean(),
        (now, first, second) => {
          const a = ids.next(now, first);
          const b = ids.next(now, second);
          expect(b).toBeGreaterThan(a);
          expect([a & 3n, b & 3n]).toEqual([first ? 1n : 3n, second ? 1n : 3n]);
        },
      ),
    );
  });

  test.each([
    [0, 0n, null],
    [0, 1n, 18],
    [-299, 0n, null],
    [-301, 0n, 16],
    [29, 0n, null],
    [31, 0n, 17],
  ])("a client's id %i s from now with low bits %i: %s", (offsetS, low, expected) => {
    const now = 1_800_000_000;
    expect(judgeMessageId((BigInt(now + offsetS) << 32n) | low, now * 1000)).toBe(expected);
  });
});

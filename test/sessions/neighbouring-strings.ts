import { createHash } from 'node:crypto';
import type { SessionFormat } from '../../src/model/session.ts';
import { formatSession } from '../../src/sessions/format-session.ts';
import { parseSessionString } from '../../src/sessions/session-string.ts';
import { fixtureSession } from './fixture-sessions.ts';

/** Random-looking bytes that are the same in every run. */
const bytesFrom = (seed: string, count: number): Buffer =>
  Buffer.concat(
    Array.from({ length: Math.ceil(count / 64) }, (_, part) =>
      createHash('sha512').update(`${seed} ${part}`).digest(),
    ),
  ).subarray(0, count);

const runLengths = (data: Buffer): Buffer =>
  Buffer.from(
    data.toString('latin1').replace(/\0+/g, (run) => `\0${String.fromCharCode(run.length)}`),
    'latin1',
  );

export const key = (seed: number): Buffer => bytesFrom(`key ${seed}`, 256);
const dataCentreOf = (seed: number): number => 1 + (seed % 5);
export const userOf = (seed: number): Buffer => {
  const user = Buffer.alloc(8);
  user.writeBigInt64LE(BigInt(7_000_000_000 + seed));
  return user;
};

export const mtkruto = (seed: number, tail: Buffer, runs = true): string => {
  const data = Buffer.concat([
    Buffer.from([1, 0x30 + dataCentreOf(seed), 0, 0, 0xfe, 0, 1, 0]),
    key(seed),
    tail,
  ]);
  return (runs ? runLengths(data) : data).toString('base64url');
};
export const gotgproto = (seed: number): string => {
  const inner = JSON.stringify({
    DC: dataCentreOf(seed),
    Addr: '',
    AuthKey: key(seed).toString('base64'),
    AuthKeyID: '',
    Salt: seed,
  });
  return Buffer.from(
    JSON.stringify({ Version: 1, Data: Buffer.from(inner).toString('base64') }),
  ).toString('base64');
};
const session = (seed: number) =>
  fixtureSession({
    dataCentre: dataCentreOf(seed),
    authKey: Uint8Array.from(key(seed)),
    userId: BigInt(7_000_000_000 + seed),
  });
const older = (seed: number, version: number): string => {
  const data = Buffer.from(formatSession(session(seed), 'mtcute-string'), 'base64url');
  data.writeUInt8(version, 0);
  return data.toString('base64url');
};

const lengths = [260, 263, 264, 266, 267, 268, 269, 270, 271, 272, 275, 276, 280];
const lengthOf = (seed: number): number => lengths[seed % lengths.length] ?? 271;

/** A format beside those that fleet reads, or one of them. */
export interface Neighbour {
  readonly name: string;
  /** What it has to be taken for; null: for nothing. */
  readonly format: SessionFormat | null;
  readonly make: (seed: number) => string;
}

const rows: readonly [string, SessionFormat | null, (seed: number) => string][] = [
  ['MTKruto, data centre and key', null, (seed) => mtkruto(seed, Buffer.alloc(0))],
  [
    'MTKruto, with the application',
    null,
    (seed) => mtkruto(seed, Buffer.concat([Buffer.of(seed & 255, 1, 2, 0), userOf(seed)])),
  ],
  [
    'MTKruto, as long as a Pyrogram string',
    null,
    (seed) => mtkruto(seed, Buffer.alloc(seed % 6, 1)),
  ],
  ['MTKruto, without run lengths', null, (seed) => mtkruto(seed, userOf(seed), false)],
  ['gotgproto', null, gotgproto],
  ['mtcute 1 and 2', null, (seed) => older(seed, 1 + (seed % 2))],
  [
    'random bytes in base64',
    null,
    (seed) => bytesFrom(`random ${seed}`, lengthOf(seed)).toString('base64url'),
  ],
  [
    'random bytes in base64 behind a 1',
    null,
    (seed) => `1${bytesFrom(`random ${seed}`, lengthOf(seed)).toString('base64')}`,
  ],
  [
    'random bytes behind a data centre',
    null,
    (seed) =>
      Buffer.concat([
        Buffer.of(dataCentreOf(seed)),
        bytesFrom(`r ${seed}`, lengthOf(seed) - 1),
      ]).toString('base64url'),
  ],
  ['Telethon', 'telethon-string', (seed) => formatSession(session(seed), 'telethon-string')],
  ['GramJS', 'gramjs-string', (seed) => formatSession(session(seed), 'gramjs-string')],
  [
    'Pyrogram',
    'pyrogram-string',
    (seed) => formatSession(session(seed), 'pyrogram-string', 12_345 + seed),
  ],
  ['mtcute', 'mtcute-string', (seed) => formatSession(session(seed), 'mtcute-string')],
];

export const neighbours: readonly Neighbour[] = rows.map(([name, format, make]) => ({
  name,
  format,
  make,
}));

/**
 * How many of `count` strings are taken for another format, or give another key. `from`: number of
 * the first one.
 */
export const wronglyAccepted = ({ format, make }: Neighbour, count: number, from = 0): number => {
  let wrong = 0;
  for (let seed = from; seed < from + count; seed += 1) {
    const outcome = parseSessionString(make(seed));
    const isRight = outcome.ok
      ? outcome.format === format && key(seed).equals(outcome.session.authKey)
      : format === null;
    wrong += isRight ? 0 : 1;
  }
  return wrong;
};

import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, test } from 'vitest';
import type { SessionFormat } from '../../src/model/session.ts';
import { formatSession } from '../../src/sessions/format-session.ts';
import { parseSessionString } from '../../src/sessions/session-string.ts';
import { readSessionSource } from '../../src/vault/read-session-source.ts';
import { temporaryDirectory } from '../vault/session-files.ts';
import { fixtureSession } from './fixture-sessions.ts';

/** Random-looking bytes that are the same in every run. */
const bytesFrom = (seed: string, count: number): Buffer =>
  Buffer.concat(
    Array.from({ length: Math.ceil(count / 64) }, (_, part) => createHash('sha512').update(`${seed} ${part}`).digest()),
  ).subarray(0, count);

const runLengths = (data: Buffer): Buffer =>
  Buffer.from(
    data.toString('latin1').replace(/\0+/g, (run) => `\0${String.fromCharCode(run.length)}`),
    'latin1',
  );

const key = (seed: number): Buffer => bytesFrom(`key ${seed}`, 256);
const dataCentreOf = (seed: number): number => 1 + (seed % 5);
const userOf = (seed: number): Buffer => {
  const user = Buffer.alloc(8);
  user.writeBigInt64LE(BigInt(7_000_000_000 + seed));
  return user;
};

const mtkruto = (seed: number, tail: Buffer, runs = true): string => {
  const data = Buffer.concat([Buffer.from([1, 0x30 + dataCentreOf(seed), 0, 0, 0xfe, 0, 1, 0]), key(seed), tail]);
  return (runs ? runLengths(data) : data).toString('base64url');
};
const gotgproto = (seed: number): string => {
  const inner = JSON.stringify({ DC: dataCentreOf(seed), Addr: '', AuthKey: key(seed).toString('base64'), AuthKeyID: '', Salt: seed });
  return Buffer.from(JSON.stringify({ Version: 1, Data: Buffer.from(inner).toString('base64') })).toString('base64');
};
const session = (seed: number) =>
  fixtureSession({ dataCentre: dataCentreOf(seed), authKey: Uint8Array.from(key(seed)), userId: BigInt(7_000_000_000 + seed) });
const older = (seed: number, version: number): string => {
  const data = Buffer.from(formatSession(session(seed), 'mtcute-string'), 'base64url');
  data.writeUInt8(version, 0);
  return data.toString('base64url');
};

describe('20,000 strings each', () => {
  const lengths = [260, 263, 264, 266, 267, 268, 269, 270, 271, 272, 275, 276, 280];
  const lengthOf = (seed: number): number => lengths[seed % lengths.length] ?? 271;
  const makers: readonly [string, SessionFormat | null, (seed: number) => string][] = [
    ['MTKruto, data centre and key', null, (seed) => mtkruto(seed, Buffer.alloc(0))],
    ['MTKruto, with the application', null, (seed) => mtkruto(seed, Buffer.concat([Buffer.of(seed & 255, 1, 2, 0), userOf(seed)]))],
    ['MTKruto, as long as a Pyrogram string', null, (seed) => mtkruto(seed, Buffer.alloc(seed % 6, 1))],
    ['MTKruto, without run lengths', null, (seed) => mtkruto(seed, userOf(seed), false)],
    ['gotgproto', null, gotgproto],
    ['mtcute 1 and 2', null, (seed) => older(seed, 1 + (seed % 2))],
    ['random bytes in base64', null, (seed) => bytesFrom(`random ${seed}`, lengthOf(seed)).toString('base64url')],
    ['random bytes in base64 behind a 1', null, (seed) => `1${bytesFrom(`random ${seed}`, lengthOf(seed)).toString('base64')}`],
    [
      'random bytes behind a data centre',
      null,
      (seed) => Buffer.concat([Buffer.of(dataCentreOf(seed)), bytesFrom(`r ${seed}`, lengthOf(seed) - 1)]).toString('base64url'),
    ],
    ['Telethon', 'telethon-string', (seed) => formatSession(session(seed), 'telethon-string')],
    ['GramJS', 'gramjs-string', (seed) => formatSession(session(seed), 'gramjs-string')],
    ['Pyrogram', 'pyrogram-string', (seed) => formatSession(session(seed), 'pyrogram-string', 12_345 + seed)],
    ['mtcute', 'mtcute-string', (seed) => formatSession(session(seed), 'mtcute-string')],
  ];
  test.each(makers)('%s: none is taken for another format, none gives another key', (_, format, make) => {
    let wrong = 0;
    for (let seed = 0; seed < 20_000; seed++) {
      const outcome = parseSessionString(make(seed));
      const isRight = outcome.ok ? outcome.format === format && key(seed).equals(outcome.session.authKey) : format === null;
      wrong += isRight ? 0 : 1;
    }
    expect(wrong).toBe(0);
  });
});

describe('what fleet does not read gets a sentence of its own', () => {
  const folder =
    (name: string, ...files: string[]) =>
    (directory: string): string => {
      const path = join(directory, name);
      mkdirSync(path);
      for (const file of files) writeFileSync(join(path, file), 'x');
      return path;
    };
  const file =
    (name: string, content: string | Buffer) =>
    (directory: string): string => {
      const path = join(directory, name);
      writeFileSync(path, content, { mode: 0o600 });
      return path;
    };
  const tables =
    (...names: string[]) =>
    (directory: string): string => {
      const path = join(directory, 'a.session');
      const database = new Database(path);
      for (const name of names) database.exec(`create table ${name} (x)`);
      database.close();
      return path;
    };
  const cases: readonly [string, RegExp, (directory: string) => string][] = [
    ['a tdata folder', /Telegram Desktop/, folder('tdata', 'key_datas', 'settingss')],
    ['a renamed tdata folder', /Telegram Desktop/, folder('anna', 'D877F783D5D3EF8Cs')],
    ['a file of tdata', /Telegram Desktop/, file('key_datas', Buffer.from('TDF$\x01\x02'))],
    ['a StoreSession folder', /StoreSession/, folder('anna', 'anna.anna%3AauthKey', 'anna.anna%3AdcId')],
    ['a TDLib folder', /TDLib/, folder('tdlib', 'td.binlog', 'db.sqlite')],
    ['a TDLib log', /TDLib/, file('td.binlog', key(1))],
    ['an encrypted TDLib database', /TDLib/, file('db.sqlite', key(2))],
    ['a MadelineProto folder', /MadelineProto/, folder('session.madeline', 'safe.php', 'ipcState.php')],
    ['an old MadelineProto file', /MadelineProto/, file('session.madeline', '<?php __HALT_COMPILER();\0\x01')],
    ['a gotd file', /gotd/, file('session.json', JSON.stringify({ Version: 1, Data: { DC: 2, AuthKey: 'x' } }))],
    ['a gotgproto string', /gotd/, file('a.txt', gotgproto(1))],
    ['a tdl database', /tdl/, file('default', Buffer.concat([Buffer.alloc(16), Buffer.from('edda0ced', 'hex'), Buffer.alloc(4076)]))],
    ['an MTKruto string', /MTKruto/, file('a.txt', mtkruto(3, userOf(3)))],
    ['an MTKruto database', /MTKruto/, tables('kv', 'queue', 'data_version')],
    ['Telethon 2', /Telethon 2/, tables('version', 'datacenter', 'user', 'state', 'channel')],
    ['grammers', /grammers/, tables('dc_home', 'dc_option', 'peer_info')],
    ['a sidecar', /description/, file('anna.json', '{\n "app_id": 4, "app_hash": "x", "device": "PC" }')],
    ['a zip', /zip/, file('tdata.zip', Buffer.from('PK\x03\x04\x14'))],
  ];
  test.each(cases)('%s', async (_, name, build) => {
    expect(await readSessionSource(build(temporaryDirectory()), 'it')).toMatchObject({
      ok: false,
      code: 'OTHER_FORMAT',
      message: expect.stringMatching(name),
      hint: expect.stringMatching(/.{20}\.$/),
    });
  });

  it('says of any other folder that it is one', async () => {
    expect(await readSessionSource(folder('sessions', 'a.session')(temporaryDirectory()))).toMatchObject({
      code: 'UNREADABLE',
      message: expect.stringMatching(/is a folder/),
    });
  });
});

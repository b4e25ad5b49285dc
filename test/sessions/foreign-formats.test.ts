import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { describe, expect, it, test } from 'vitest';
import { readSessionSource } from '../../src/vault/read-session-source.ts';
import { temporaryDirectory } from '../vault/session-files.ts';
import {
  gotgproto,
  key,
  mtkruto,
  neighbours,
  userOf,
  wronglyAccepted,
} from './neighbouring-strings.ts';

test.each(neighbours)(
  '2,000 strings of $name: none is taken for another format, none gives another key',
  (neighbour) => expect(wronglyAccepted(neighbour, 2_000)).toBe(0),
);

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
    [
      'a StoreSession folder',
      /StoreSession/,
      folder('anna', 'anna.anna%3AauthKey', 'anna.anna%3AdcId'),
    ],
    ['a TDLib folder', /TDLib/, folder('tdlib', 'td.binlog', 'db.sqlite')],
    ['a TDLib log', /TDLib/, file('td.binlog', key(1))],
    ['an encrypted TDLib database', /TDLib/, file('db.sqlite', key(2))],
    [
      'a MadelineProto folder',
      /MadelineProto/,
      folder('session.madeline', 'safe.php', 'ipcState.php'),
    ],
    [
      'an old MadelineProto file',
      /MadelineProto/,
      file('session.madeline', '<?php __HALT_COMPILER();\0\x01'),
    ],
    [
      'a gotd file',
      /gotd/,
      file('session.json', JSON.stringify({ Version: 1, Data: { DC: 2, AuthKey: 'x' } })),
    ],
    ['a gotgproto string', /gotd/, file('a.txt', gotgproto(1))],
    [
      'a tdl database',
      /tdl/,
      file(
        'default',
        Buffer.concat([Buffer.alloc(16), Buffer.from('edda0ced', 'hex'), Buffer.alloc(4076)]),
      ),
    ],
    ['an MTKruto string', /MTKruto/, file('a.txt', mtkruto(3, userOf(3)))],
    ['an MTKruto database', /MTKruto/, tables('kv', 'queue', 'data_version')],
    ['Telethon 2', /Telethon 2/, tables('version', 'datacenter', 'user', 'state', 'channel')],
    ['grammers', /grammers/, tables('dc_home', 'dc_option', 'peer_info')],
    [
      'a sidecar',
      /description/,
      file('anna.json', '{\n "app_id": 4, "app_hash": "x", "device": "PC" }'),
    ],
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
    expect(
      await readSessionSource(folder('sessions', 'a.session')(temporaryDirectory())),
    ).toMatchObject({
      code: 'UNREADABLE',
      message: expect.stringMatching(/is a folder/),
    });
  });
});

import { execFileSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import {
  convertFromGramjsSession,
  convertFromPyrogramSession,
  convertFromTelethonSession,
} from '@mtcute/convert';
import { readStringSession } from '@mtcute/core/utils.js';
import Database from 'better-sqlite3';
import { StringSession } from 'telegram/sessions/index.js';
import { expect, test } from 'vitest';
import type { SessionStringFormat } from '../../src/model/session.ts';
import { canonicalAddress } from '../../src/sessions/data-centres.ts';
import { formatSession } from '../../src/sessions/format-session.ts';
import { exportSession } from '../../src/vault/export-session.ts';
import { readSessionSource } from '../../src/vault/read-session-source.ts';
import { fixtureKey, fixtureSession } from '../sessions/fixture-sessions.ts';
import { temporaryDirectory } from './session-files.ts';

const readers: readonly [
  SessionStringFormat,
  (text: string) => ReturnType<typeof readStringSession>,
][] = [
  ['gramjs-string', convertFromGramjsSession],
  ['telethon-string', convertFromTelethonSession],
  ['pyrogram-string', convertFromPyrogramSession],
  ['mtcute-string', readStringSession],
];

test.each(readers)('%s is read back by a library that fleet does not use', (format, read) => {
  for (const dataCentre of [1, 2, 3, 4, 5])
    for (const isBot of [false, true]) {
      const session = fixtureSession({ dataCentre, isBot, authKey: fixtureKey(dataCentre) });
      const back = read(formatSession(session, format, 4321));
      expect([back.primaryDcs.main.id, Buffer.from(back.authKey)]).toEqual([
        dataCentre,
        Buffer.from(session.authKey),
      ]);
      const self =
        format === 'pyrogram-string' || format === 'mtcute-string'
          ? [Number(session.userId), isBot]
          : [undefined, undefined];
      expect([back.self?.userId, back.self?.isBot]).toEqual(self);
    }
});

test('gramjs-string and telethon-string are read back by GramJS itself', async () => {
  for (const format of ['gramjs-string', 'telethon-string'] as const)
    for (const dataCentre of [1, 2, 3, 4, 5]) {
      const session = fixtureSession({ dataCentre, authKey: fixtureKey(dataCentre) });
      const read = new StringSession(formatSession(session, format));
      await read.load();
      expect([read.dcId, read.serverAddress, read.port, read.authKey?.getKey()]).toEqual([
        ...[dataCentre, canonicalAddress(dataCentre), 443, Buffer.from(session.authKey)],
      ]);
    }
});

/** Debian's own; setup installs python3-telethon where there is apt. */
const python = '/usr/bin/python3';
const hasTelethon = (): boolean => {
  try {
    execFileSync(python, ['-c', 'import telethon'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

test.skipIf(!hasTelethon())(
  'telethon and telethon-string are read back by Telethon itself',
  async () => {
    const directory = temporaryDirectory();
    const sessions = [1, 2, 3, 4, 5].map((dataCentre) =>
      fixtureSession({ dataCentre, authKey: fixtureKey(dataCentre) }),
    );
    const exported: string[] = [];
    for (const session of sessions)
      for (const format of ['telethon', 'telethon-string'] as const) {
        const path = join(directory, `${format}-${session.dataCentre}.session`);
        await exportSession(path, session, format);
        exported.push(format === 'telethon' ? 'file' : 'string', path);
      }
    const lines = execFileSync(python, [resolve('test/vault/read-by-telethon.py'), ...exported], {
      encoding: 'utf8',
    })
      .trim()
      .split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(
      sessions.flatMap(({ dataCentre, authKey, userId }) => {
        const found = {
          dc: dataCentre,
          address: canonicalAddress(dataCentre),
          port: 443,
          key: Buffer.from(authKey).toString('hex'),
        };
        return [{ ...found, self: Number(userId) }, found];
      }),
    );
  },
);

/**
 * Name and type of each column of Pyrogram's own storage (schema 3), in order. The library is in no
 * registry of npm or Debian, so its schema stands for it.
 */
const pyrogramColumns = {
  sessions:
    'dc_id INTEGER, api_id INTEGER, test_mode INTEGER, auth_key BLOB, date INTEGER, ' +
    'user_id INTEGER, is_bot INTEGER',
  peers:
    'id INTEGER, access_hash INTEGER, type INTEGER, username TEXT, phone_number TEXT, ' +
    'last_update_on INTEGER',
  version: 'number INTEGER',
};

test('pyrogram has each column of Pyrogram, by name, type and order; takes its writes, and its upgrade to schema 4', async () => {
  for (const dataCentre of [1, 2, 3, 4, 5])
    for (const isBot of [false, true]) {
      const path = join(temporaryDirectory(), 'anna.session');
      const session = fixtureSession({ dataCentre, isBot, authKey: fixtureKey(dataCentre) });
      await exportSession(path, session, 'pyrogram', 4321);
      const file = new Database(path);
      const columns = (table: string) =>
        (file.pragma(`table_info(${table})`) as { name: string; type: string }[]).map(
          ({ name, type }) => `${name} ${type.toUpperCase()}`,
        );
      for (const [table, wanted] of Object.entries(pyrogramColumns))
        expect(columns(table).join(', '), table).toBe(wanted);
      // One row, whose fields are asked for one by one.
      const field = (name: string) => file.prepare(`select ${name} from sessions`).pluck().all();
      const found = ['dc_id', 'api_id', 'test_mode', 'auth_key', 'user_id', 'is_bot'].map(field);
      const self = [[Number(session.userId)], [isBot ? 1 : 0]];
      expect(found).toEqual([[dataCentre], [4321], [0], [Buffer.from(session.authKey)], ...self]);
      expect(file.prepare('select number from version').pluck().all()).toEqual([3]);
      file.prepare('update sessions set date = ?').run(1_700_000_000);
      const put = file.prepare(
        'replace into peers (id, access_hash, type, username, phone_number) values (?, ?, ?, ?, ?)',
      );
      for (const name of ['anna', 'anne']) put.run(77, 5, 'user', name, null);
      file.exec('update peers set last_update_on = 0');
      expect(
        file
          .prepare('select id, access_hash, type, username, last_update_on > 0 from peers')
          .raw()
          .all(),
      ).toEqual([[77, 5, 'user', 'anne', 1]]);
      file.exec(
        'create table usernames (id integer, username text, foreign key (id) references ' +
          'peers(id)); update version set number = 4; vacuum',
      );
      file.close();
      expect(await readSessionSource(path)).toMatchObject({
        ok: true,
        format: 'pyrogram',
        session: { dataCentre, isBot },
      });
    }
});

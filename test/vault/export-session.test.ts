import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { expect, it, test } from 'vitest';
import type { WrittenFormat } from '../../src/model/session.ts';
import { exportSession } from '../../src/vault/export-session.ts';
import { readSessionSource } from '../../src/vault/read-session-source.ts';
import { fixtureKey, fixtureSession, fixtureUserId } from '../sessions/fixture-sessions.ts';
import { temporaryDirectory } from './session-files.ts';

const formats: readonly [WrittenFormat, boolean, boolean][] = [
  ['pyrogram', true, true],
  ['pyrogram-string', true, true],
  ['telethon', true, false],
  ['telethon-string', false, false],
  ['gramjs-string', false, false],
  ['mtcute-string', true, false],
];

test.each(formats)(
  'an exported %s file can be imported again',
  async (format, carriesUser, carriesApi) => {
    const directory = temporaryDirectory();
    const path = join(directory, 'out');
    const session = fixtureSession({ dataCentre: 5 });
    await exportSession(path, session, format, 4321);
    expect(await readSessionSource(path)).toEqual({
      ok: true,
      format,
      apiId: carriesApi ? 4321 : null,
      session: carriesUser ? session : { ...session, userId: null },
      warnings: carriesUser ? [] : [expect.objectContaining({ code: 'USER_UNKNOWN' })],
    });
    expect([readdirSync(directory), statSync(path).mode & 0o777]).toEqual([['out'], 0o600]);
  },
);

test.each(['telethon', 'telethon-string'] as const)(
  '%s is written without a user, %s needs none',
  async (format) => {
    const path = join(temporaryDirectory(), 'out');
    await exportSession(path, fixtureSession({ userId: null }), format);
    expect(await readSessionSource(path)).toMatchObject({ ok: true, session: { userId: null } });
  },
);

it('writes what Telethon and Pyrogram read by position and by name', async () => {
  const directory = temporaryDirectory();
  await exportSession(join(directory, 't'), fixtureSession({ dataCentre: 1 }), 'telethon');
  await exportSession(join(directory, 'p'), fixtureSession({ isBot: true }), 'pyrogram');
  const rows = (name: string, sql: string): unknown => {
    const database = new Database(join(directory, name), { readonly: true });
    const found = database.prepare(sql).raw().all();
    database.close();
    return found;
  };
  const key = Buffer.from(fixtureKey(1));
  expect(rows('t', 'select * from sessions')).toEqual([[1, '149.154.175.56', 443, key, null]]);
  expect(rows('t', 'select * from version')).toEqual([[7]]);
  expect(rows('t', 'select id, hash from entities')).toEqual([[0, Number(fixtureUserId)]]);
  expect(
    rows('p', 'select dc_id, api_id, test_mode, auth_key, date, user_id, is_bot from sessions'),
  ).toEqual([[2, null, 0, key, 0, Number(fixtureUserId), 1]]);
  expect(rows('p', 'select number from version')).toEqual([[3]]);
});

it('never overwrites, and writes nothing where the format cannot hold the session', async () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'out');
  await expect(exportSession(path, fixtureSession({ userId: null }), 'pyrogram')).rejects.toThrow(
    expect.objectContaining({ code: 'usage' }),
  );
  expect(readdirSync(directory)).toEqual([]);
  writeFileSync(path, 'mine');
  await expect(exportSession(path, fixtureSession(), 'gramjs-string')).rejects.toThrow(
    expect.objectContaining({ code: 'usage' }),
  );
  expect(readFileSync(path, 'utf8')).toBe('mine');
  await expect(exportSession(join(path, 'deeper'), fixtureSession(), 'telethon')).rejects.toThrow(
    expect.objectContaining({ code: 'vault' }),
  );
});

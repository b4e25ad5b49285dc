import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { onTestFinished } from 'vitest';
import { fixtureKey, fixtureUserId } from '../sessions/fixture-sessions.ts';

/** A directory that is gone after the test. */
export const temporaryDirectory = (): string => {
  const directory = mkdtempSync(join(tmpdir(), 'fleet-sessions-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
};

/**
 * What an import must leave as it was: names, contents, sizes, rights and times of everything in a
 * directory.
 */
export const snapshot = (directory: string): unknown =>
  readdirSync(directory, { encoding: 'utf8', recursive: true })
    .sort()
    .map((name) => {
      const stats = statSync(join(directory, name));
      const { size, mode, mtimeMs, ino } = stats;
      return {
        name,
        size,
        mode,
        mtimeMs,
        ino,
        content: stats.isFile() ? readFileSync(join(directory, name)).toString('base64') : null,
      };
    });

/** The schemas of the libraries, as far as they differ in ways that matter here. */
export const sessionSchemas = {
  'Pyrogram 2': `create table sessions (dc_id integer primary key, test_mode integer, auth_key blob, date integer not null, user_id integer, is_bot integer);
    create table peers (id integer primary key, access_hash integer); create table version (number integer primary key);
    insert into version values (2); insert into sessions values (@dc, 0, @key, 0, @user, 0);`,
  'Pyrogram 3': `create table sessions (dc_id integer primary key, api_id integer, test_mode integer, auth_key blob, date integer not null, user_id integer, is_bot integer);
    create table peers (id integer primary key, access_hash integer); create table version (number integer primary key);
    insert into version values (3); insert into sessions values (@dc, 4321, 0, @key, 0, @user, 0);`,
  'Pyrofork 4': `create table sessions (dc_id integer primary key, api_id integer, test_mode integer, auth_key blob, date integer not null, user_id integer, is_bot integer);
    create table usernames (id text primary key, peer_id integer); create table version (number integer primary key);
    insert into version values (4); insert into sessions values (@dc, 4321, 0, @key, 0, @user, 0);`,
  'Kurigram 6': `create table sessions (dc_id integer primary key, api_id integer, test_mode integer, auth_key blob, date integer not null, user_id integer, is_bot integer);
    create table update_state (id integer primary key, pts integer); create table version (number integer primary key);
    insert into version values (6); insert into sessions values (@dc, 4321, 0, @key, 0, @user, 0);`,
  'Kurigram 7, new': `create table sessions (dc_id integer primary key, server_address text, port integer, api_id integer, test_mode integer, auth_key blob, date integer not null, user_id integer, is_bot integer);
    create table version (number integer primary key);
    insert into version values (7); insert into sessions values (@dc, '149.154.167.51', 443, 4321, 0, @key, 0, @user, 0);`,
  'Kurigram 7, migrated': `create table sessions (dc_id integer primary key, test_mode integer, auth_key blob, date integer not null, user_id integer, is_bot integer, api_id integer);
    alter table sessions add server_address text; alter table sessions add port integer; create table version (number integer primary key);
    insert into version values (7); insert into sessions values (@dc, 0, @key, 0, @user, 0, 4321, '149.154.167.51', 443);`,
  'Kurigram 8': `create table sessions (dc_id integer primary key, server_address text, port integer, api_id integer, test_mode integer, auth_key blob, date integer not null, user_id integer, is_bot integer);
    create table version (number integer primary key);
    insert into version values (8); insert into sessions values (@dc, '149.154.167.51', 443, 4321, 0, @key, 0, @user, 0);`,
  'Telethon 7': `create table version (version integer primary key);
    create table sessions (dc_id integer primary key, server_address text, port integer, auth_key blob, takeout_id integer);
    create table entities (id integer primary key, hash integer not null, username text, phone integer, name text, date integer);
    insert into version values (7); insert into sessions values (@dc, '149.154.167.51', 443, @key, null); insert into entities (id, hash) values (0, @user);`,
  'Telethon 7, without rowid': `create table version (version integer primary key) without rowid;
    create table sessions (dc_id integer primary key, server_address text, port integer, auth_key blob, takeout_id integer) without rowid;
    create table entities (id integer primary key, hash integer not null) without rowid;
    insert into version values (7); insert into sessions values (@dc, '2001:67c:4e8:f002::a', 443, @key, null); insert into entities (id, hash) values (0, @user);`,
  'Telethon 8': `create table version (version integer primary key);
    create table sessions (dc_id integer primary key, server_address text, port integer, auth_key blob, takeout_id integer, tmp_auth_key blob);
    create table entities (id integer primary key, hash integer not null, username text, phone integer, name text, date integer);
    create table later (id integer primary key);
    insert into version values (8); insert into sessions values (@dc, '149.154.167.51', 443, @key, null, x'00'); insert into entities (id, hash) values (0, @user);`,
} as const;

export type SchemaName = keyof typeof sessionSchemas;

/** What to do to a session file after it was filled; runs in the same connection. */
export interface FileOptions {
  readonly dataCentre?: number;
  readonly key?: Uint8Array | null;
  readonly userId?: bigint | null;
  readonly mode?: 'delete' | 'wal';
  readonly then?: string;
}

const literal = (value: Uint8Array | bigint | number | null): string =>
  value === null
    ? 'null'
    : value instanceof Uint8Array
      ? `x'${Buffer.from(value).toString('hex')}'`
      : value.toString();

/**
 * Writes `DIRECTORY/NAME` with mode 0600 the way the library of that schema leaves it after a clean
 * exit.
 */
export const writeSessionFile = (
  path: string,
  schema: SchemaName,
  options: FileOptions = {},
): string => {
  const umask = process.umask(0o077);
  const database = new Database(path);
  process.umask(umask);
  database.pragma(`journal_mode = ${options.mode ?? 'delete'}`);
  const sql = sessionSchemas[schema]
    .replaceAll('@dc', literal(options.dataCentre ?? 2))
    .replaceAll('@key', literal(options.key === undefined ? fixtureKey(1) : options.key))
    .replaceAll('@user', literal(options.userId === undefined ? fixtureUserId : options.userId));
  database.exec(sql);
  database.exec(options.then ?? '');
  database.close();
  return path;
};

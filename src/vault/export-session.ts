import Database from 'better-sqlite3';
import { FleetError } from '../model/errors.ts';
import type { Session, WrittenFormat } from '../model/session.ts';
import { canonicalAddress, dataCentrePort } from '../sessions/data-centres.ts';
import { formatSession, isStringFormat, requireUserId } from '../sessions/format-session.ts';
import { systemWords } from '../surroundings/system-error.ts';
import { createDurableFile, systemCode } from './durable-file.ts';

/** What Pyrogram 2 (schema 3) and the forks that upgrade from it expect to find. */
const pyrogramSchema = `
  create table sessions (dc_id integer primary key, api_id integer, test_mode integer, auth_key blob, date integer not null, user_id integer, is_bot integer);
  create table peers (id integer primary key, access_hash integer, type integer not null, username text, phone_number text,
    last_update_on integer not null default (cast(strftime('%s', 'now') as integer)));
  create table version (number integer primary key);
  create index idx_peers_id on peers (id);
  create index idx_peers_username on peers (username);
  create index idx_peers_phone_number on peers (phone_number);
  create trigger trg_peers_last_update_on after update on peers
    begin update peers set last_update_on = cast(strftime('%s', 'now') as integer) where id = new.id; end;
  insert into version values (3);
`;

/**
 * What Telethon 1.x (schema 7) expects; it reads rows by position, so the order of the columns
 * matters.
 */
const telethonSchema = `
  create table version (version integer primary key);
  create table sessions (dc_id integer primary key, server_address text, port integer, auth_key blob, takeout_id integer);
  create table entities (id integer primary key, hash integer not null, username text, phone integer, name text, date integer);
  create table sent_files (md5_digest blob, file_size integer, type integer, id integer, hash integer, primary key (md5_digest, file_size, type));
  create table update_state (id integer primary key, pts integer, qts integer, date integer, seq integer);
  insert into version values (7);
`;

const fillPyrogram = (
  database: Database.Database,
  session: Session,
  apiId: number | null,
): void => {
  const userId = requireUserId(session, 'pyrogram');
  database.exec(pyrogramSchema);
  database
    .prepare(
      'insert into sessions (dc_id, api_id, test_mode, auth_key, date, user_id, is_bot) ' +
        'values (?, ?, 0, ?, 0, ?, ?)',
    )
    .run(session.dataCentre, apiId, Buffer.from(session.authKey), userId, session.isBot ? 1 : 0);
};

const fillTelethon = (database: Database.Database, session: Session): void => {
  database.exec(telethonSchema);
  database
    .prepare('insert into sessions values (?, ?, ?, ?, null)')
    .run(
      session.dataCentre,
      canonicalAddress(session.dataCentre),
      dataCentrePort,
      Buffer.from(session.authKey),
    );
  if (session.userId !== null) {
    database.prepare('insert into entities (id, hash) values (0, ?)').run(session.userId);
  }
};

/** Built in memory, so that no journal with a key in it is ever on disk. */
const sqliteImage = (
  session: Session,
  format: 'pyrogram' | 'telethon',
  apiId: number | null,
): Buffer => {
  const database = new Database(':memory:');
  try {
    if (format === 'pyrogram') {
      fillPyrogram(database, session, apiId);
    } else {
      fillTelethon(database, session);
    }
    return database.serialize();
  } finally {
    database.close();
  }
};

/**
 * Writes a session in any format to a new file (mode 0600, durable): `pyrogram` as schema 3,
 * `telethon` as schema 7, strings as one line.
 * This is the one act that puts a session on disk unencrypted, on the operator's demand. Throws
 * `usage` where the file exists or the
 * format must carry a user id that is unknown, `vault` where the file cannot be written.
 */
export const exportSession = async (
  path: string,
  session: Session,
  format: WrittenFormat,
  apiId: number | null = null,
): Promise<void> => {
  const content = isStringFormat(format)
    ? Buffer.from(`${formatSession(session, format, apiId)}\n`, 'latin1')
    : sqliteImage(session, format, apiId);
  try {
    await createDurableFile(path, content);
  } catch (error) {
    const exists = systemCode(error) === 'EEXIST';
    const { said, hint } = systemWords(error);
    throw new FleetError(
      exists ? 'usage' : 'vault',
      exists ? `${path} exists already` : `${path} cannot be written: ${said}`,
      {
        hint: exists
          ? 'Name a new file: an export never overwrites one.'
          : (hint ?? 'Check the directory, its rights and the free space.'),
        cause: error,
      },
    );
  } finally {
    content.fill(0);
  }
};

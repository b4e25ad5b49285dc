import { assembleSession, type SessionFacts } from './assemble-session.ts';
import { foreignTables, refuseForeign } from './foreign-formats.ts';
import { parseMtcuteTables } from './mtcute-tables.ts';
import {
  refuse,
  type SessionOutcome,
  type SessionRefusal,
  type SessionWarning,
} from './session-outcome.ts';
import type { SessionTables, SqliteCell } from './sqlite-table.ts';

type Kind = 'pyrogram' | 'telethon' | 'mtcute';
/** One login, in one row. */
type RowKind = Exclude<Kind, 'mtcute'>;
type Row = Readonly<Record<string, SqliteCell>>;

/** Pyrogram 1.x and 2.x up to 3; Pyrofork 4; Kurigram 4 to 8. */
const newestOfficialPyrogram = 3n;
const newestOfForks = 8n;
const newestTelethon = 8n;
/**
 * All libraries only ever add columns and tables, so a version beyond the newest one known is read
 * by column name. More than this is damage.
 */
const farthestVersion = 999n;

/** `false` is no SQLite value, so a row with a column named `ok` is not taken for a refusal. */
const isRefusal = (value: unknown): value is SessionRefusal =>
  typeof value === 'object' && value !== null && 'ok' in value && value.ok === false;

const describe = (tables: SessionTables): string =>
  tables.size === 0 ? 'none' : [...tables.keys()].sort().slice(0, 12).join(', ');

/**
 * Decided by columns, not by table names: a Pyrogram fork with `server_address` is not Telethon.
 */
const kindOf = (tables: SessionTables, where: string): Kind | SessionRefusal => {
  const columns = new Set(tables.get('sessions')?.columns ?? []);
  const keyed = columns.has('dc_id') && columns.has('auth_key') && tables.has('version');
  const isTelethon =
    columns.has('server_address') && columns.has('port') && !columns.has('test_mode');
  if (keyed && columns.has('test_mode') && columns.has('user_id')) {
    return 'pyrogram';
  }
  if (keyed && isTelethon && (columns.has('takeout_id') || !columns.has('user_id'))) {
    return 'telethon';
  }
  if (tables.has('key_value') && tables.has('auth_keys')) {
    return 'mtcute';
  }
  const other = foreignTables(tables);
  if (other !== undefined) {
    return refuseForeign(other, where);
  }
  const hint =
    'Give a session file of Pyrogram (or Pyrofork, Kurigram) or Telethon, or a string session.';
  return refuse(
    'WRONG_TABLES',
    where,
    `is an SQLite file, but not a session: its tables are ${describe(tables)}`,
    hint,
  );
};

const integer = (row: Row, column: string, where: string): bigint | null | SessionRefusal => {
  const cell = row[column] ?? null;
  if (cell === null || typeof cell === 'bigint') {
    return cell;
  }
  if (typeof cell === 'number' && Number.isSafeInteger(cell)) {
    return BigInt(cell);
  }
  return refuse(
    'CORRUPT',
    where,
    `column ${column} holds no whole number`,
    'The file is damaged or was edited: take an intact copy.',
  );
};

const readVersion = (
  tables: SessionTables,
  kind: RowKind,
  where: string,
): bigint | SessionRefusal => {
  const { columns = [], rows = [] } = tables.get('version') ?? {};
  const column = columns.find((name) => name === 'number' || name === 'version');
  const [row] = rows;
  const version =
    column === undefined || row === undefined || rows.length !== 1
      ? null
      : integer(row, column, where);
  if (typeof version === 'bigint' && version >= 1n && version <= farthestVersion) {
    return version;
  }
  const shown = typeof version === 'bigint' ? `version ${version}` : 'no readable version number';
  const hint = 'Update fleet, or export the session as a string with the tool that made it.';
  return refuse(
    'UNKNOWN_VERSION',
    where,
    `looks like a ${kind} session with ${shown}, which is not known`,
    hint,
  );
};

const versionWarnings = (kind: RowKind, version: bigint): readonly SessionWarning[] => {
  if (version > (kind === 'pyrogram' ? newestOfForks : newestTelethon)) {
    const message =
      `schema ${version} of a ${kind} session is newer than what fleet knows; its columns ` +
      'fit, and it was read by their names';
    return [{ code: 'NEWER_VERSION', message }];
  }
  if (kind === 'pyrogram' && version > newestOfficialPyrogram) {
    return [
      {
        code: `FORK_V${Number(version)}`,
        message: `written by a fork of Pyrogram (schema ${version})`,
      },
    ];
  }
  return version < (kind === 'pyrogram' ? 2n : 7n)
    ? [{ code: 'OLD_VERSION', message: `schema ${version} of ${kind} is outdated` }]
    : [];
};

const onlyRow = (tables: SessionTables, where: string): Row | SessionRefusal => {
  const rows = tables.get('sessions')?.rows ?? [];
  const [row] = rows;
  if (row === undefined) {
    return refuse(
      'NO_ROW',
      where,
      'its table sessions is empty',
      'It was created but never logged in: log in with the tool that made it, then import again.',
    );
  }
  return rows.length === 1
    ? row
    : refuse(
        'MANY_ROWS',
        where,
        'its table sessions has several rows; which one is the account is not clear',
        'Export the session as a string with the tool that made it.',
      );
};

const keyCell = (row: Row, where: string): Uint8Array | SessionRefusal => {
  const cell = row.auth_key ?? new Uint8Array();
  return cell instanceof Uint8Array
    ? cell
    : refuse(
        'KEY_LENGTH',
        where,
        'column auth_key holds text or a number instead of 256 bytes',
        'The file is damaged or was edited: take an intact copy.',
      );
};

/** Newer Telethons keep the own user id as the access hash of the otherwise unused entity 0. */
const telethonUser = (tables: SessionTables): bigint | null => {
  const hash = tables.get('entities')?.rows.find((row) => row.id === 0n || row.id === 0)?.hash;
  return typeof hash === 'bigint' || (typeof hash === 'number' && Number.isSafeInteger(hash))
    ? BigInt(hash)
    : null;
};

const takeoutWarnings = (row: Row): readonly SessionWarning[] =>
  (row.takeout_id ?? null) === null
    ? []
    : [{ code: 'TAKEOUT', message: 'a data export (takeout) was left open with this session' }];

const factsOf = (
  tables: SessionTables,
  kind: RowKind,
  row: Row,
  where: string,
): SessionFacts | SessionRefusal => {
  const cells = ['dc_id', 'test_mode', 'user_id', 'is_bot', 'api_id'].map((column) =>
    integer(row, column, where),
  );
  const bad = cells.find(isRefusal);
  const authKey = keyCell(row, where);
  if (bad !== undefined || isRefusal(authKey)) {
    return bad ?? (authKey as SessionRefusal);
  }
  const [dataCentre, testMode, userId, isBot, apiId] = cells.filter(
    (cell): cell is bigint | null => !isRefusal(cell),
  );
  return {
    format: kind,
    dataCentre: dataCentre ?? 0n,
    authKey,
    userId: userId ?? (kind === 'telethon' ? telethonUser(tables) : null),
    userRequired: kind === 'pyrogram',
    isBot: (isBot ?? 0n) !== 0n,
    testMode: (testMode ?? 0n) !== 0n,
    address: typeof row.server_address === 'string' ? row.server_address : null,
    apiId: apiId ?? null,
    warnings: kind === 'telethon' ? takeoutWarnings(row) : [],
  };
};

/**
 * Reads the rows of a Pyrogram (v1-v3, Pyrofork, Kurigram), Telethon or mtcute session file, newer
 * versions by column name.
 * Never throws. Codes: `WRONG_TABLES` `OTHER_FORMAT` `UNKNOWN_VERSION` `NO_ROW` `MANY_ROWS`
 * `CORRUPT` and those of {@link assembleSession}.
 */
export const parseSessionRows = (tables: SessionTables, where: string): SessionOutcome => {
  const kind = kindOf(tables, where);
  if (isRefusal(kind)) {
    return kind;
  }
  if (kind === 'mtcute') {
    return parseMtcuteTables(tables, where);
  }
  const version = readVersion(tables, kind, where);
  if (isRefusal(version)) {
    return version;
  }
  const row = onlyRow(tables, where);
  if (isRefusal(row)) {
    return row;
  }
  const facts = factsOf(tables, kind, row, where);
  return isRefusal(facts)
    ? facts
    : assembleSession(
        { ...facts, warnings: [...versionWarnings(kind, version), ...facts.warnings] },
        where,
      );
};

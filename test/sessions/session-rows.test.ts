import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { SessionRefusalCode } from '../../src/sessions/session-outcome.ts';
import { parseSessionRows } from '../../src/sessions/session-rows.ts';
import { refuseSqliteImage } from '../../src/sessions/sqlite/sqlite-image.ts';
import type { SessionTable, SessionTables, SqliteCell } from '../../src/sessions/sqlite-table.ts';
import { fixtureKey, fixtureUserId } from './fixture-sessions.ts';

type Cells = Record<string, SqliteCell>;

const table = (...rows: Cells[]): SessionTable => ({ columns: Object.keys(rows[0] ?? {}), rows });

const pyrogramRow: Cells = {
  dc_id: 2n,
  api_id: 9n,
  test_mode: 0n,
  auth_key: fixtureKey(1),
  date: 0n,
  user_id: fixtureUserId,
  is_bot: 0n,
};
const telethonRow: Cells = {
  dc_id: 4n,
  server_address: '149.154.167.91',
  port: 443n,
  auth_key: fixtureKey(1),
  takeout_id: null,
};

const pyrogram = (changes: Cells = {}, version: SqliteCell = 3n): SessionTables =>
  new Map([
    ['sessions', table({ ...pyrogramRow, ...changes })],
    ['version', table({ number: version })],
  ]);

const telethon = (
  changes: Cells = {},
  version: SqliteCell = 7n,
  extra: [string, SessionTable][] = [],
): SessionTables =>
  new Map([
    ['sessions', table({ ...telethonRow, ...changes })],
    ['version', table({ version })],
    ...extra,
  ]);

describe('accepted rows', () => {
  const cases: readonly [string, SessionTables, string, bigint | null, readonly string[]][] = [
    ['Pyrogram 3', pyrogram(), 'pyrogram', fixtureUserId, []],
    ['Pyrogram 2 has no api_id', pyrogram({ api_id: null }, 2n), 'pyrogram', fixtureUserId, []],
    [
      'plain numbers instead of bigint',
      pyrogram({ dc_id: 2, user_id: 77 }, 3),
      'pyrogram',
      77n,
      [],
    ],
    [
      'a fork',
      pyrogram({ server_address: '149.154.167.41', port: 443n }, 7n),
      'pyrogram',
      fixtureUserId,
      ['FORK_V7'],
    ],
    [
      'a fork that never wrote test_mode',
      pyrogram({ test_mode: null, is_bot: null }, 7n),
      'pyrogram',
      fixtureUserId,
      ['FORK_V7'],
    ],
    [
      'Kurigram 8, whose columns are those of 7',
      pyrogram({ server_address: '149.154.167.41', port: 443n }, 8n),
      'pyrogram',
      fixtureUserId,
      ['FORK_V8'],
    ],
    [
      'a newer fork whose columns fit',
      pyrogram({ later: 1n }, 23n),
      'pyrogram',
      fixtureUserId,
      ['NEWER_VERSION'],
    ],
    [
      'a much newer Telethon',
      telethon({}, 99n),
      'telethon',
      null,
      ['NEWER_VERSION', 'USER_UNKNOWN'],
    ],
    ['a bot', pyrogram({ is_bot: 1n }), 'pyrogram', fixtureUserId, ['BOT']],
    ['a user id of 63 bits', pyrogram({ user_id: 2n ** 63n - 1n }), 'pyrogram', 2n ** 63n - 1n, []],
    ['a column named ok', pyrogram({ ok: 0n }), 'pyrogram', fixtureUserId, []],
    ['Telethon 7', telethon(), 'telethon', null, ['USER_UNKNOWN']],
    [
      'Telethon 8',
      telethon({ tmp_auth_key: new Uint8Array() }, 8n),
      'telethon',
      null,
      ['USER_UNKNOWN'],
    ],
    [
      'a newer Telethon',
      telethon({ later: 1n }, 9n, [['later_table', table()]]),
      'telethon',
      null,
      ['NEWER_VERSION', 'USER_UNKNOWN'],
    ],
    [
      'a newer Telethon that names its user',
      telethon({ user_id: fixtureUserId }, 9n),
      'telethon',
      fixtureUserId,
      ['NEWER_VERSION'],
    ],
    [
      'a newer Telethon whose user is none',
      telethon({ user_id: 0n }, 9n),
      'telethon',
      null,
      ['NEWER_VERSION', 'USER_UNKNOWN'],
    ],
    ['Telethon 6', telethon({}, 6n), 'telethon', null, ['OLD_VERSION', 'USER_UNKNOWN']],
    [
      'an open takeout',
      telethon({ takeout_id: 5n }),
      'telethon',
      null,
      ['TAKEOUT', 'USER_UNKNOWN'],
    ],
    [
      'the own user among the entities',
      telethon({}, 7n, [['entities', table({ id: 0n, hash: fixtureUserId })]]),
      'telethon',
      fixtureUserId,
      [],
    ],
    [
      'an entity 0 without a meaning',
      telethon({}, 7n, [['entities', table({ id: 0n, hash: 0n })]]),
      'telethon',
      null,
      ['USER_UNKNOWN'],
    ],
    [
      'only foreign entities',
      telethon({}, 7n, [['entities', table({ id: 5n, hash: 6n })]]),
      'telethon',
      null,
      ['USER_UNKNOWN'],
    ],
  ];
  test.each(cases)('%s', (_, tables, format, userId, warnings) => {
    const outcome = parseSessionRows(tables, 'a.session');
    expect(outcome).toMatchObject({
      ok: true,
      format,
      session: { userId, authKey: fixtureKey(1) },
    });
    expect(outcome.ok && outcome.warnings.map(({ code }) => code)).toEqual(warnings);
  });
});

describe('refused rows', () => {
  const without = (tables: SessionTables, name: string): SessionTables =>
    new Map([...tables].filter(([key]) => key !== name));
  const withRows = (tables: SessionTables, name: string, rows: Cells[]): SessionTables =>
    new Map([...tables, [name, { columns: tables.get(name)?.columns ?? [], rows }]]);
  const cases: readonly [string, SessionRefusalCode, SessionTables][] = [
    ['no tables', 'WRONG_TABLES', new Map()],
    ['no version table', 'WRONG_TABLES', without(pyrogram(), 'version')],
    [
      'another program',
      'WRONG_TABLES',
      new Map([
        ['sessions', table({ id: 1n, token: 'x' })],
        ['version', table({ number: 3n })],
      ]),
    ],
    [
      'Telethon 2',
      'OTHER_FORMAT',
      new Map([
        ['session', table()],
        ['datacenter', table()],
        ['version', table({ version: 8n })],
      ]),
    ],
    [
      'half Pyrogram, half Telethon',
      'WRONG_TABLES',
      new Map([
        [
          'sessions',
          table({
            dc_id: 2n,
            server_address: '149.154.167.51',
            port: 443n,
            auth_key: fixtureKey(1),
            user_id: 1n,
          }),
        ],
        ['version', table({ version: 7n })],
      ]),
    ],
    ['Pyrogram 1000', 'UNKNOWN_VERSION', pyrogram({}, 1000n)],
    [
      'a newer Pyrogram with the key elsewhere',
      'WRONG_TABLES',
      new Map([
        ['sessions', table({ dc_id: 2n, user_id: 1n })],
        ['version', table({ number: 9n })],
      ]),
    ],
    ['a Telethon version that is damage', 'UNKNOWN_VERSION', telethon({}, 2n ** 40n)],
    ['version 0', 'UNKNOWN_VERSION', pyrogram({}, 0n)],
    ['version as text', 'UNKNOWN_VERSION', pyrogram({}, 'three')],
    ['no version row', 'UNKNOWN_VERSION', withRows(pyrogram(), 'version', [])],
    [
      'two versions',
      'UNKNOWN_VERSION',
      withRows(pyrogram(), 'version', [{ number: 2n }, { number: 3n }]),
    ],
    ['no row', 'NO_ROW', withRows(pyrogram(), 'sessions', [])],
    [
      'two rows',
      'MANY_ROWS',
      withRows(telethon(), 'sessions', [telethonRow, { ...telethonRow, dc_id: 2n }]),
    ],
    ['no key', 'NO_KEY', pyrogram({ auth_key: null, user_id: null })],
    ['an empty key', 'NO_KEY', telethon({ auth_key: new Uint8Array() })],
    ['a short key', 'KEY_LENGTH', telethon({ auth_key: fixtureKey(1).subarray(1) })],
    ['a key as text', 'KEY_LENGTH', pyrogram({ auth_key: 'x'.repeat(256) })],
    ['a constant key', 'KEY_DEGENERATE', pyrogram({ auth_key: new Uint8Array(256).fill(7) })],
    ['data centre 203', 'DC_RANGE', pyrogram({ dc_id: 203n })],
    ['no data centre', 'DC_RANGE', pyrogram({ dc_id: null })],
    ['a negative data centre', 'DC_RANGE', telethon({ dc_id: -1n })],
    ['data centre as text', 'CORRUPT', pyrogram({ dc_id: 'two' })],
    ['half a user', 'CORRUPT', pyrogram({ user_id: 1.5 })],
    ['test mode', 'TEST_MODE', pyrogram({ test_mode: 1n })],
    ['a test address', 'TEST_MODE', telethon({ dc_id: 2n, server_address: '149.154.167.40' })],
    [
      'a long IPv6 test address',
      'TEST_MODE',
      telethon({ dc_id: 2n, server_address: '2001:067C:04e8:f002:0000:0000:0000:000e' }),
    ],
    ['no user', 'NO_USER', pyrogram({ user_id: null })],
    ['a negative user', 'NO_USER', pyrogram({ user_id: -5n })],
  ];
  test.each(cases)('%s: %s', (_, code, tables) => {
    expect(parseSessionRows(tables, 'a.session')).toMatchObject({
      ok: false,
      code,
      message: expect.stringMatching(/^a\.session: /),
    });
  });
});

const cell: fc.Arbitrary<SqliteCell> = fc.oneof(
  fc.constant(null),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.double(),
  fc.string(),
  fc.uint8Array(),
);

it('answers whatever a file may hold in the known columns', () => {
  const changes = fc.dictionary(
    fc.constantFrom(...Object.keys(pyrogramRow), 'server_address', 'port', 'takeout_id'),
    cell,
  );
  fc.assert(
    fc.property(changes, cell, fc.constantFrom(pyrogram, telethon), (values, version, build) => {
      expect(parseSessionRows(build(values, version), 'a.session')).toMatchObject({
        ok: expect.any(Boolean),
      });
    }),
    { numRuns: 500 },
  );
});

it('answers any bytes behind an SQLite header', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (tail) => {
      const image = Buffer.concat([Buffer.from('SQLite format 3\0'), tail]);
      const outcome = refuseSqliteImage(image, 'a.session');
      expect(outcome === undefined || ['TRUNCATED', 'CORRUPT'].includes(outcome.code)).toBe(true);
    }),
  );
});

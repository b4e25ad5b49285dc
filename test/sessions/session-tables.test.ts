import Database from 'better-sqlite3';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { SessionOutcome } from '../../src/sessions/session-outcome.ts';
import { parseSessionRows } from '../../src/sessions/session-rows.ts';
import { readSessionTables } from '../../src/sessions/session-tables.ts';
import { refuseSqliteImage } from '../../src/sessions/sqlite/sqlite-image.ts';
import { type SchemaName, sessionSchemas } from '../vault/session-files.ts';
import { fixtureKey, fixtureUserId } from './fixture-sessions.ts';

const schemas = Object.keys(sessionSchemas) as SchemaName[];

const parse = (image: Buffer): SessionOutcome => {
  const refusal = refuseSqliteImage(image, 'a.session');
  const tables = refusal ?? readSessionTables(image, 'a.session');
  return 'ok' in tables
    ? tables
    : parseSessionRows(tables as Exclude<typeof tables, { ok: false }>, 'a.session');
};

/** An image that SQL makes, with the given pragmas set before the first table. */
const built = (pragmas: readonly string[], sql: string): Buffer => {
  const database = new Database(':memory:');
  for (const pragma of pragmas) database.pragma(pragma);
  database.exec(sql);
  const image = database.serialize();
  database.close();
  return image;
};

const filled = (schema: SchemaName): string =>
  sessionSchemas[schema]
    .replaceAll('@dc', '2')
    .replaceAll('@key', `x'${Buffer.from(fixtureKey(1)).toString('hex')}'`)
    .replaceAll('@user', fixtureUserId.toString());

const imageOf = (schema: SchemaName, then = ''): Buffer => built([], `${filled(schema)};${then}`);

/**
 * Rows by the hundred, on trees of several levels, with long content, and pages that were given
 * back.
 */
const years = `create table years (id integer primary key, content text); create index by_content on years (content);
  with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000) insert into years select i * 7, hex(randomblob(i % 90)) from n;
  insert into years values (-5, hex(zeroblob(20000))); delete from years where id between 2000 and 9000;
  create table pairs (a text, b text, primary key (a, b)) without rowid; insert into pairs select content, id from years limit 500;`;

describe('what SQLite wrote is read', () => {
  const layouts = [512, 1024, 4096, 65_536].flatMap((size) =>
    ['UTF-8', 'UTF-16le', 'UTF-16be'].map((encoding) => [size, encoding] as const),
  );
  test.each(layouts)('pages of %i bytes, %s', (size, encoding) => {
    for (const [index, schema] of schemas.entries()) {
      const pragmas = [
        `page_size = ${size}`,
        `encoding = '${encoding}'`,
        `auto_vacuum = ${index % 3}`,
      ];
      expect(parse(built(pragmas, filled(schema) + (index % 2 === 0 ? years : '')))).toMatchObject({
        ok: true,
        session: { authKey: fixtureKey(1), userId: fixtureUserId, dataCentre: 2 },
      });
    }
  });

  const rewritten: readonly [string, string][] = [
    [
      'quoted, commented and in capitals',
      'create table "SESSIONS" (/* a */ [DC_ID] Integer -- b\n primary key, `auth_key` ' +
        "blob, 'test_mode', user_id)",
    ],
    [
      'a key of the table',
      'create table sessions (test_mode, dc_id integer, auth_key blob, user_id, primary ' +
        'key (dc_id))',
    ],
    [
      'without rowid, the key last',
      'create table sessions (test_mode, auth_key blob, user_id, dc_id integer primary ' +
        'key) without rowid',
    ],
    [
      'a key that is no row id',
      'create table sessions (dc_id int primary key, test_mode, auth_key blob, user_id)',
    ],
    [
      'no key',
      'create table sessions (dc_id int not null default 4, test_mode, auth_key blob, ' +
        'user_id bigint unique)',
    ],
    [
      'strict',
      'create table sessions (dc_id integer primary key, test_mode int, auth_key blob, ' +
        'user_id int) strict',
    ],
  ];
  test.each(rewritten)('a table that is %s', (_, create) => {
    const row =
      'insert into sessions (dc_id, auth_key, test_mode, user_id) values (5, ' +
      `x'${Buffer.from(fixtureKey(2)).toString('hex')}', 0, 77)`;
    const image = built(
      [],
      'create table version (number integer primary key); insert into version values (3); ' +
        `${create}; ${row}`,
    );
    expect(parse(image)).toMatchObject({
      ok: true,
      format: 'pyrogram',
      session: { dataCentre: 5, authKey: fixtureKey(2), userId: 77n },
    });
  });

  it('columns that were added later have their default value in older rows', () => {
    expect(
      parse(imageOf('Pyrogram 2', 'alter table sessions add api_id integer default 55')),
    ).toMatchObject({ ok: true, apiId: 55 });
  });
});

/** Definitions as programs and their plugins write them, on tables that are not read. */
const definitions = [
  'a (x)',
  "b (x text default 'it''s', y real default -1.5, z blob default x'00ff', t default " +
    "(datetime('now')), u default current_timestamp)",
  '"c ""d""" ([x y] varchar(20) not null on conflict replace, `z` decimal(10, 2) collate ' +
    'nocase unique, w unsigned big int null)',
  'd (id integer primary key autoincrement, b int references a(id) on delete cascade ' +
    'deferrable initially deferred, c double precision)',
  'e (x, y int, constraint k primary key (x, y), unique (y) on conflict ignore, foreign ' +
    'key (x) references a (y))',
  'f (x int primary key, y any) strict, without rowid',
  'g (x int check (x > 0), y as (x * 2), z generated always as (y) stored)',
];

test.each(definitions)('a file with a table %s', (definition) => {
  const image = imageOf(
    'Telethon 7',
    `create table ${definition}; alter table sessions add added integer not null default 0`,
  );
  expect(parse(image)).toMatchObject({ ok: true });
});

it.each(['Kurigram 7, migrated', 'Telethon 7'] as const)(
  'what SQLite does not read at all makes a damaged file: %s',
  (schema) => {
    const whole = imageOf(schema, 'create table keyed (name text primary key, value)');
    let accepted = 0;
    for (let at = 100; at < 4096; at += 1)
      for (const change of [1, 32, 0x5f]) {
        const mutant = Buffer.from(whole);
        mutant.writeUInt8(mutant.readUInt8(at) ^ change, at);
        if (mutant.readUInt8(at) === 0 || !parse(Buffer.from(mutant)).ok) continue;
        accepted += 1;
        // Free space says nothing, and takes most of the page.
        if (whole.subarray(at - 1, at + 2).every((byte) => byte === 0)) continue;
        const database = new Database(mutant, { readonly: true });
        expect(
          () => database.prepare('select auth_key from sessions').all(),
          `byte ${at} ^ ${change}`,
        ).not.toThrow();
        database.close();
      }
    expect(accepted).toBeGreaterThan(100);
  },
);

describe('damage', () => {
  const readBySqlite = (image: Buffer): Uint8Array | undefined => {
    const database = new Database(image, { readonly: true });
    try {
      return Uint8Array.from(
        database.prepare<[], Buffer>('select auth_key from sessions').pluck().get() ?? [],
      );
    } catch {
      return undefined;
    } finally {
      database.close();
    }
  };

  /**
   * What is accepted is what SQLite itself reads, or the undamaged key where SQLite reads nothing
   * any more.
   */
  const requireSame = (image: Buffer): void => {
    const outcome = parse(Buffer.from(image));
    if (outcome.ok) {
      expect(outcome.session.authKey).toEqual(readBySqlite(image) ?? fixtureKey(1));
    } else {
      expect(outcome).toMatchObject({
        code: expect.stringMatching(/^[A-Z_]+$/),
        message: expect.stringMatching(/^a\.session: /),
      });
    }
  };

  test.each(schemas)('bits of the schema page of %s', (schema) => {
    const image = imageOf(schema);
    // Every 23rd bit, from another place for each schema: some 1,400 images each.
    for (let bit = schemas.indexOf(schema); bit < 8 * 4096; bit += 23) {
      const mutant = Buffer.from(image);
      mutant.writeUInt8(mutant.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      const outcome = parse(mutant);
      expect(typeof (outcome.ok ? outcome.session.authKey.length : outcome.code)).toBe(
        outcome.ok ? 'number' : 'string',
      );
      if (outcome.ok) expect(outcome.session.authKey).toEqual(fixtureKey(1));
    }
  });

  test.each(schemas)('flips, overwritten stretches and cuts anywhere in %s', (schema) => {
    const image = imageOf(
      schema,
      'create table t (x); insert into t values (zeroblob(9000)); create index i on t (x)',
    );
    const at = fc.nat(image.length - 1);
    fc.assert(
      fc.property(
        at,
        fc.uint8Array({ minLength: 1, maxLength: 40 }),
        fc.boolean(),
        (place, bytes, cuts) => {
          const mutant = Buffer.from(image);
          mutant.set(bytes.subarray(0, image.length - place), place);
          requireSame(cuts ? mutant.subarray(0, place) : mutant);
        },
      ),
      { numRuns: 100 },
    );
    for (let pages = 1; pages * 4096 < image.length; pages++)
      expect(parse(image.subarray(0, pages * 4096))).toMatchObject({ ok: false });
  });

  it('random pages behind a sound header', () => {
    const head = imageOf('Telethon 7').subarray(0, 100);
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 924, maxLength: 924 }),
        fc.constantFrom(2, 5, 10, 13, undefined),
        (tail, kind) => {
          const image = Buffer.concat([head, tail]);
          image.writeUInt16BE(512, 16);
          image.writeUInt32BE(2, 28);
          if (kind !== undefined) image.writeUInt8(kind, 100);
          expect(parse(image)).toMatchObject({ ok: false, code: expect.any(String) });
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('hostile files', () => {
  const heavy =
    '(with recursive n(i) as (select 1 union all select i + 1 from n where i < ' +
    '1000000000) select count(*) from n)';
  const row =
    'insert into version values (7); insert into sessions (dc_id, server_address, port, ' +
    `auth_key) values (2, '149.154.167.51', 443, ` +
    `x'${Buffer.from(fixtureKey(1)).toString('hex')}');`;
  const telethon = (columns: string, more = ''): string =>
    'create table version (version integer primary key); create table sessions (dc_id ' +
    `integer primary key, server_address text, port integer, auth_key blob${columns}); ` +
    `${row} ${more}`;
  const like = "like replace(hex(zeroblob(500)), '00', '%a')";
  const cases: readonly [string, string | null, string][] = [
    [
      'a check that runs for ever, on another table',
      null,
      telethon(
        '',
        'create table c (x); insert into c values (hex(zeroblob(20000))); alter table c ' +
          `add y check (x not ${like} || 'b')`,
      ),
    ],
    [
      'a check on the table itself',
      'WRONG_TABLES',
      telethon(', takeout_id, check (length(server_address) < 99)'),
    ],
    ['a computed key', 'WRONG_TABLES', telethon(', takeout_id as (zeroblob(000000001))')],
    [
      'a stored computed column',
      'WRONG_TABLES',
      telethon(', takeout_id generated always as (hex(auth_key)) stored'),
    ],
    [
      'a view that never ends',
      null,
      telethon('', `create view entities as select ${heavy} as id, 1 as hash`),
    ],
    [
      'a view for the sessions',
      'WRONG_TABLES',
      telethon('', 'alter table sessions rename to s; create view sessions as select * from s'),
    ],
    [
      'triggers',
      null,
      telethon('', `create trigger t after insert on sessions begin select ${heavy}; end`),
    ],
    [
      'an index over an expression',
      null,
      telethon(
        '',
        'create index i on sessions (zeroblob(length(auth_key)) collate nocase) where port > 1',
      ),
    ],
    [
      'a computed column of 1 GB in another table',
      null,
      telethon(
        '',
        'create table g (x, y as (zeroblob(000000001)) not null); insert into g values (900000000)',
      ),
    ],
    ['a virtual table', null, telethon('', 'create virtual table entities using fts5(id, hash)')],
    ['a key of 8 MB', 'CORRUPT', telethon('', 'update sessions set auth_key = zeroblob(8000000)')],
    ['a name of 1 MB', 'CORRUPT', telethon('', `create table "${'x'.repeat(1_000_000)}" (x)`)],
    [
      '2,000 tables',
      null,
      telethon(
        '',
        Array.from({ length: 2000 }, (_, index) => `create table t${index} (x);`).join(''),
      ),
    ],
    [
      '200,000 rows',
      'MANY_ROWS',
      telethon(
        '',
        'with recursive n(i) as (select 10 union all select i + 1 from n where i < 200000) ' +
          `insert into sessions select i, '', 1, x'00' from n`,
      ),
    ],
  ];
  test.each(cases)('%s', (_, code, sql) => {
    // Made small and then grown in the file itself: SQLite would refuse to write it.
    const text = built([], sql)
      .toString('latin1')
      .replaceAll('zeroblob(000000001)', 'zeroblob(900000000)');
    const image = Buffer.from(text, 'latin1');
    const before = process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed;
    const start = process.cpuUsage();
    const outcome = parse(image);
    const { user, system } = process.cpuUsage(start);
    expect(outcome.ok ? null : outcome.code).toBe(code);
    if (outcome.ok) expect(outcome.session.authKey).toEqual(fixtureKey(1));
    // Far above what it takes (milliseconds), far below what evaluating takes (minutes, gigabytes).
    expect((user + system) / 1e6).toBeLessThan(20);
    expect(
      process.memoryUsage().arrayBuffers + process.memoryUsage().heapUsed - before,
    ).toBeLessThan(256 * 1024 * 1024);
  });

  it('a tree that is its own child', () => {
    const image = built(['page_size = 512'], telethon('', years));
    let refused = 0;
    for (let page = 0; page < image.length / 512; page++) {
      const header = page * 512 + (page === 0 ? 100 : 0);
      if (image.readUInt8(header) !== 2 && image.readUInt8(header) !== 5) continue;
      const mutant = Buffer.from(image);
      mutant.writeUInt32BE(page + 1, header + 8);
      // Pages of the free list keep what they held, and nobody looks at it.
      const outcome = parse(mutant);
      if (outcome.ok) expect(outcome.session.authKey).toEqual(fixtureKey(1));
      else refused++;
    }
    expect(refused).toBeGreaterThan(3);
  });
});

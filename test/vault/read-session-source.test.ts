import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished, test } from 'vitest';
import { keyIdOf } from '../../src/sessions/auth-key.ts';
import type { SessionRefusalCode } from '../../src/sessions/session-outcome.ts';
import { readSessionSource } from '../../src/vault/read-session-source.ts';
import { fixtureKey, fixtureUserId } from '../sessions/fixture-sessions.ts';
import golden from '../sessions/golden-strings.json' with { type: 'json' };
import {
  type SchemaName,
  sessionSchemas,
  snapshot,
  temporaryDirectory,
  writeSessionFile,
} from './session-files.ts';

const linux = process.platform === 'linux';

const writeText = (path: string, content: string | Uint8Array): string => {
  writeFileSync(path, content, { mode: 0o600 });
  return path;
};

const made = (path: string, act: (path: string) => unknown): string => {
  act(path);
  return path;
};

describe('files of every library', () => {
  const expected: Record<SchemaName, readonly [string, number | null, readonly string[]]> = {
    'Pyrogram 2': ['pyrogram', null, []],
    'Pyrogram 3': ['pyrogram', 4321, []],
    'Pyrofork 4': ['pyrogram', 4321, ['FORK_V4']],
    'Kurigram 6': ['pyrogram', 4321, ['FORK_V6']],
    'Kurigram 7, new': ['pyrogram', 4321, ['FORK_V7']],
    'Kurigram 7, migrated': ['pyrogram', 4321, ['FORK_V7']],
    'Kurigram 8': ['pyrogram', 4321, ['FORK_V8']],
    'Telethon 7': ['telethon', null, []],
    'Telethon 7, without rowid': ['telethon', null, []],
    'Telethon 8': ['telethon', null, []],
  };
  const schemas = Object.keys(sessionSchemas) as SchemaName[];

  test.each(schemas.flatMap((schema) => [[schema, 'delete'] as const, [schema, 'wal'] as const]))(
    '%s in %s mode',
    async (schema, mode) => {
      const directory = temporaryDirectory();
      const path = writeSessionFile(join(directory, 'a b#?%.session'), schema, {
        mode,
        userId: 2n ** 62n + 1n,
      });
      utimesSync(path, 1_600_000_000, 1_600_000_000);
      const before = snapshot(directory);
      const outcome = await readSessionSource(path);
      const [format, apiId, warnings] = expected[schema];
      const session = {
        dataCentre: 2,
        authKey: fixtureKey(1),
        userId: 2n ** 62n + 1n,
        isBot: false,
        testMode: false,
        keyId: keyIdOf(fixtureKey(1)),
      };
      expect(outcome).toMatchObject({ ok: true, format, apiId, session });
      expect(outcome.ok && outcome.warnings.map(({ code }) => code)).toEqual([
        ...warnings,
        ...(mode === 'wal' ? ['WAL_MODE'] : []),
      ]);
      expect(snapshot(directory)).toEqual(before);
    },
  );

  test.each(Object.entries(golden).filter(([name]) => name !== 'mtcute test'))(
    'a text file with a string: %s',
    async (_, text) => {
      const path = writeText(join(temporaryDirectory(), 'a.txt'), `\uFEFF"${text}"\r\n`);
      expect(await readSessionSource(path)).toMatchObject({
        ok: true,
        session: { authKey: fixtureKey(1) },
      });
    },
  );

  it('warns of a file that others may read', async () => {
    const path = writeSessionFile(join(temporaryDirectory(), 'a.session'), 'Pyrogram 3');
    chmodSync(path, 0o644);
    expect(await readSessionSource(path)).toMatchObject({
      ok: true,
      warnings: [{ code: 'FILE_MODE', message: expect.stringContaining('644') }],
    });
  });

  it('follows a link and looks for journals beside the real file', async () => {
    const directory = temporaryDirectory();
    const real = writeSessionFile(join(directory, 'real.session'), 'Pyrogram 3');
    symlinkSync(real, join(directory, 'link.session'));
    expect(await readSessionSource(join(directory, 'link.session'))).toMatchObject({ ok: true });
    writeText(`${real}-wal`, 'x');
    expect(await readSessionSource(join(directory, 'link.session'))).toMatchObject({
      code: 'WAL_PRESENT',
    });
  });
});

describe('refused files', () => {
  const pyrogram = (directory: string, then?: string): string =>
    writeSessionFile(
      join(directory, 'a.session'),
      'Pyrogram 3',
      then === undefined ? {} : { then },
    );
  const telethon = (directory: string, then: string): string =>
    writeSessionFile(join(directory, 'a.session'), 'Telethon 7', { then });
  const damage = (path: string, act: (image: Buffer) => Buffer): string =>
    writeText(path, act(readFileSync(path)));
  const copyWhileOpen = (directory: string, mode: 'wal' | 'delete'): string => {
    const source = writeSessionFile(join(temporaryDirectory(), 'open.session'), 'Pyrogram 3', {
      mode,
    });
    const database = new Database(source);
    onTestFinished(() => {
      database.close();
    });
    database.pragma('cache_size = 1');
    database.exec(
      `begin; create table filler (content blob); insert into filler select zeroblob(300000);`,
    );
    if (mode === 'wal') {
      database.exec('commit');
    }
    const path = join(directory, 'a.session');
    const companion = mode === 'wal' ? '-wal' : '-journal';
    copyFileSync(source, path);
    copyFileSync(source + companion, path + companion);
    return path;
  };

  const filler =
    'create table filler (content text); insert into filler select hex(randomblob(3000)) ' +
    'from sessions; create index i on filler (content)';
  const virtual =
    'drop table sessions; create virtual table sessions using fts5(dc_id, auth_key, ' +
    'test_mode, user_id)';

  const cases: readonly [string, SessionRefusalCode, (directory: string) => string][] = [
    ['nothing there', 'UNREADABLE', (directory) => join(directory, 'missing.session')],
    [
      'a directory',
      'UNREADABLE',
      (directory) => made(join(directory, 'a'), (path) => mkdirSync(path)),
    ],
    [
      'a link to itself',
      'UNREADABLE',
      (directory) => made(join(directory, 'a'), (path) => symlinkSync('a', path)),
    ],
    ['an empty file', 'EMPTY', (directory) => writeText(join(directory, 'a.session'), '')],
    [
      'a text of white space',
      'EMPTY',
      (directory) => writeText(join(directory, 'a.txt'), '\r\n \n'),
    ],
    [
      'prose',
      'NOT_SQLITE',
      (directory) => writeText(join(directory, 'a.txt'), 'my sessions are in the other folder'),
    ],
    [
      'a JSON file',
      'NOT_SQLITE',
      (directory) => writeText(join(directory, 'a.json'), '{ "dc": 2,\n "key": "x" }\n'),
    ],
    [
      'binary',
      'NOT_SQLITE',
      (directory) => writeText(join(directory, 'a.bin'), Buffer.from(fixtureKey(3))),
    ],
    [
      'large binary',
      'NOT_SQLITE',
      (directory) => writeText(join(directory, 'a.bin'), Buffer.alloc(200_000, 65)),
    ],
    ['one word', 'BAD_STRING', (directory) => writeText(join(directory, 'a.txt'), 'hello\n')],
    [
      'a test string',
      'TEST_MODE',
      (directory) => writeText(join(directory, 'a.txt'), golden['mtcute test']),
    ],
    [
      '512 MiB',
      'TOO_LARGE',
      (directory) =>
        made(writeText(join(directory, 'a'), ''), (path) => truncateSync(path, 512 * 1024 * 1024)),
    ],
    [
      'a file cut in its header',
      'TRUNCATED',
      (directory) => damage(pyrogram(directory), (image) => image.subarray(0, 60)),
    ],
    [
      'a file cut after two pages',
      'TRUNCATED',
      (directory) => damage(pyrogram(directory), (image) => image.subarray(0, 8192)),
    ],
    [
      'a file with a tail',
      'TRUNCATED',
      (directory) =>
        damage(pyrogram(directory), (image) => Buffer.concat([image, Buffer.from('tail')])),
    ],
    [
      'an impossible page size',
      'CORRUPT',
      (directory) => damage(pyrogram(directory), (image) => image.fill(3, 16, 18)),
    ],
    [
      'overwritten pages',
      'CORRUPT',
      (directory) => damage(pyrogram(directory), (image) => image.fill(0xa5, 4096)),
    ],
    [
      'an overwritten schema',
      'CORRUPT',
      (directory) => damage(pyrogram(directory), (image) => image.fill(0xa5, 100, 300)),
    ],
    [
      'a damaged page that holds nothing of interest',
      'CORRUPT',
      (directory) =>
        damage(pyrogram(directory, filler), (image) => image.fill(0xa5, image.length - 4096)),
    ],
    ['an open WAL', 'WAL_PRESENT', (directory) => copyWhileOpen(directory, 'wal')],
    [
      'the index of a WAL without the WAL',
      'WAL_MISSING',
      (directory) =>
        made(copyWhileOpen(directory, 'wal'), (path) => renameSync(`${path}-wal`, `${path}-shm`)),
    ],
    ['a hot journal', 'JOURNAL_PRESENT', (directory) => copyWhileOpen(directory, 'delete')],
    [
      'everything still in the WAL',
      'WAL_PRESENT',
      (directory) =>
        made(writeText(join(directory, 'a'), ''), (path) => writeText(`${path}-wal`, 'x')),
    ],
    ['another program', 'WRONG_TABLES', (directory) => pyrogram(directory, 'drop table sessions')],
    ['no version table', 'WRONG_TABLES', (directory) => pyrogram(directory, 'drop table version')],
    [
      'a view for a table',
      'WRONG_TABLES',
      (directory) =>
        pyrogram(
          directory,
          'alter table sessions rename to s; create view sessions as select * from s',
        ),
    ],
    ['a virtual table for a table', 'WRONG_TABLES', (directory) => pyrogram(directory, virtual)],
    [
      'an unknown version',
      'UNKNOWN_VERSION',
      (directory) => pyrogram(directory, 'update version set number = 9999'),
    ],
    ['no row', 'NO_ROW', (directory) => pyrogram(directory, 'delete from sessions')],
    [
      'several rows',
      'MANY_ROWS',
      (directory) =>
        telethon(
          directory,
          "insert into sessions values (4, '149.154.167.91', 443, randomblob(256), null)",
        ),
    ],
    [
      'a Kurigram file before its login',
      'NO_KEY',
      (directory) => pyrogram(directory, 'update sessions set auth_key = null, user_id = null'),
    ],
    [
      'a Telethon file before its login',
      'NO_KEY',
      (directory) => telethon(directory, "update sessions set auth_key = x''"),
    ],
    [
      'a short key',
      'KEY_LENGTH',
      (directory) => telethon(directory, 'update sessions set auth_key = randomblob(255)'),
    ],
    [
      'a key as text',
      'KEY_LENGTH',
      (directory) => telethon(directory, "update sessions set auth_key = 'text'"),
    ],
    [
      'a key of zeros',
      'KEY_DEGENERATE',
      (directory) => telethon(directory, 'update sessions set auth_key = zeroblob(256)'),
    ],
    [
      'data centre 203',
      'DC_RANGE',
      (directory) => pyrogram(directory, 'update sessions set dc_id = 203'),
    ],
    [
      'test mode',
      'TEST_MODE',
      (directory) => pyrogram(directory, 'update sessions set test_mode = 1'),
    ],
    [
      'a test address',
      'TEST_MODE',
      (directory) => telethon(directory, "update sessions set server_address = '149.154.167.40'"),
    ],
    [
      'no user',
      'NO_USER',
      (directory) => pyrogram(directory, 'update sessions set user_id = null'),
    ],
  ];
  test.each(cases)('%s: %s', async (_, code, build) => {
    const directory = temporaryDirectory();
    const path = build(directory);
    const readable = code !== 'UNREADABLE' && code !== 'TOO_LARGE';
    const before = readable ? snapshot(directory) : undefined;
    const outcome = await readSessionSource(path, 'the file');
    expect(outcome).toMatchObject({
      ok: false,
      code,
      message: expect.stringMatching(/^the file: .{5}/),
      hint: expect.stringMatching(/.{8}\.$/),
    });
    expect(readable ? snapshot(directory) : undefined).toEqual(before);
  });

  it('says that a file in WAL mode which was copied without its log may be stale, whatever is still in it', async () => {
    const stale = copyWhileOpen(temporaryDirectory(), 'wal');
    rmSync(`${stale}-wal`);
    const outcome = await readSessionSource(stale);
    expect(outcome).toMatchObject({
      ok: true,
      warnings: [{ code: 'WAL_MODE', message: expect.stringMatching(/^possibly stale: .*-wal/) }],
    });
    const before = writeSessionFile(join(temporaryDirectory(), 'a.session'), 'Kurigram 6', {
      mode: 'wal',
      key: null,
    });
    expect(await readSessionSource(before)).toMatchObject({
      code: 'NO_KEY',
      hint: expect.stringMatching(/no -wal file .* Otherwise: /),
    });
  });

  it('names the path where no other name is given', async () => {
    const path = join(temporaryDirectory(), 'missing.session');
    expect(await readSessionSource(path)).toMatchObject({
      code: 'UNREADABLE',
      message: `${path}: does not exist`,
    });
  });

  it('refuses what is not SQLite any more after damage anywhere, without a throw', async () => {
    const directory = temporaryDirectory();
    const intact = readFileSync(writeSessionFile(join(directory, 'a.session'), 'Telethon 8'));
    const path = join(directory, 'damaged.session');
    await fc.assert(
      fc.asyncProperty(
        fc.nat(intact.length - 1),
        fc.uint8Array({ minLength: 1, maxLength: 64 }),
        async (at, bytes) => {
          const image = Buffer.from(intact);
          image.set(bytes.subarray(0, image.length - at), at);
          writeText(path, image);
          const outcome = await readSessionSource(path);
          expect(outcome.ok === false || outcome.session.authKey.length === 256).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  }, 60_000);
});

describe.runIf(linux)('a file in use', () => {
  it('is refused while another process has it open, also by another name, and names that process', async () => {
    const directory = temporaryDirectory();
    const path = writeSessionFile(join(directory, 'a.session'), 'Pyrogram 3');
    const holder = spawn(process.execPath, [
      '-e',
      `require('fs').openSync(${JSON.stringify(path)}); console.log('open'); ` +
        'setInterval(() => {}, 1000)',
    ]);
    await once(holder.stdout, 'data');
    symlinkSync(path, join(directory, 'link.session'));
    const inUse = {
      ok: false,
      code: 'IN_USE',
      message: expect.stringContaining(`process ${holder.pid}`),
    };
    expect(await readSessionSource(path)).toMatchObject(inUse);
    expect(await readSessionSource(join(directory, 'link.session'))).toMatchObject(inUse);
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    expect(await readSessionSource(path)).toMatchObject({
      ok: true,
      session: { userId: fixtureUserId },
    });
  });

  it('notices that the file grows while it is read', async () => {
    const path = writeText(join(temporaryDirectory(), 'a.txt'), golden.gramjs);
    const reading = readSessionSource(path);
    const writing = setInterval(() => appendFileSync(path, '\n'), 0);
    const outcome = await reading;
    clearInterval(writing);
    expect(outcome).toMatchObject({ ok: false, code: 'CHANGING' });
  });
});

import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import { readSessionSources } from '../../src/vault/read-session-sources.ts';
import { readZip } from '../../src/vault/read-zip.ts';
import { fixtureKey, fixtureSession } from '../sessions/fixture-sessions.ts';
import { writeMtcute, writeStoreSession, writeTdata, zipOf } from './real-libraries.ts';
import { snapshot, temporaryDirectory, writeSessionFile } from './session-files.ts';

const anna = fixtureSession();
const ben = fixtureSession({ authKey: fixtureKey(2), dataCentre: 4, userId: 6_000_000_123n });

const found = (outcomes: Awaited<ReturnType<typeof readSessionSources>>): unknown =>
  outcomes.map((outcome) =>
    outcome.ok ? [outcome.format, outcome.session] : [outcome.code, outcome.message],
  );

describe("Telegram Desktop's data", () => {
  it.each(['', 'Пароль 42'])(
    'has a session for each of its accounts (passcode %j)',
    async (passcode) => {
      const path = await writeTdata(temporaryDirectory(), [anna, ben], passcode);
      const before = snapshot(path);
      const outcomes = await readSessionSources(path, passcode);
      expect(found(outcomes)).toEqual([
        ['tdata', anna],
        ['tdata', ben],
      ]);
      expect(
        outcomes.map((outcome) => outcome.ok && outcome.warnings.map(({ code }) => code)),
      ).toEqual([['SHARED_KEY'], ['SHARED_KEY']]);
      expect(snapshot(path)).toEqual(before);
    },
  );

  it('is found in the folder of the program, and in an archive', async () => {
    const directory = temporaryDirectory();
    const path = await writeTdata(directory, [ben]);
    expect(found(await readSessionSources(directory))).toEqual([['tdata', ben]]);
    expect(found(await readSessionSources(zipOf(directory, path)))).toEqual([['tdata', ben]]);
  });

  it('asks for its passcode, and refuses a wrong one', async () => {
    const path = await writeTdata(temporaryDirectory(), [anna], 'secret');
    expect(found(await readSessionSources(path, '', 'it'))).toEqual([
      ['PASSCODE', 'it: is locked by a passcode'],
    ]);
    expect(found(await readSessionSources(path, 'Secret', 'it'))).toEqual([
      ['PASSCODE', 'it: is not opened by this passcode'],
    ]);
  });

  it('never gives another key when a byte of it is flipped', async () => {
    const path = await writeTdata(temporaryDirectory(), [anna]);
    const names = readdirSync(path).filter((name) => name.endsWith('s'));
    expect(names).toHaveLength(2);
    for (const name of names) {
      const whole = readFileSync(join(path, name));
      for (let at = 0; at < whole.length; at += 3) {
        const copy = Buffer.from(whole);
        copy.writeUInt8((copy[at] ?? 0) ^ (1 << (at % 8)), at);
        writeFileSync(join(path, name), copy);
        const [outcome] = await readSessionSources(path);
        expect(outcome?.ok, `${name} at ${at}`).toBe(false);
      }
      writeFileSync(join(path, name), whole);
    }
    expect(found(await readSessionSources(path))).toEqual([['tdata', anna]]);
  });

  it('keeps one damaged account from hiding the other', async () => {
    const path = await writeTdata(temporaryDirectory(), [anna, ben]);
    writeFileSync(join(path, 'D877F783D5D3EF8Cs'), 'TDF$');
    expect(found(await readSessionSources(path, '', 'it'))).toEqual([
      ['CORRUPT', 'it (account 1 of 2): has no sound file of this account'],
      ['tdata', ben],
    ]);
  });

  test('an archive that is cut short is damaged, one of other things is named', async () => {
    const directory = temporaryDirectory();
    const path = zipOf(directory, await writeTdata(directory, [anna]));
    const whole = readFileSync(path);
    writeFileSync(path, whole.subarray(0, whole.length / 2));
    expect(await readSessionSources(path)).toMatchObject([{ code: 'CORRUPT' }]);
    mkdirSync(join(directory, 'photos'));
    writeFileSync(join(directory, 'photos', 'a.txt'), 'hello');
    expect(await readSessionSources(zipOf(directory, join(directory, 'photos')))).toMatchObject([
      { code: 'OTHER_FORMAT' },
    ]);
  });
});

describe('what a stranger packs', () => {
  /** An archive of `writestr(...)` calls. */
  const archiveOf = (calls: string): string => {
    const path = join(temporaryDirectory(), 'packed.zip');
    const program =
      `import sys, warnings, zipfile\nwarnings.simplefilter('ignore')\nz = ` +
      `zipfile.ZipFile(sys.argv[1], 'w', 8)\n${calls}\nz.close()`;
    execFileSync('python3', ['-c', program, path]);
    return path;
  };
  const unpacked = async (path: string) => {
    const handle = await open(path);
    const files = await readZip(handle.fd, {
      isWanted: (name) => name.endsWith('s'),
      fileLimit: 1 << 20,
      nameLimit: 10_000,
    });
    await handle.close();
    return files && Object.fromEntries([...files].map(([name, content]) => [name, content.length]));
  };

  it('one name two thousand times is unpacked a hundred times, a huge file never', async () => {
    const path = archiveOf(
      `for n in range(2000): z.writestr('tdata/key_datas', ` +
        `bytes(n))\nz.writestr('tdata/huge_s', bytes(300 << 20))`,
    );
    expect(await unpacked(path)).toEqual({ key_datas: 99 });
    expect(await readSessionSources(path)).toMatchObject([{ ok: false, code: 'CORRUPT' }]);
  });

  it.each(["'../../../../tmp/key_datas'", "'/tmp/key_datas'", "'C:/key_datas'"])(
    'a name that leads out (%s) makes it damaged',
    async (name) => {
      expect(await unpacked(archiveOf(`z.writestr(${name}, b'out')`))).toBeNull();
    },
  );

  it('a link in it is bytes like others', async () => {
    const path = archiveOf(
      "i = zipfile.ZipInfo('tdata/key_datas'); i.external_attr = 0xA1FF << 16; " +
        "z.writestr(i, '/etc/passwd')",
    );
    expect(await unpacked(path)).toEqual({ key_datas: '/etc/passwd'.length });
  });

  it('a size that is a lie makes it damaged', async () => {
    const path = archiveOf("z.writestr('tdata/key_datas', bytes(1 << 22))");
    const lie = readFileSync(path);
    const central = lie.lastIndexOf('PK\x01\x02', undefined, 'latin1');
    lie.writeUInt32LE(1000, central + 24);
    writeFileSync(path, lie);
    expect(await unpacked(path)).toBeNull();
  });

  it('a folder of a thousand large files is read up to a limit', async () => {
    const path = join(temporaryDirectory(), 'tdata');
    mkdirSync(path);
    for (let number = 0; number < 200; number += 1) {
      const name = `${number.toString(16).toUpperCase().padStart(16, '0')}s`;
      writeFileSync(join(path, name), '');
      truncateSync(join(path, name), 1 << 20);
    }
    writeFileSync(join(path, 'key_datas'), 'TDF$');
    const before = process.memoryUsage().arrayBuffers;
    const reading = readSessionSources(path);
    let most = 0;
    const timer = setInterval(() => {
      most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    }, 1);
    expect(await reading).toMatchObject([{ ok: false }]);
    clearInterval(timer);
    expect(most).toBeLessThan(64 << 20);
  });
});

test('a StoreSession folder', async () => {
  const path = await writeStoreSession(temporaryDirectory(), ben);
  expect(found(await readSessionSources(path))).toEqual([
    ['store-session', { ...ben, userId: null }],
  ]);
  writeFileSync(join(path, 'anna%3AauthKey'), '{"type":"Buffer","data":[1,2,999]}');
  expect(await readSessionSources(path)).toMatchObject([{ code: 'NO_KEY' }]);
});

test.each([anna, { ...ben, isBot: true }])("mtcute's own database", async (session) => {
  const path = await writeMtcute(temporaryDirectory(), session);
  expect(found(await readSessionSources(path))).toEqual([['mtcute', session]]);
});

test('a description beside a session file is read with it', async () => {
  const directory = temporaryDirectory();
  const path = await writeMtcute(directory, anna);
  writeFileSync(
    join(directory, 'anna.json'),
    JSON.stringify({ device: 'PC 64bit', lang_code: 'ru' }),
  );
  expect(await readSessionSources(path)).toMatchObject([
    {
      ok: true,
      device: { deviceModel: 'PC 64bit', langCode: 'ru' },
      warnings: expect.arrayContaining([expect.objectContaining({ code: 'DESCRIBED' })]),
    },
  ]);
});

test('an application that the session itself contradicts is not taken from a description, and said', async () => {
  const directory = temporaryDirectory();
  const path = writeSessionFile(join(directory, 'anna.session'), 'Pyrogram 3');
  const about = async (id: number) => {
    writeFileSync(
      join(directory, 'anna.json'),
      JSON.stringify({ app_id: id, app_hash: '0a'.repeat(16), device: 'PC' }),
    );
    const [outcome] = await readSessionSources(path);
    return outcome?.ok === true
      ? [outcome.device, outcome.warnings.map(({ code }) => code)]
      : outcome;
  };
  expect(await about(4321)).toEqual([
    { apiId: 4321, apiHash: '0a'.repeat(16), deviceModel: 'PC' },
    ['DESCRIBED'],
  ]);
  expect(await about(4)).toEqual([{ deviceModel: 'PC' }, ['OTHER_APPLICATION']]);
});

test('what is no folder of sessions is refused as before', async () => {
  expect(await readSessionSources('/nowhere/at/all')).toMatchObject([{ code: 'UNREADABLE' }]);
  const directory = temporaryDirectory();
  expect(await readSessionSources(directory)).toMatchObject([{ code: 'UNREADABLE' }]);
  symlinkSync('.', join(directory, 'tdata'));
  expect(await readSessionSources(directory)).toMatchObject([{ ok: false }]);
});

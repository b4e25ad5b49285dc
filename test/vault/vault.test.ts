import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { Encrypter, generateHybridIdentity } from 'age-encryption';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import type { AccountName } from '../../src/model/names.ts';
import { openVault, type Vault } from '../../src/vault/vault.ts';
import { createVaultKey, readVaultKey, recipientOf } from '../../src/vault/vault-key.ts';
import { parseRecord, serializeRecord, vaultHashOf } from '../../src/vault/vault-record.ts';
import { fixtureKey, fixtureSession } from '../sessions/fixture-sessions.ts';
import { temporaryDirectory } from './session-files.ts';

const alice = 'alice' as AccountName;
const meta = {
  importedAt: '2026-01-02T03:04:05.000Z',
  sourceFormat: 'telethon',
  apiId: 12345,
} as const;

interface Setup {
  readonly directory: string;
  readonly keyPath: string;
  readonly vault: Vault;
}

const setUp = async (): Promise<Setup> => {
  const root = temporaryDirectory();
  const keyPath = join(root, 'keys', 'vault.key');
  await createVaultKey(keyPath);
  const directory = join(root, 'vault');
  return {
    directory,
    keyPath,
    vault: await openVault({ directory, readIdentity: () => readVaultKey(keyPath) }),
  };
};

const failure = (code: string, text: string): object =>
  expect.objectContaining({
    name: 'FleetError',
    code,
    message: expect.stringContaining(text),
    hint: expect.stringMatching(/.{8}/),
  });

describe('a vault', () => {
  it('gives back what was put, and the same names for it', async () => {
    const { vault, directory } = await setUp();
    const session = fixtureSession({ isBot: true, userId: 2n ** 63n - 1n });
    const receipt = await vault.put(alice, session, meta);
    expect(await vault.get(alice)).toEqual({ account: alice, session, ...meta, ...receipt });
    expect(receipt).toEqual({
      keyId: session.keyId,
      vaultHash: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(await vault.vaultHash(alice)).toBe(receipt.vaultHash);
    expect(readdirSync(directory).sort()).toEqual(['alice.age', 'authenticated.json']);
  });

  it('keeps unknown user and application as unknown', async () => {
    const { vault } = await setUp();
    await vault.put(alice, fixtureSession({ userId: null }), { ...meta, apiId: null });
    expect(await vault.get(alice)).toMatchObject({ apiId: null, session: { userId: null } });
  });

  it('is private on disk and never holds the key in the clear', async () => {
    const { vault, directory } = await setUp();
    await vault.put(alice, fixtureSession(), meta);
    const content = readFileSync(join(directory, 'alice.age'));
    expect([
      statSync(directory).mode & 0o777,
      statSync(join(directory, 'alice.age')).mode & 0o777,
    ]).toEqual([0o700, 0o600]);
    expect(content.subarray(0, 21).toString()).toBe('age-encryption.org/v1');
    const key = Buffer.from(fixtureKey(1));
    for (const shape of [
      key.subarray(0, 16),
      Buffer.from(key.toString('base64').slice(0, 20)),
      Buffer.from('dataCentre'),
    ]) {
      expect(content.includes(shape)).toBe(false);
    }
  });

  it('leaves the key of the caller alone', async () => {
    const { vault } = await setUp();
    const session = fixtureSession();
    await vault.put(alice, session, meta);
    expect(session.authKey).toEqual(fixtureKey(1));
  });

  it('also takes a post-quantum identity', async () => {
    const identity = await generateHybridIdentity();
    const vault = await openVault({
      directory: join(temporaryDirectory(), 'v'),
      readIdentity: () => Promise.resolve(identity),
    });
    await vault.put(alice, fixtureSession(), meta);
    expect(await vault.get(alice)).toMatchObject({ session: fixtureSession() });
  });

  it('never overwrites by chance, and keeps the former session when told to replace', async () => {
    const { vault, directory } = await setUp();
    const first = await vault.put(alice, fixtureSession(), meta);
    const other = fixtureSession({ authKey: fixtureKey(2) });
    await expect(vault.put(alice, other, meta)).rejects.toThrow(failure('vault', 'alice'));
    expect(await vault.vaultHash(alice)).toBe(first.vaultHash);
    await vault.put(alice, other, meta, { replace: true });
    await vault.put(alice, other, meta, { replace: true });
    expect((await vault.get(alice)).keyId).toBe(other.keyId);
    expect(readdirSync(join(directory, 'removed')).sort()).toEqual(['alice~1.age', 'alice~2.age']);
    renameSync(join(directory, 'removed', 'alice~1.age'), join(directory, 'alice.age'));
    expect(await vault.vaultHash(alice)).toBe(first.vaultHash);
  });

  it('replaces where nothing was, too', async () => {
    const { vault, directory } = await setUp();
    await vault.put(alice, fixtureSession(), meta, { replace: true });
    expect(await vault.list()).toEqual([alice]);
    expect(readdirSync(join(directory, 'removed'))).toEqual([]);
  });

  it('removes by putting aside, again and again', async () => {
    const { vault, directory } = await setUp();
    for (const number of [1, 2]) {
      await vault.put(alice, fixtureSession(), meta);
      expect(await vault.remove(alice)).toBe(join(directory, 'removed', `alice~${number}.age`));
      expect(await vault.list()).toEqual([]);
      await expect(vault.get(alice)).rejects.toThrow(failure('vault', 'no session of alice'));
    }
    await expect(vault.remove(alice)).rejects.toThrow(failure('vault', 'no session of alice'));
  });

  it('lists accounts by name and nothing else', async () => {
    const { vault, directory } = await setUp();
    for (const name of ['zoe', 'a.b-c_1', 'alice'] as AccountName[]) {
      await vault.put(name, fixtureSession(), meta);
    }
    for (const stray of ['NOTES.age', 'readme.txt', '.alice.1.tmp', '.hidden.age']) {
      writeFileSync(join(directory, stray), '');
    }
    mkdirSync(join(directory, 'removed'), { recursive: true });
    expect(await vault.list()).toEqual(['a.b-c_1', 'alice', 'zoe']);
  });

  it('sweeps up what a killed run left, but not what a running one writes', async () => {
    const { vault, directory } = await setUp();
    const dead = `.alice.${2 ** 22 + 1}.0123456789abcdef.tmp`;
    const alive = `.alice.${process.ppid}.0123456789abcdef.tmp`;
    writeFileSync(join(directory, dead), '');
    writeFileSync(join(directory, alive), '');
    await vault.put(alice, fixtureSession(), meta);
    expect(readdirSync(directory).sort()).toEqual(
      [alive, 'alice.age', 'authenticated.json'].sort(),
    );
  });

  it('lets exactly one of many writers have a name', async () => {
    const { vault, directory } = await setUp();
    const puts = Array.from({ length: 8 }, (_, number) =>
      vault.put(alice, fixtureSession({ authKey: fixtureKey(number) }), meta),
    );
    const results = await Promise.allSettled(puts);
    const won = results.flatMap((result) =>
      result.status === 'fulfilled' ? [result.value.keyId] : [],
    );
    expect(won).toEqual([(await vault.get(alice)).keyId]);
    expect(readdirSync(directory).sort()).toEqual(['alice.age', 'authenticated.json']);
  });
});

describe('a vault that cannot answer', () => {
  it('says that the key is another one', async () => {
    const { vault, directory } = await setUp();
    await vault.put(alice, fixtureSession(), meta);
    const other = (await setUp()).keyPath;
    const stranger = await openVault({ directory, readIdentity: () => readVaultKey(other) });
    await expect(stranger.get(alice)).rejects.toThrow(failure('vault-key', 'does not open'));
  });

  const damages: readonly [string, (path: string) => void][] = [
    ['emptied', (path) => truncateSync(path, 0)],
    ['cut in the header', (path) => truncateSync(path, 60)],
    ['cut in the body', (path) => truncateSync(path, statSync(path).size - 1)],
    ['cut before the body', (path) => truncateSync(path, statSync(path).size - 700)],
    [
      'altered in the body',
      (path) => writeFileSync(path, readFileSync(path).fill(0, statSync(path).size - 20)),
    ],
    [
      'lengthened',
      (path) => writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.of(0)])),
    ],
    ['another file', (path) => writeFileSync(path, randomBytes(500))],
  ];
  test.each(damages)('says that the file is damaged: %s', async (_, damage) => {
    const { vault, directory } = await setUp();
    await vault.put(alice, fixtureSession(), meta);
    damage(join(directory, 'alice.age'));
    await expect(vault.get(alice)).rejects.toThrow(failure('vault', 'damaged'));
  });

  it('says that a file was renamed to another account', async () => {
    const { vault, directory } = await setUp();
    await vault.put(alice, fixtureSession(), meta);
    renameSync(join(directory, 'alice.age'), join(directory, 'bob.age'));
    await expect(vault.get('bob' as AccountName)).rejects.toThrow(
      failure('vault', 'another account'),
    );
  });

  const putText = async ({ directory, keyPath }: Setup, text: string): Promise<void> => {
    const encrypter = new Encrypter();
    encrypter.addRecipient(await recipientOf(await readVaultKey(keyPath)));
    writeFileSync(join(directory, 'alice.age'), await encrypter.encrypt(text));
  };

  it('says that a newer fleet wrote the file, and what is no record', async () => {
    const setup = await setUp();
    await putText(setup, JSON.stringify({ format: 3, account: 'alice', future: true }));
    await expect(setup.vault.get(alice)).rejects.toThrow(failure('vault', 'newer fleet'));
    for (const text of ['', 'not json', '[]', '{"format":1}', '{"format":"1"}']) {
      await putText(setup, text);
      await expect(setup.vault.get(alice)).rejects.toThrow(failure('vault', 'holds no session'));
    }
  });

  it('names a directory that cannot be made or written', async () => {
    const file = join(temporaryDirectory(), 'file');
    writeFileSync(file, '');
    await expect(
      openVault({ directory: join(file, 'vault'), readIdentity: () => Promise.resolve('') }),
    ).rejects.toThrow(failure('vault', 'not a directory'));
    const { vault, directory } = await setUp();
    renameSync(directory, `${directory}.away`);
    await expect(vault.put(alice, fixtureSession(), meta)).rejects.toThrow(
      failure('vault', 'no such file or directory'),
    );
    await expect(vault.list()).rejects.toThrow(failure('vault', 'no such file or directory'));
  });
});

describe('the key of the vault', () => {
  it('is made once, private, and never overwritten', async () => {
    const path = join(temporaryDirectory(), 'deep', 'er', 'vault.key');
    const recipient = await createVaultKey(path);
    const text = readFileSync(path, 'utf8');
    expect(recipient).toMatch(/^age1[0-9a-z]{58}$/);
    expect(await recipientOf(text)).toBe(recipient);
    expect(text).toContain(`# public key: ${recipient}`);
    expect([statSync(path).mode & 0o777, statSync(join(path, '..')).mode & 0o777]).toEqual([
      0o600, 0o700,
    ]);
    await expect(createVaultKey(path)).rejects.toThrow(failure('vault-key', 'exists already'));
    expect(readFileSync(path, 'utf8')).toBe(text);
  });

  it('is refused where it is missing, open to others, no key or damaged, and never quoted', async () => {
    const path = join(temporaryDirectory(), 'vault.key');
    await expect(readVaultKey(path)).rejects.toThrow(failure('vault-key', 'does not exist'));
    await createVaultKey(path);
    const identity = readFileSync(path, 'utf8').trim().split('\n').at(-1) ?? '';
    chmodSync(path, 0o640);
    await expect(readVaultKey(path)).rejects.toThrow(failure('vault-key', 'mode 640'));
    const wrong = identity.slice(0, -1) + (identity.endsWith('Q') ? 'P' : 'Q');
    for (const text of [
      '',
      'hello',
      '# only a comment',
      `${identity}\n${identity}`,
      wrong,
      identity.slice(0, 40),
    ]) {
      const error: unknown = await recipientOf(text).catch((reason: unknown) => reason);
      expect(error).toMatchObject({ name: 'FleetError', code: 'vault-key' });
      expect(inspect(error, { depth: 9 })).not.toContain(identity.slice(20, 38));
    }
    expect(existsSync(path)).toBe(true);
  });
});

describe('the canonical record', () => {
  const records = fc.record({
    account: fc.constantFrom('a', 'alice', 'a.b-c_1' as string).map((name) => name as AccountName),
    session: fc
      .record({
        dataCentre: fc.integer({ min: 1, max: 5 }),
        authKey: fc.nat().map(fixtureKey),
        userId: fc.option(fc.bigInt({ min: 1n, max: 2n ** 63n - 1n })),
        isBot: fc.boolean(),
      })
      .map(fixtureSession),
    importedAt: fc
      .date({ noInvalidDate: true, min: new Date(0), max: new Date('9999-12-31') })
      .map((date) => date.toISOString()),
    sourceFormat: fc.constantFrom(
      'pyrogram',
      'pyrogram-string',
      'telethon',
      'telethon-string',
      'gramjs-string',
      'mtcute-string' as const,
    ),
    apiId: fc.option(fc.integer({ min: 1, max: 2 ** 31 - 1 })),
  });

  it('is read back as it was written, byte for byte the same', () => {
    fc.assert(
      fc.property(records, fc.boolean(), (plain, isDescribed) => {
        const record = isDescribed
          ? { ...plain, device: { deviceModel: 'PC', apiId: 4, apiHash: '0a'.repeat(16) } }
          : plain;
        const bytes = serializeRecord(record);
        expect(JSON.parse(bytes.toString())).toMatchObject({ format: isDescribed ? 2 : 1 });
        const read = parseRecord(bytes);
        expect(read).toEqual(record);
        expect(typeof read === 'object' && vaultHashOf(serializeRecord(read))).toBe(
          vaultHashOf(bytes),
        );
      }),
    );
  });

  it('refuses anything else', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
        expect(parseRecord(Buffer.from(text))).toBe('damaged');
      }),
    );
  });
});

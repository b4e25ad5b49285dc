import {
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Decrypter, Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AccountName } from '../../src/model/names.ts';
import { authenticateVault } from '../../src/vault/authenticate-vault.ts';
import { openContent, sealContent } from '../../src/vault/authentication.ts';
import { sealFile, unsealFile } from '../../src/vault/backup-file.ts';
import { openStateStore, type StateRecord } from '../../src/vault/state-store.ts';
import { openVault } from '../../src/vault/vault.ts';
import { serializeRecord } from '../../src/vault/vault-record.ts';
import { fixtureKey, fixtureSession } from '../sessions/fixture-sessions.ts';

const [anna, ben] = ['anna', 'ben'] as AccountName[] as [AccountName, AccountName];
const meta = {
  importedAt: '2026-01-02T03:04:05.000Z',
  sourceFormat: 'telethon',
  apiId: 12345,
} as const;
const state = (account: AccountName, epoch: number): StateRecord => ({
  ...{
    account,
    keyId: '0'.repeat(32),
    moveId: 'm1',
    epoch,
    stateHash: 'a'.repeat(64),
    takenAtMs: 1,
    settleMs: 0,
  },
  archive: Buffer.from('what it remembers'),
});

let directory: string;
let identity: string;
let recipient: string;
let isKnownAuthentic: boolean;
beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), 'fleet-authentic-')), 'vault');
  identity = await generateX25519Identity();
  recipient = await identityToRecipient(identity);
  isKnownAuthentic = false;
});
afterEach(() => rm(join(directory, '..'), { recursive: true, force: true }));

const options = () => ({
  directory,
  readIdentity: async () => identity,
  isKnownAuthentic: async () => isKnownAuthentic,
});
const vault = () => openVault(options());
const states = () => openStateStore(options());
const fileOf = (name: string): string => join(directory, name);

/**
 * What anybody can do who knows the public key: it is printed when the key is made, and stands in
 * the key file's comment.
 */
async function encryptToRecipient(content: string | Uint8Array): Promise<Uint8Array> {
  const encrypter = new Encrypter();
  encrypter.addRecipient(recipient);
  return encrypter.encrypt(content);
}
async function decrypted(path: string): Promise<Buffer> {
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  return Buffer.from(await decrypter.decrypt(await readFile(path)));
}

const legacyState = (record: StateRecord): string =>
  JSON.stringify({ format: 1, ...record, archive: Buffer.from(record.archive).toString('base64') });

/** A vault as the release before has left it. */
async function makeLegacyVault(): Promise<void> {
  for (const folder of ['', 'states', 'removed'])
    await mkdir(join(directory, folder), { recursive: true });
  const session = serializeRecord({ account: anna, session: fixtureSession(), ...meta });
  await writeFile(fileOf('anna.age'), await encryptToRecipient(session));
  await writeFile(fileOf('removed/anna~1.age'), await encryptToRecipient(session));
  await writeFile(fileOf('states/anna.age'), await encryptToRecipient(legacyState(state(anna, 3))));
}

const refused = { code: 'vault', message: expect.stringContaining('is not used') };

describe('a record that was not written with the key', () => {
  it('is refused: a session and a state made with the public key alone', async () => {
    await (await vault()).put(ben, fixtureSession(), meta);
    await states().put(state(ben, 1));
    await writeFile(
      fileOf('anna.age'),
      await encryptToRecipient(
        serializeRecord({ account: anna, session: fixtureSession(), ...meta }),
      ),
    );
    await writeFile(
      fileOf('states/ben.age'),
      await encryptToRecipient(legacyState(state(ben, 99))),
    );
    await expect((await vault()).get(anna)).rejects.toMatchObject(refused);
    await expect(states().get(ben)).rejects.toMatchObject(refused);
  });

  it('is refused with a made-up authentication, and with that of another key', async () => {
    await states().put(state(ben, 1));
    const content = Buffer.from(legacyState(state(ben, 99)));
    const strange = sealContent(await generateX25519Identity(), 'state', ben, content);
    const madeUp = JSON.stringify({ ...JSON.parse(strange.toString()), mac: '0'.repeat(64) });
    for (const forged of [strange, madeUp]) {
      await writeFile(fileOf('states/ben.age'), await encryptToRecipient(forged));
      await expect(states().get(ben)).rejects.toMatchObject(refused);
    }
  });

  it('is refused when one letter of an authentic one is another', async () => {
    await states().put(state(ben, 1));
    const sealed = await decrypted(fileOf('states/ben.age'));
    const { content, ...rest } = JSON.parse(sealed.toString()) as { content: string };
    const changed = Buffer.from(
      Buffer.from(content, 'base64').toString().replace('"epoch":1', '"epoch":7'),
    ).toString('base64');
    await writeFile(
      fileOf('states/ben.age'),
      await encryptToRecipient(JSON.stringify({ ...rest, content: changed })),
    );
    await expect(states().get(ben)).rejects.toMatchObject(refused);
  });

  it('is refused under another name or for another purpose, whatever it says of itself', async () => {
    await (await vault()).put(anna, fixtureSession(), meta);
    await states().put(state(anna, 1));
    await copyFile(fileOf('anna.age'), fileOf('ben.age'));
    await copyFile(fileOf('states/anna.age'), fileOf('states/ben.age'));
    await expect((await vault()).get(ben)).rejects.toMatchObject(refused);
    await expect(states().get(ben)).rejects.toMatchObject(refused);
    await copyFile(fileOf('anna.age'), fileOf('states/anna.age'));
    await expect(states().get(anna)).rejects.toMatchObject(refused);
    const content = Buffer.from('x');
    const sealed = JSON.parse(sealContent(identity, 'session', anna, content).toString()) as object;
    for (const claim of [{ kind: 'state' }, { name: ben }, { kind: 'sessionanna', name: '' }])
      expect(
        openContent(identity, 'state', ben, Buffer.from(JSON.stringify({ ...sealed, ...claim })))
          .form,
      ).toBe('forged');
  });

  it('is damaged, not used, when it is cut off, a link, a pipe or far too large', async () => {
    await states().put(state(ben, 1));
    const path = fileOf('states/ben.age');
    const whole = await readFile(path);
    for (const length of [0, 50, whole.length - 1]) {
      await writeFile(path, whole.subarray(0, length));
      await expect(states().get(ben)).rejects.toMatchObject({ code: 'vault' });
    }
    await rm(path);
    await symlink('/dev/zero', path);
    await expect(states().get(ben)).rejects.toMatchObject({ code: 'vault' });
    await (await vault()).put(ben, fixtureSession(), meta);
    await writeFile(fileOf('ben.age'), Buffer.alloc(100_000));
    await expect((await vault()).get(ben)).rejects.toMatchObject({ code: 'vault' });
  });
});

describe('records of a release before there was authentication', () => {
  it('are read, then authenticated in place once, and keep what they say', async () => {
    await makeLegacyVault();
    const before = await (await vault()).get(anna);
    expect(await authenticateVault(directory, identity)).toBe(3);
    expect(await (await vault()).get(anna)).toEqual(before);
    expect(await states().get(anna)).toMatchObject({ epoch: 3 });
    expect((await stat(fileOf('anna.age'))).mode & 0o777).toBe(0o600);
    expect((await readdir(directory)).sort()).toEqual([
      'anna.age',
      'authenticated.json',
      'removed',
      'states',
    ]);
    expect(await authenticateVault(directory, identity)).toBe(0);
    await copyFile(fileOf('removed/anna~1.age'), fileOf('anna.age'));
    expect(await (await vault()).get(anna)).toEqual(before);
  });

  it('are refused from then on', async () => {
    await makeLegacyVault();
    const old = await readFile(fileOf('states/anna.age'));
    await authenticateVault(directory, identity);
    await writeFile(fileOf('states/anna.age'), old);
    await expect(states().get(anna)).rejects.toMatchObject(refused);
    expect(await authenticateVault(directory, identity)).toBe(0);
    await expect(states().get(anna)).rejects.toMatchObject(refused);
  });

  it('stay refused when the mark was taken away, because the ledger knows, too', async () => {
    await makeLegacyVault();
    const old = await readFile(fileOf('anna.age'));
    await authenticateVault(directory, identity);
    await rm(fileOf('authenticated.json'));
    await writeFile(fileOf('anna.age'), old);
    isKnownAuthentic = true;
    await expect((await vault()).get(anna)).rejects.toMatchObject(refused);
  });

  it('are refused where the mark was made by somebody else', async () => {
    await makeLegacyVault();
    for (const mark of [
      '{}',
      '',
      sealContent(await generateX25519Identity(), 'mark', 'vault', Buffer.from('x')),
    ]) {
      await writeFile(fileOf('authenticated.json'), mark);
      await expect((await vault()).get(anna)).rejects.toMatchObject({
        code: 'vault',
        message: expect.stringContaining('mark of the vault'),
      });
      await expect(authenticateVault(directory, identity)).rejects.toMatchObject({ code: 'vault' });
    }
  });

  it('do not become authentic under another name, nor when they cannot be read', async () => {
    await makeLegacyVault();
    await copyFile(fileOf('anna.age'), fileOf('ben.age'));
    await copyFile(fileOf('states/anna.age'), fileOf('states/ben.age'));
    await writeFile(fileOf('zoe.age'), 'no record');
    expect(await authenticateVault(directory, identity)).toBe(3);
    await expect((await vault()).get(ben)).rejects.toMatchObject(refused);
    await expect(states().get(ben)).rejects.toMatchObject(refused);
    await expect((await vault()).get('zoe' as AccountName)).rejects.toMatchObject({
      code: 'vault',
    });
  });

  it('are all authenticated when the first run was killed half way', async () => {
    await makeLegacyVault();
    const session = serializeRecord({ account: anna, session: fixtureSession(), ...meta });
    await writeFile(
      fileOf('anna.age'),
      await encryptToRecipient(sealContent(identity, 'session', anna, session)),
    );
    expect(await authenticateVault(directory, identity)).toBe(2);
    expect((await (await vault()).get(anna)).session.authKey).toEqual(fixtureKey(1));
  });

  it('are never mixed in: a new vault takes none from its first record on', async () => {
    await (await vault()).put(anna, fixtureSession(), meta);
    await writeFile(
      fileOf('ben.age'),
      await encryptToRecipient(
        serializeRecord({ account: ben, session: fixtureSession(), ...meta }),
      ),
    );
    await expect((await vault()).get(ben)).rejects.toMatchObject(refused);
  });
});

describe('a backup', () => {
  const paths = () => ({
    plain: join(directory, 'plain'),
    sealed: join(directory, 'sealed'),
    out: join(directory, 'out'),
  });
  beforeEach(() => mkdir(directory));

  it('comes back as it was, whatever its size', async () => {
    for (const bytes of [0, 1, 100, 3_000_000]) {
      const { plain, sealed, out } = paths();
      await writeFile(plain, Buffer.alloc(bytes, 'SQLite'));
      await sealFile(plain, sealed, identity);
      await unsealFile(sealed, out, identity);
      expect((await readFile(out)).equals(await readFile(plain))).toBe(true);
      for (const path of [sealed, out]) await rm(path);
    }
  });

  it('that was made with the public key alone, or altered inside, is refused', async () => {
    const { plain, sealed, out } = paths();
    await writeFile(plain, 'a ledger');
    await sealFile(plain, sealed, identity);
    const inside = await decrypted(sealed);
    const forgeries = [
      gzipSync('another ledger'),
      Buffer.concat([gzipSync('another ledger'), inside.subarray(-41)]),
      Buffer.alloc(0),
    ];
    for (const forgery of forgeries) {
      await writeFile(sealed, await encryptToRecipient(forgery));
      await expect(unsealFile(sealed, out, identity)).rejects.toMatchObject({
        code: 'vault',
        message: expect.stringMatching(/seal/),
      });
    }
    await writeFile(sealed, await encryptToRecipient(gzipSync('of an earlier release')));
    await unsealFile(sealed, out, identity, true);
    expect(await readFile(out, 'utf8')).toBe('of an earlier release');
  });

  it('without a seal does not fill the disk, even where it is taken', async () => {
    const { sealed, out } = paths();
    await writeFile(sealed, await encryptToRecipient(gzipSync(Buffer.alloc(300_000_000))));
    await expect(unsealFile(sealed, out, identity, true)).rejects.toMatchObject({ code: 'vault' });
    expect((await stat(out)).size).toBeLessThan(200_000_000);
  });

  it('of a file that cannot be read is an error, and no wait', async () => {
    await expect(sealFile(join(directory, 'none'), paths().sealed, identity)).rejects.toMatchObject(
      { code: 'vault' },
    );
  });

  it('is a file', async () => {
    for (const wrong of ['/dev/zero', directory])
      await expect(unsealFile(wrong, paths().out, identity)).rejects.toMatchObject({
        code: 'vault',
      });
  });
});

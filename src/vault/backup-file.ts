import { timingSafeEqual } from 'node:crypto';
import { constants, createReadStream, createWriteStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream as WebStream } from 'node:stream/web';
import { createGunzip, createGzip } from 'node:zlib';
import { Decrypter, Encrypter } from 'age-encryption';
import { FleetError } from '../model/errors.ts';
import { systemWords } from '../surroundings/system-error.ts';
import { authenticator } from './authentication.ts';
import { systemCode } from './durable-file.ts';
import { parseIdentities, recipientOf } from './vault-key.ts';

function failed(act: string, path: string, error: unknown): FleetError {
  if (error instanceof FleetError) return error;
  const { said, hint } = systemWords(error);
  return new FleetError('vault', `The backup ${path} cannot be ${act}: ${said}`, {
    hint: hint ?? 'Check that the folder exists, who may write there, and the free space.',
    cause: error,
  });
}

/**
 * What follows the compressed content inside the encryption: a word, and an HMAC of all that
 * precedes both. Behind a zero, gzip ignores it.
 */
const sealWord = Buffer.from('\0FLEETMAC');
const sealBytes = sealWord.length + 32;
const macOf = (identity: string) => authenticator(identity, 'backup', '');

/** Passes everything on, and the seal behind it. */
function sealing(identityText: string): Transform {
  const mac = macOf(parseIdentities(identityText)[0]);
  return new Transform({
    transform(chunk: Buffer, _, done) {
      mac.update(chunk);
      done(null, chunk);
    },
    flush(done) {
      done(null, Buffer.concat([sealWord, mac.digest()]));
    },
  });
}

/** Reads a stream to its end and tells whether its seal is there and fits. */
async function sealOf(
  stream: AsyncIterable<Uint8Array>,
  identityText: string,
): Promise<'authentic' | 'forged' | 'none'> {
  const macs = parseIdentities(identityText).map(macOf);
  let tail = Buffer.alloc(0);
  for await (const chunk of stream) {
    const all = Buffer.concat([tail, chunk]);
    const known = Math.max(0, all.length - sealBytes);
    for (const mac of macs) mac.update(all.subarray(0, known));
    tail = Buffer.from(all.subarray(known));
  }
  if (tail.length < sealBytes || !tail.subarray(0, sealWord.length).equals(sealWord)) return 'none';
  return macs.some((mac) => timingSafeEqual(tail.subarray(sealWord.length), mac.digest()))
    ? 'authentic'
    : 'forged';
}

/**
 * How many times larger than its file a backup without a seal may become, and what every one may
 * have. A ledger compresses ten- to thirtyfold.
 */
const unsealedGrowth = { times: 200, bytes: 64 * 1024 * 1024 };

/** Ends a stream with an error after this many bytes. */
function atMost(bytes: number): Transform {
  let left = bytes;
  return new Transform({
    transform(chunk: Buffer, _, done) {
      left -= chunk.length;
      done(left < 0 ? new Error(`it unpacks to more than ${bytes} bytes`) : null, chunk);
    },
  });
}

/**
 * Compresses, authenticates and encrypts one file for the vault's own key, as a stream. The new
 * file (mode 0600) is on disk when it resolves. Throws `vault`, `vault-key`.
 */
export async function sealFile(from: string, to: string, identityText: string): Promise<void> {
  const encrypter = new Encrypter();
  encrypter.addRecipient(await recipientOf(identityText));
  try {
    const packed = sealing(identityText);
    // A source that breaks ends what reads from it, too.
    const packing = pipeline(createReadStream(from), createGzip(), packed);
    packing.catch(() => undefined);
    const sealed = await encrypter.encrypt(Readable.toWeb(packed) as ReadableStream<Uint8Array>);
    await pipeline(
      Readable.fromWeb(sealed as WebStream),
      createWriteStream(to, { flags: 'wx', mode: 0o600 }),
    );
    await packing;
    const handle = await open(to, 'r');
    await handle.sync();
    await handle.close();
  } catch (error) {
    throw failed('written', to, error);
  }
}

/**
 * The reverse. Only what was sealed with the key is unpacked; `takesUnsealed`: also a file of a
 * release before there were seals, whose origin nobody can tell,
 * up to a bounded size. Throws `vault` for a file that is missing, cut off, altered, not sealed, or
 * none of fleet's; `vault-key` for one of another key.
 */
export async function unsealFile(
  from: string,
  to: string,
  identityText: string,
  takesUnsealed = false,
): Promise<void> {
  const handle = await open(from, constants.O_RDONLY | constants.O_NONBLOCK).catch(
    (error: unknown) => {
      throw failed('read', from, error);
    },
  );
  try {
    const facts = await handle.stat();
    if (!facts.isFile()) throw failed('read', from, new Error('not a file'));
    const read = (): Promise<Readable> => decrypted(handle, from, identityText);
    const seal = await sealOf(await read(), identityText).catch((error: unknown) => {
      throw asBackupError(from, error);
    });
    if (seal === 'forged' || (seal === 'none' && !takesUnsealed)) throw notSealed(from, seal);
    const limit =
      seal === 'authentic'
        ? Number.POSITIVE_INFINITY
        : unsealedGrowth.times * facts.size + unsealedGrowth.bytes;
    await pipeline(
      await read(),
      createGunzip(),
      atMost(limit),
      createWriteStream(to, { flags: 'wx', mode: 0o600 }),
    ).catch((error: unknown) => {
      throw asBackupError(from, error);
    });
  } finally {
    await handle.close();
  }
}

/** The compressed content of a backup, from its first byte on. */
async function decrypted(
  handle: FileHandle,
  from: string,
  identityText: string,
): Promise<Readable> {
  const decrypter = new Decrypter();
  let keyDidNotFit = false;
  for (const identity of parseIdentities(identityText)) decrypter.addIdentity(identity);
  decrypter.addIdentity({
    unwrapFileKey: () => {
      keyDidNotFit = true;
      return null;
    },
  });
  try {
    const file = Readable.toWeb(
      handle.createReadStream({ start: 0, autoClose: false }),
    ) as ReadableStream<Uint8Array>;
    return Readable.fromWeb((await decrypter.decrypt(file)) as WebStream);
  } catch (error) {
    if (!keyDidNotFit) throw asBackupError(from, error);
    throw new FleetError('vault-key', `The vault key does not open the backup ${from}`, {
      hint:
        'It was made with another key: put the AGE-SECRET-KEY line of that key below the ' +
        'one in vault.key, restore, then: fleet vault rotate-key',
    });
  }
}

/** Whether the key opens a backup, by its header; the rest of it is not read. */
export async function opensBackup(path: string, identityText: string): Promise<boolean> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    (await decrypted(handle, path, identityText)).destroy();
    return true;
  } catch (error) {
    if (error instanceof FleetError) return false;
    throw error;
  } finally {
    await handle.close().catch(() => undefined);
  }
}

function asBackupError(from: string, error: unknown): FleetError {
  if (error instanceof FleetError) return error;
  if (systemCode(error) === 'ENOSPC' || systemCode(error) === 'EEXIST')
    return failed('unpacked', from, error);
  return new FleetError('vault', `The backup ${from} is damaged, cut off, or none of fleet's`, {
    hint: 'Use another backup.',
    cause: error,
  });
}

const notSealed = (from: string, seal: 'forged' | 'none'): FleetError =>
  new FleetError(
    'vault',
    seal === 'forged'
      ? `The backup ${from} was not written with the vault's key: its seal does not fit`
      : `The backup ${from} bears no seal of the vault's key`,
    {
      hint:
        seal === 'forged'
          ? 'Somebody has made or altered it: use another backup.'
          : 'Anybody who knows the public key could have made it. If a release before seals ' +
            'has written it, and you know where it lay: --unsealed',
    },
  );

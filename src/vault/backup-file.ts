import { createReadStream, createWriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream as WebStream } from 'node:stream/web';
import { createGunzip, createGzip } from 'node:zlib';
import { Decrypter, Encrypter } from 'age-encryption';
import { FleetError } from '../model/errors.ts';
import { systemCode } from './durable-file.ts';
import { parseIdentity, recipientOf } from './vault-key.ts';

const failed = (act: string, path: string, error: unknown): FleetError =>
  error instanceof FleetError
    ? error
    : new FleetError('vault', `The backup ${path} cannot be ${act} (${systemCode(error) ?? 'unknown error'})`, {
        hint: 'Check that the folder exists, who may write there, and the free space.',
        cause: error,
      });

/** Compresses and encrypts one file for the vault's own key, as a stream. The new file (mode 0600) is on disk when it resolves. Throws `vault`, `vault-key`. */
export async function sealFile(from: string, to: string, identityText: string): Promise<void> {
  const encrypter = new Encrypter();
  encrypter.addRecipient(await recipientOf(identityText));
  try {
    const packed = createReadStream(from).pipe(createGzip());
    const sealed = await encrypter.encrypt(Readable.toWeb(packed) as ReadableStream<Uint8Array>);
    await pipeline(Readable.fromWeb(sealed as WebStream), createWriteStream(to, { flags: 'wx', mode: 0o600 }));
    const handle = await open(to, 'r');
    await handle.sync();
    await handle.close();
  } catch (error) {
    throw failed('written', to, error);
  }
}

/** The reverse. Throws `vault` for a file that is missing, cut off, altered, or none of fleet's; `vault-key` for one of another key. */
export async function unsealFile(from: string, to: string, identityText: string): Promise<void> {
  const decrypter = new Decrypter();
  let keyDidNotFit = false;
  decrypter.addIdentity(parseIdentity(identityText));
  decrypter.addIdentity({
    unwrapFileKey: () => {
      keyDidNotFit = true;
      return null;
    },
  });
  const handle = await open(from, 'r').catch((error: unknown) => {
    throw failed('read', from, error);
  });
  try {
    const opened = await decrypter.decrypt(Readable.toWeb(handle.createReadStream()) as ReadableStream<Uint8Array>);
    await pipeline(Readable.fromWeb(opened as WebStream), createGunzip(), createWriteStream(to, { flags: 'wx', mode: 0o600 }));
  } catch (error) {
    if (systemCode(error) === 'ENOSPC' || systemCode(error) === 'EEXIST') throw failed('unpacked', from, error);
    throw keyDidNotFit
      ? new FleetError('vault-key', `The vault key does not open the backup ${from}`, {
          hint: 'It was made for another key: name the key that was in use then.',
        })
      : new FleetError('vault', `The backup ${from} is damaged, cut off, or none of fleet's`, {
          hint: 'Use another backup.',
          cause: error,
        });
  } finally {
    await handle.close();
  }
}

import { execFileSync } from 'node:child_process';
import { createHash, pbkdf2Sync, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { convertToTdata, writeGramjsStoreSession } from '@mtcute/convert';
import {
  BaseSqliteStorage,
  BaseSqliteStorageDriver,
  StorageManager,
  TelegramStorageManager,
} from '@mtcute/core';
import { defaultProductionDc } from '@mtcute/core/utils.js';
import { ige256Decrypt, ige256Encrypt, initSync } from '@mtcute/wasm';
import Database from 'better-sqlite3';
import type { Session } from '../../src/model/session.ts';
import { canonicalAddress } from '../../src/sessions/data-centres.ts';

const dataCentreOf = (session: Session) => ({
  id: session.dataCentre,
  ipAddress: canonicalAddress(session.dataCentre),
  port: 443,
});

const asMtcute = (session: Session) => {
  const main = dataCentreOf(session);
  return {
    version: 3,
    primaryDcs: { main, media: main },
    authKey: session.authKey,
    self: {
      userId: Number(session.userId),
      isBot: session.isBot,
      isPremium: false,
      usernames: ['anna'],
    },
  };
};

/**
 * What the library asks of a platform; the cipher is its own, in WebAssembly, so that two codecs
 * meet.
 */
const crypto = {
  initialize: () =>
    initSync(readFileSync(createRequire(import.meta.url).resolve('@mtcute/wasm/mtcute.wasm'))),
  createHash: (algorithm: string) => createHash(algorithm),
  pbkdf2: pbkdf2Sync,
  randomBytes,
  sha1: (data: Uint8Array) => createHash('sha1').update(data).digest(),
  createAesIge: (key: Uint8Array, iv: Uint8Array) => ({
    encrypt: (data: Uint8Array) => ige256Encrypt(data, key, iv),
    decrypt: (data: Uint8Array) => ige256Decrypt(data, key, iv),
  }),
};

/** A tdata folder as `@mtcute/convert` writes it; its path. */
export const writeTdata = async (
  directory: string,
  sessions: readonly Session[],
  passcode = '',
): Promise<string> => {
  const path = join(directory, 'tdata');
  mkdirSync(path);
  await convertToTdata(sessions.map(asMtcute), { path, passcode, crypto } as unknown as Parameters<
    typeof convertToTdata
  >[1]);
  return path;
};

/** The same as an archive, with a folder of caches beside it. */
export const zipOf = (directory: string, folder: string): string => {
  const path = join(directory, 'anna.zip');
  execFileSync('python3', ['-m', 'zipfile', '-c', path, folder]);
  rmSync(folder, { recursive: true });
  return path;
};

/** A StoreSession folder as `@mtcute/convert` writes it. */
export const writeStoreSession = async (directory: string, session: Session): Promise<string> => {
  const path = join(directory, 'anna');
  mkdirSync(path);
  const { id: dcId, ipAddress, port } = dataCentreOf(session);
  const before = process.cwd();
  // The library makes the folder's name once more, where it stands.
  process.chdir(directory);
  try {
    await writeGramjsStoreSession(path, {
      dcId,
      ipAddress,
      port,
      ipv6: false,
      authKey: session.authKey,
    });
  } finally {
    process.chdir(before);
  }
  return path;
};

/** mtcute's own database, written by its own storage. */
export const writeMtcute = async (directory: string, session: Session): Promise<string> => {
  const path = join(directory, 'anna.session');
  class Driver extends BaseSqliteStorageDriver {
    override _createDatabase(): ReturnType<BaseSqliteStorageDriver['_createDatabase']> {
      return new Database(path) as unknown as ReturnType<
        BaseSqliteStorageDriver['_createDatabase']
      >;
    }
  }
  const provider = new BaseSqliteStorage(new Driver());
  const silent = {
    create: () => silent,
    info: () => {},
    debug: () => {},
    warn: () => {},
    error: () => {},
    verbose: () => {},
  };
  const platform = { beforeExit: () => () => {} };
  const maps = { readerMap: {}, writerMap: {} };
  const options = {
    provider,
    log: silent,
    platform,
    ...maps,
    cleanup: false,
  } as unknown as ConstructorParameters<typeof StorageManager>[0];
  const storage = new StorageManager(options);
  const accounts = new TelegramStorageManager(storage, { provider } as ConstructorParameters<
    typeof TelegramStorageManager
  >[1]);
  await storage.load();
  const main = dataCentreOf(session);
  await storage.dcs.store({ main, media: defaultProductionDc.media });
  await provider.authKeys.set(session.dataCentre, session.authKey);
  await provider.authKeys.set(
    session.dataCentre === 4 ? 5 : 4,
    new Uint8Array(256).map((_, index) => (index * 7) % 256),
  );
  await accounts.self.store({
    userId: Number(session.userId),
    isBot: session.isBot,
    isPremium: false,
    usernames: ['anna'],
  });
  await storage.save();
  await storage.destroy();
  return path;
};

import { constants } from 'node:fs';
import { type FileHandle, open, opendir, realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { SessionDevice } from '../model/session.ts';
import {
  type ParsedSession,
  refuse,
  type SessionOutcome,
  type SessionWarning,
} from '../sessions/session-outcome.ts';
import { parseSidecar } from '../sessions/sidecar.ts';
import { isStoreFile, parseStoreSession } from '../sessions/store-session.ts';
import { isTdataFile, parseTdata } from '../sessions/tdata.ts';
import { modeWarnings, readSessionSource, unreadable } from './read-session-source.ts';
import { readZip } from './read-zip.ts';

/** More than a login and its key have, bytes. */
const fileLimit = 1024 * 1024;
/** Of all files of one folder together: a thousand times what a login has. */
const folderLimit = 32 * 1024 * 1024;
/** More names than the folder of any account has. */
const nameLimit = 10_000;

const wipe = (files: ReadonlyMap<string, Buffer>): void => {
  for (const content of files.values()) content.fill(0);
};

const readSmall = async (path: string): Promise<Buffer | null> => {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = await handle.stat();
    if (!stats.isFile() || stats.size > fileLimit) return null;
    const bytes = Buffer.alloc(stats.size);
    const { bytesRead } = await handle.read(bytes, 0, stats.size, 0);
    return bytesRead === stats.size ? bytes : null;
  } finally {
    await handle?.close();
  }
};

const namesIn = async (path: string): Promise<readonly string[]> => {
  const names: string[] = [];
  for await (const { name } of await opendir(path)) {
    if (names.push(name) >= nameLimit) break;
  }
  return names;
};

/** A folder of several files that are one login, or several; null: it is none that fleet reads. */
const readFolder = async (
  path: string,
  passcode: string,
  where: string,
  isInner = false,
): Promise<readonly SessionOutcome[] | null> => {
  const names = await namesIn(path);
  // People name the folder of the program, or the one in it.
  if (!isInner && names.includes('tdata') && !names.some(isTdataFile))
    return readFolder(join(path, 'tdata'), passcode, where, true);
  const isTdata = names.some((name) => name.startsWith('key_data') && isTdataFile(name));
  const wanted = names.filter(isTdata ? isTdataFile : isStoreFile);
  if (wanted.length === 0) return null;
  const files = new Map<string, Buffer>();
  try {
    let bytes = 0;
    for (const name of wanted) {
      const content = bytes < folderLimit ? await readSmall(join(path, name)) : null;
      if (content === null) continue;
      files.set(name, content);
      bytes += content.length;
    }
    return isTdata ? parseTdata(files, passcode, where) : parseStoreSession(files, where);
  } finally {
    wipe(files);
  }
};

/** A zip archive of a tdata folder; null: it is no archive, or nothing of tdata is in it. */
const readArchive = async (
  handle: FileHandle,
  passcode: string,
  where: string,
): Promise<readonly SessionOutcome[] | null> => {
  const { buffer } = await handle.read(Buffer.alloc(4), 0, 4, 0);
  if (buffer.toString('latin1') !== 'PK\x03\x04') return null;
  const files = await readZip(handle.fd, {
    isWanted: (path) => isTdataFile(basename(path)),
    fileLimit,
    nameLimit,
  });
  if (files === null)
    return [
      refuse(
        'CORRUPT',
        where,
        'is a damaged zip archive',
        'Unpack it yourself, and import the folder.',
      ),
    ];
  try {
    return files.size === 0 ? null : parseTdata(files, passcode, where);
  } finally {
    wipe(files);
  }
};

/**
 * All sessions behind one path: a session file (see {@link readSessionSource}) is one, a tdata
 * folder or an archive of one has an outcome for each of its
 * accounts, a StoreSession folder for each of its names. Nothing is written, nothing is unpacked to
 * disk. `passcode`: of Telegram Desktop; empty: none.
 * At least one outcome; an unusable one is a value, not a throw.
 */
export const readSessionSources = async (
  path: string,
  passcode = '',
  where = path,
): Promise<readonly SessionOutcome[]> => {
  let handle: FileHandle | undefined;
  try {
    const real = await realpath(path);
    handle = await open(real, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = await handle.stat();
    const several = stats.isDirectory()
      ? await readFolder(real, passcode, where)
      : stats.isFile()
        ? await readArchive(handle, passcode, where)
        : null;
    if (several !== null)
      return several.map((outcome) =>
        warned(outcome, stats.isFile() ? modeWarnings(stats.mode) : []),
      );
  } catch (error) {
    return [unreadable(where, error)];
  } finally {
    await handle?.close();
  }
  const outcome = await readSessionSource(path, where);
  const device = outcome.ok ? await describedBeside(path) : null;
  return [outcome.ok && device !== null ? withDevice(outcome, device) : outcome];
};

/**
 * A session that says itself which application made it is believed before a description that says
 * another one.
 */
const withDevice = (parsed: ParsedSession, device: SessionDevice): ParsedSession => {
  if (parsed.apiId === null || device.apiId === undefined || device.apiId === parsed.apiId) {
    return { ...parsed, device, warnings: [...parsed.warnings, described] };
  }
  const { apiId, apiHash: _, ...look } = device;
  const message =
    `the .json file beside it says that application ${apiId} made it, the session says ` +
    `${parsed.apiId}: only its device is taken`;
  const warnings: SessionWarning[] = [...parsed.warnings, { code: 'OTHER_APPLICATION', message }];
  return Object.keys(look).length === 0
    ? { ...parsed, warnings }
    : { ...parsed, device: look, warnings };
};

const described: SessionWarning = {
  code: 'DESCRIBED',
  message:
    'the .json file beside it says of which application and device it is; the account ' +
    'keeps them, unless the inventory says otherwise',
};

/** `x.json` beside `x.session`. */
const describedBeside = async (path: string): Promise<SessionDevice | null> => {
  const content = path.endsWith('.session')
    ? await readSmall(path.replace(/session$/, 'json')).catch(() => null)
    : null;
  const device = content === null ? null : parseSidecar(content);
  content?.fill(0);
  return device;
};

const warned = (outcome: SessionOutcome, more: readonly SessionWarning[]): SessionOutcome =>
  outcome.ok ? { ...outcome, warnings: [...outcome.warnings, ...more] } : outcome;

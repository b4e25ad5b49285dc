import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import {
  convertFromGramjsSession,
  convertFromPyrogramSession,
  convertFromTelethonSession,
} from '@mtcute/convert';
import { readStringSession } from '@mtcute/core/utils.js';
import Database from 'better-sqlite3';
import type { SessionFormat } from '../../src/model/session.ts';
import { formatSession } from '../../src/sessions/format-session.ts';
import type { SessionOutcome } from '../../src/sessions/session-outcome.ts';
import { parseSessionRows } from '../../src/sessions/session-rows.ts';
import { readSessionTables } from '../../src/sessions/session-tables.ts';
import { parseSessionText } from '../../src/sessions/session-text.ts';
import { parseSidecar } from '../../src/sessions/sidecar.ts';
import { beginsLikeSqlite, refuseSqliteImage } from '../../src/sessions/sqlite/sqlite-image.ts';
import { isStoreFile, parseStoreSession } from '../../src/sessions/store-session.ts';
import { isTdataFile, parseTdata } from '../../src/sessions/tdata.ts';
import { readZip } from '../../src/vault/read-zip.ts';
import { writeMtcute, writeStoreSession, writeTdata, zipOf } from '../vault/real-libraries.ts';
import { type SchemaName, sessionSchemas, writeSessionFile } from '../vault/session-files.ts';
import { fixtureKey, fixtureSession } from './fixture-sessions.ts';

/** 0 to 1, the same in every run. */
export type Chance = () => number;

/** Of a seed: mulberry32, public domain. */
export const chanceOf = (seed: number): Chance => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

/** One damaged source. */
export interface Mutant {
  /** What the importer makes of it, without the net that it has for exceptions. */
  readonly read: () => readonly SessionOutcome[] | Promise<readonly SessionOutcome[]>;
  /**
   * Keys that its own program would find in it as well. Only asked where another key than the
   * undamaged one was read.
   */
  readonly others: (format: SessionFormat) => readonly Uint8Array[];
}

export interface MutantKind {
  readonly name: string;
  /** Parts of the whole. */
  readonly share: number;
  readonly make: (chance: Chance) => Mutant;
}

export type Verdict = 'refused' | 'accepted' | 'wrong key';

const undamaged = [fixtureKey(1), fixtureKey(2)];

/** What came of a mutant. Throws what the parser throws. */
export const judge = async ({
  read,
  others,
}: Mutant): Promise<{ readonly verdict: Verdict; readonly ms: number }> => {
  const startedMs = performance.now();
  const outcomes = await read();
  const ms = performance.now() - startedMs;
  const accepted = outcomes.flatMap((outcome) => (outcome.ok ? [outcome] : []));
  const isKnown = (key: Uint8Array, keys: readonly Uint8Array[]): boolean =>
    keys.some((one) => Buffer.from(one).equals(key));
  const isRight = accepted.every(
    ({ format, session }) =>
      isKnown(session.authKey, undamaged) || isKnown(session.authKey, others(format)),
  );
  return { verdict: accepted.length === 0 ? 'refused' : isRight ? 'accepted' : 'wrong key', ms };
};

const below = (chance: Chance, limit: number): number => Math.floor(chance() * limit);
const pick = <T>(chance: Chance, values: readonly T[]): T =>
  values[below(chance, values.length)] as T;
const randomBytes = (chance: Chance, count: number): Buffer =>
  Buffer.from(Array.from({ length: count }, () => below(chance, 256)));

/** One to four kinds of damage; half of them near the beginning, where the form is. */
const damaged = (whole: Buffer, chance: Chance): Buffer => {
  let bytes = Buffer.from(whole);
  for (let round = 1 + below(chance, 4); round > 0 && bytes.length > 0; round -= 1) {
    const at = below(chance, chance() < 0.5 ? Math.min(bytes.length, 4096) : bytes.length);
    const length = Math.min(1 + below(chance, 40), bytes.length - at);
    const from = below(chance, bytes.length - length + 1);
    switch (below(chance, 6)) {
      case 0:
        bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << below(chance, 8)), at);
        break;
      case 1:
        bytes.set(randomBytes(chance, length), at);
        break;
      case 2:
        bytes.fill(pick(chance, [0, 255, 127, 128]), at, at + length);
        break;
      case 3:
        bytes.copy(bytes, at, from, from + length);
        break;
      case 4:
        bytes = Buffer.concat([
          bytes.subarray(0, at),
          bytes.subarray(from, from + length),
          bytes.subarray(at),
        ]);
        break;
      default:
        bytes =
          chance() < 0.2
            ? bytes.subarray(0, at)
            : Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    }
  }
  return bytes;
};

/** Half of them stay letters of base64, so that more than the alphabet is tried. */
const damagedText = (whole: string, chance: Chance): string => {
  if (chance() < 0.5) return damaged(Buffer.from(whole, 'latin1'), chance).toString('latin1');
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/=';
  const text = [...whole];
  for (let round = 1 + below(chance, 6); round > 0; round -= 1) {
    const at = below(chance, text.length);
    const letter = letters[below(chance, letters.length)] as string;
    text.splice(at, pick(chance, [0, 1, 1, 1, 5]), ...(chance() < 0.8 ? [letter] : []));
  }
  return text.join('');
};

const readFile = (bytes: Buffer): readonly SessionOutcome[] => {
  if (!beginsLikeSqlite(bytes)) return [parseSessionText(bytes, 'it')];
  const tables = refuseSqliteImage(bytes, 'it') ?? readSessionTables(bytes, 'it');
  return [
    'ok' in tables
      ? tables
      : parseSessionRows(tables as Exclude<typeof tables, { ok: false }>, 'it'),
  ];
};

/** What SQLite itself finds in the image. */
const keysBySqlite = (image: Buffer): readonly Uint8Array[] => {
  let database: Database.Database | undefined;
  try {
    const opened = new Database(image, { readonly: true });
    database = opened;
    return ['select auth_key from sessions', 'select key from auth_keys'].flatMap((sql) => {
      try {
        return opened.prepare<[], Buffer>(sql).pluck().all();
      } catch {
        return [];
      }
    });
  } catch {
    return [];
  } finally {
    database?.close();
  }
};

const libraries: Partial<
  Record<SessionFormat, (text: string) => ReturnType<typeof readStringSession>>
> = {
  'gramjs-string': convertFromGramjsSession,
  'telethon-string': convertFromTelethonSession,
  'pyrogram-string': convertFromPyrogramSession,
  'mtcute-string': readStringSession,
};

/**
 * What a library reads from the same text, once what is lost when a line is copied is back: the
 * equals signs at its end.
 */
const keysByLibrary = (text: string, format: SessionFormat): readonly Uint8Array[] => {
  try {
    const read = libraries[format];
    const bare = text.trim().replace(/=+$/, '');
    const [first, body] =
      format === 'gramjs-string' || format === 'telethon-string'
        ? [bare.slice(0, 1), bare.slice(1)]
        : ['', bare];
    return read === undefined
      ? []
      : [read(`${first}${body}${'='.repeat(-body.length & 3)}`).authKey];
  } catch {
    return [];
  }
};

const database = (name: string, image: Buffer): MutantKind => ({
  name,
  share: 25,
  make: (chance) => {
    const bytes = damaged(image, chance);
    return { read: () => readFile(bytes), others: () => keysBySqlite(bytes) };
  },
});

const text = (
  format: 'gramjs-string' | 'telethon-string' | 'pyrogram-string' | 'mtcute-string',
): MutantKind => {
  const whole = formatSession(fixtureSession(), format, 4321);
  return {
    name: format,
    share: 40,
    make: (chance) => {
      const changed = damagedText(whole, chance);
      return {
        read: () => readFile(Buffer.from(changed, 'latin1')),
        others: (found) => keysByLibrary(changed, found),
      };
    },
  };
};

type Files = ReadonlyMap<string, Buffer>;

/** One file damaged, lost or in the place of another. */
const damagedFiles = (files: Files, chance: Chance): Files => {
  const [names, copy] = [[...files.keys()], new Map(files)];
  const name = pick(chance, names);
  if (chance() < 0.02) copy.delete(name);
  else if (chance() < 0.05) copy.set(name, files.get(pick(chance, names)) as Buffer);
  else copy.set(name, damaged(files.get(name) as Buffer, chance));
  return copy;
};

const filesIn = (path: string, isWanted: (name: string) => boolean): Files =>
  new Map(
    readdirSync(path)
      .filter(isWanted)
      .map((name) => [name, readFileSync(join(path, name))]),
  );

const tdata = (files: Files): MutantKind => ({
  ...{ name: 'tdata', share: 60 },
  make: (chance) => {
    const changed = damagedFiles(files, chance);
    return { read: () => parseTdata(changed, '', 'it'), others: () => [] };
  },
});

const zip = (archive: Buffer, directory: string): MutantKind => ({
  ...{ name: 'zip of tdata', share: 25 },
  make: (chance) => {
    const path = join(directory, 'mutant.zip');
    writeFileSync(path, damaged(archive, chance));
    const limits = {
      isWanted: (name: string) => isTdataFile(basename(name)),
      fileLimit: 2 ** 20,
      nameLimit: 10_000,
    };
    const read = async (): Promise<readonly SessionOutcome[]> => {
      const fd = openSync(path, 'r');
      try {
        const files = await readZip(fd, limits);
        return files === null ? [] : parseTdata(files, '', 'it');
      } finally {
        closeSync(fd);
      }
    };
    return { read, others: () => [] };
  },
});

const store = (files: Files): MutantKind => ({
  ...{ name: 'StoreSession', share: 40 },
  make: (chance) => {
    const changed = damagedFiles(files, chance);
    // As Node itself revives a Buffer that was written as JSON.
    const others = (): readonly Uint8Array[] =>
      [...changed.values()].flatMap((file) => {
        try {
          const { data } = JSON.parse(file.toString('utf8')) as { data: number[] };
          return [Buffer.from(data)];
        } catch {
          return [];
        }
      });
    return { read: () => parseStoreSession(changed, 'it'), others };
  },
});

const sidecar = (content: Buffer): MutantKind => ({
  ...{ name: 'sidecar', share: 40 },
  make: (chance) => {
    const changed = damaged(content, chance);
    const read = (): readonly SessionOutcome[] => {
      parseSidecar(changed);
      return readFile(changed);
    };
    return { read, others: () => [] };
  },
});

/** All kinds, from sources that the real libraries wrote. `end` removes what they need on disk. */
export const mutantKinds = async (): Promise<{
  readonly kinds: readonly MutantKind[];
  readonly end: () => void;
}> => {
  const directory = mkdtempSync(join(tmpdir(), 'fleet-mutants-'));
  const schemas = Object.keys(sessionSchemas) as SchemaName[];
  const images = schemas.map(
    (name, index) =>
      [name, readFileSync(writeSessionFile(join(directory, `${index}.session`), name))] as const,
  );
  const mtcute = readFileSync(await writeMtcute(directory, fixtureSession()));
  const stored = filesIn(await writeStoreSession(directory, fixtureSession()), isStoreFile);
  const folder = await writeTdata(directory, [
    fixtureSession(),
    fixtureSession({ authKey: fixtureKey(2), dataCentre: 4 }),
  ]);
  const files = filesIn(folder, isTdataFile);
  const archive = readFileSync(zipOf(directory, folder));
  const described = {
    app_id: 4,
    app_hash: '0a'.repeat(16),
    device: 'PC 64bit',
    sdk: 'Windows 10',
    app_version: '4.8',
    lang_pack: 'en',
  };
  const kinds = [
    ...[...images, ['mtcute database', mtcute] as const].map(([name, image]) =>
      database(name, image),
    ),
    ...(['gramjs-string', 'telethon-string', 'pyrogram-string', 'mtcute-string'] as const).map(
      text,
    ),
    ...[
      tdata(files),
      zip(archive, directory),
      store(stored),
      sidecar(Buffer.from(JSON.stringify(described))),
    ],
  ];
  return { kinds, end: () => rmSync(directory, { recursive: true }) };
};

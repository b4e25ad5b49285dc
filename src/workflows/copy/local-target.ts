/** Where fetched files go on this machine: never over a link, never outside of the target. */
import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  openSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { lstat, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { atPath, systemWords } from '../../surroundings/system-error.ts';
import { type CopyPlace, named } from './copy-words.ts';

/** What is at a path; a link is not followed. Throws the system's error, but for ENOENT. */
export async function kindAt(
  path: string,
): Promise<{ readonly kind: 'missing' | 'file' | 'folder' | 'link' | 'special'; size: number }> {
  try {
    const stats = await lstat(path);
    const kind = stats.isSymbolicLink()
      ? 'link'
      : stats.isFile()
        ? 'file'
        : stats.isDirectory()
          ? 'folder'
          : 'special';
    return { kind, size: stats.size };
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
      return { kind: 'missing', size: 0 };
    throw error;
  }
}

/** The folder that takes all, by its real path; it may have to be made. */
export interface LocalBase {
  readonly path: string;
  readonly isMissing: boolean;
}

/** Returns a mistake as text where nothing can go there. */
export async function localBase({ path, isInto }: CopyPlace): Promise<LocalBase | string> {
  const base = isInto ? path : dirname(path);
  try {
    const real = await realpath(base);
    return (await kindAt(real)).kind === 'folder'
      ? { path: real, isMissing: false }
      : `${named(base)} is no folder`;
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (!isMissing || !isInto) return `${named(base)}: ${systemWords(error).said}`;
    try {
      if ((await kindAt(base)).kind !== 'missing') return `${named(base)} is a link to nothing`;
      return { path: join(await realpath(dirname(base)), base.split('/').at(-1) ?? ''), isMissing };
    } catch (above) {
      return `${named(dirname(base))}: ${systemWords(above).said}`;
    }
  }
}

/**
 * A file that is written beside its place and becomes it at once. Acts are synchronous, so that a
 * host sends no faster than the disk takes.
 */
export class PartFile {
  readonly #path: string;
  readonly #part: string;
  readonly #descriptor: number;
  readonly #hash = createHash('sha256');
  #isOpen = true;

  /** Throws the system's error. */
  constructor(path: string) {
    this.#path = path;
    this.#part = join(dirname(path), `.fleet-cp-${randomBytes(9).toString('hex')}`);
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
    this.#descriptor = this.#act(() => openSync(this.#part, flags, 0o600));
  }

  write(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.#act(() => writeFileSync(this.#descriptor, bytes));
  }

  /** Puts it in its place where its hash is `sha256`; false: it is thrown away. */
  finish(sha256: string, mode: number): boolean {
    const isRight = this.#hash.digest('hex') === sha256;
    if (!isRight) {
      this.discard();
      return false;
    }
    this.#act(() => {
      fchmodSync(this.#descriptor, mode);
      fsyncSync(this.#descriptor);
      this.#close();
      renameSync(this.#part, this.#path);
    });
    return true;
  }

  /** Safe to repeat. */
  discard(): void {
    this.#close();
    try {
      unlinkSync(this.#part);
    } catch {
      // It is gone already.
    }
  }

  #close(): void {
    if (this.#isOpen) closeSync(this.#descriptor);
    this.#isOpen = false;
  }

  #act<T>(act: () => T): T {
    try {
      return act();
    } catch (error) {
      throw atPath(error, this.#path, this.#part);
    }
  }
}

import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';

/** One regular file or symbolic link of an account's state. */
export interface StateEntry {
  /** Relative, `/` between names. */
  readonly path: string;
  readonly kind: 'file' | 'link';
  /** Permission bits, 0-0o777; 0 for a link. */
  readonly mode: number;
  /** Of a link: the bytes of its target. */
  readonly content: Uint8Array;
}

/**
 * Most bytes of state (content, uncompressed) that a move carries: what a request holds in base64,
 * compressible or not.
 */
export const stateLimitBytes = 10 * 1024 * 1024;
/**
 * Most bytes of state (content, uncompressed) that a sweep copies of an account that runs: one
 * reply holds it, compressible or not.
 */
export const smallStateBytes = 512 * 1024;
/** Bytes of an archive in one reply: a line of the helper's output has its limit. */
export const statePartBytes = 640 * 1024;
/** Most files and links of a state. */
export const entriesLimit = 20_000;
/** Headers of all entries come on top of their content. */
const archiveLimitBytes = stateLimitBytes + entriesLimit * 1024;
/** Parts in which the largest archive is read. */
export const statePartsLimit = Math.ceil(archiveLimitBytes / statePartBytes);

interface Header {
  readonly path: string;
  readonly kind: 'file' | 'link';
  readonly mode: number;
  readonly size: number;
}

/**
 * The entries, which are in the byte order of their paths, as one compressed text of headers and
 * contents.
 */
export const packState = (entries: readonly StateEntry[]): Uint8Array =>
  gzipSync(
    Buffer.concat(
      entries.flatMap(({ path, kind, mode, content }) => {
        const header: Header = { path, kind, mode, size: content.length };
        return [Buffer.from(`${JSON.stringify(header)}\n`), content];
      }),
    ),
    { level: 6 },
  );

/**
 * The entries of an archive. Throws Error on anything but what {@link packState} makes: a path that
 * leaves the directory or goes through
 * a link, two entries of one name, a wrong length, too much of anything.
 */
export const unpackState = (archive: Uint8Array): readonly StateEntry[] => {
  const bytes = gunzipSync(archive, { maxOutputLength: archiveLimitBytes });
  const entries: StateEntry[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(10, at);
    const header = parseHeader(end === -1 ? '' : bytes.toString('utf8', at, end));
    const next = end + 1 + header.size;
    if (next > bytes.length || entries.length >= entriesLimit)
      throw new Error('the archive of the state is cut off or too long');
    entries.push({
      path: header.path,
      kind: header.kind,
      mode: header.mode,
      content: bytes.subarray(end + 1, next),
    });
    at = next;
  }
  refusePaths(entries);
  return entries;
};

const parseHeader = (text: string): Header => {
  const value: unknown = JSON.parse(text);
  if (
    typeof value === 'object' &&
    value !== null &&
    'path' in value &&
    'kind' in value &&
    'mode' in value &&
    'size' in value
  ) {
    const { path, kind, mode, size } = value;
    const isSize =
      typeof size === 'number' &&
      Number.isSafeInteger(size) &&
      size >= 0 &&
      size <= stateLimitBytes;
    const isMode =
      typeof mode === 'number' && Number.isSafeInteger(mode) && mode >= 0 && mode <= 0o777;
    if (typeof path === 'string' && (kind === 'file' || kind === 'link') && isMode && isSize)
      return { path, kind, mode, size };
  }
  throw new Error('the archive of the state has a wrong entry');
};

const isPlain = (path: string): boolean =>
  path.length <= 4096 &&
  !path.includes('\0') &&
  path.split('/').every((name) => name !== '' && name !== '.' && name !== '..');

const refusePaths = (entries: readonly StateEntry[]): void => {
  const taken = new Set<string>();
  for (const { path } of entries) {
    if (!isPlain(path) || taken.has(path))
      throw new Error('the archive of the state has a wrong path');
    taken.add(path);
  }
  // Nothing lies below a file or a link: a link would lead out of the directory.
  const isBelow = (path: string): boolean =>
    path
      .split('/')
      .some((_, index, names) => index > 0 && taken.has(names.slice(0, index).join('/')));
  if (entries.some(({ path }) => isBelow(path)))
    throw new Error('the archive of the state goes through a file or a link');
};

/**
 * The hash that a receipt names, from entries in memory: the same as `hashState` gives for the
 * directory.
 */
export const hashEntries = (entries: readonly StateEntry[]): string => {
  const hash = createHash('sha256').update('fleet state v1\n');
  for (const { path, kind, content } of entries) {
    const name = JSON.stringify(path);
    if (kind === 'link')
      hash.update(`link ${name} ${JSON.stringify(Buffer.from(content).toString('utf8'))}\n`);
    else hash.update(`file ${name} ${content.length}\n`).update(content);
  }
  return hash.digest('hex');
};

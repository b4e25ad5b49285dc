/** What a host says that it has, parsed within limits. Pure. */
import { nameBytes, named, pathBytes } from './copy-words.ts';
import { mostDepth, mostEntries } from './local-tree.ts';

export interface HostEntry {
  readonly kind: 'folder' | 'file';
  /** Below what was named; '' is that itself. */
  readonly below: string;
  /** Bytes; of folders 0. */
  readonly size: number;
  readonly mode: number;
}

export interface HostListing {
  readonly isFolder: boolean;
  /** A folder comes before what is in it. */
  readonly entries: readonly HostEntry[];
  /** Symbolic links: they are not copied. */
  readonly links: readonly string[];
}

/** `strange`: no listing of ours. `refused`: what is there is not copied. */
export type ReadListing =
  | { readonly kind: 'listing'; readonly listing: HostListing }
  | { readonly kind: 'strange'; readonly why: string }
  | { readonly kind: 'refused'; readonly problems: readonly string[] };

/** Bytes of a whole listing at most. */
export const listingBytes = 16 * 1024 * 1024;
/** Things in a message, at most. */
const mostNamed = 10;

const recordPattern = /^([a-zA-Z]) ([0-7]{1,5}) (\d{1,16}) ([\s\S]+)$/;

/** Why a path cannot lie below the folder that was named; null: it can. */
function pathMistake(below: string): string | null {
  const names = below.split('/');
  if (Buffer.byteLength(below) > pathBytes || names.length > mostDepth)
    return 'too long or too deep';
  if (names.some((name) => name === '' || name === '.' || name === '..'))
    return 'not below the folder';
  if (names.some((name) => Buffer.byteLength(name) > nameBytes)) return 'a name that is too long';
  return null;
}

function decoded(bytes: Uint8Array): readonly string[] | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    // No more than it takes to see that there are too many: NULs alone would be millions.
    const records = text.split('\0', mostEntries + 4);
    if (records.length > mostEntries + 3) return records;
    return records.pop() === '' ? records : [];
  } catch {
    return null;
  }
}

const strange = (why: string): ReadListing => ({ kind: 'strange', why });

function singleFile(first: string, rest: readonly string[]): ReadListing {
  const [, mode = '', size = ''] = /^file ([0-7]{1,5}) (\d{1,16})$/.exec(first) ?? [];
  if (size === '' || rest.length > 0) return strange('it answered no list of files');
  const entry: HostEntry = {
    ...{ kind: 'file', below: '', size: Number(size) },
    mode: Number.parseInt(mode, 8) & 0o777,
  };
  return { kind: 'listing', listing: { isFolder: false, entries: [entry], links: [] } };
}

/** Reads what `listScript` prints, without the code of its end, which has to be 0. */
export function readListing(bytes: Uint8Array): ReadListing {
  const records = decoded(bytes);
  if (records === null)
    return { kind: 'refused', problems: ['a name there is no UTF-8 text: copy an archive'] };
  const [first = '', ...rest] = records;
  const last = rest.pop();
  const isEnd = last !== undefined && /^end \d{1,3}$/.test(last);
  // The host's script cuts the end off where there are too many.
  if (rest.length > mostEntries || (rest.length === mostEntries && !isEnd))
    return {
      kind: 'refused',
      problems: [`there are more than ${mostEntries} files and folders: copy an archive`],
    };
  if (!isEnd) return strange('its list of files does not end where it has to');
  return first === 'folder' ? folderListing(rest) : singleFile(first, rest);
}

function folderListing(records: readonly string[]): ReadListing {
  const entries: HostEntry[] = [{ kind: 'folder', below: '', size: 0, mode: 0o755 }];
  const links: string[] = [];
  const special: string[] = [];
  const seen = new Set<string>(['']);
  for (const record of records) {
    const [, type = '', mode = '', size = '', below = ''] = recordPattern.exec(record) ?? [];
    if (below === '') return strange('it answered no list of files');
    const mistake = pathMistake(below);
    if (mistake !== null) return strange(`it named "${named(below.slice(0, 200))}": ${mistake}`);
    if (seen.has(below)) return strange(`it named "${named(below)}" twice`);
    seen.add(below);
    if (type === 'l') links.push(below);
    else if (type === 'd') entries.push({ kind: 'folder', below, size: 0, mode: 0o755 });
    else if (type === 'f')
      entries.push({
        ...{ kind: 'file', below, size: Number(size) },
        mode: Number.parseInt(mode, 8) & 0o777,
      });
    else special.push(below);
  }
  const folders = new Set(
    entries.filter(({ kind }) => kind === 'folder').map(({ below }) => below),
  );
  const orphan = entries.find(
    ({ below }) =>
      below !== '' && !folders.has(below.slice(0, Math.max(0, below.lastIndexOf('/')))),
  );
  if (orphan !== undefined)
    return strange(`it named "${named(orphan.below)}", but no folder that it lies in`);
  if (special.length > 0)
    return {
      kind: 'refused',
      problems: special
        .slice(0, mostNamed)
        .map((below) => `${named(below)} is a special file; only files and folders are copied`),
    };
  const key = (below: string): string => below.replaceAll('/', '\0');
  const sorted = entries.toSorted((one, other) => (key(one.below) < key(other.below) ? -1 : 1));
  return { kind: 'listing', listing: { isFolder: true, entries: sorted, links } };
}

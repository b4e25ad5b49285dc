import { constants } from 'node:fs';
import { lstat, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FleetError } from '../../model/errors.ts';
import { readAtMost } from '../../surroundings/read-bounded.ts';
import { nextWord, splitWords } from './ssh-config-words.ts';

/** One line of a config, Include already read. */
export interface SshConfigLine {
  /** Lower case. */
  readonly keyword: string;
  /** What follows the keyword, as written. */
  readonly argument: string;
  /** The words of the argument without quotes and comment. */
  readonly values: readonly string[];
  /** `FILE:LINE`, for messages. */
  readonly source: string;
  /** The files of an Include line, in order; empty for every other line. */
  readonly included: readonly (readonly SshConfigLine[])[];
}

/** OpenSSH's own limit on nested Include. */
const MAX_INCLUDE_DEPTH = 16;
const SYSTEM_FOLDER = '/etc/ssh';

/** What the files of one root share: where a relative Include is looked for, and what `~` means. */
interface Root {
  readonly folder: string;
  readonly homeDirectory: string;
  /** Files of the system may not include from a home. */
  readonly isSystem: boolean;
  readonly left: Left;
}

/** How much may still be read: one file can be included by many. */
interface Left {
  files: number;
  bytes: number;
}
const MAX_FILES = 10_000;
const MAX_BYTES = 16 * 1024 * 1024;

/**
 * Reads ssh config files as OpenSSH does, Include read too; missing files are skipped, a folder
 * counts as an empty file. `homeDirectory` is
 * what `~` means. A relative Include is below `~/.ssh`, in files of `/etc/ssh` below that folder.
 * Rejects with `ssh-config` where OpenSSH
 * would not go on: quotes without an end, a keyword without a value, a file that others may write.
 */
export async function readSshConfig(
  files: readonly string[],
  homeDirectory: string,
): Promise<(readonly SshConfigLine[])[]> {
  const own = join(homeDirectory, '.ssh');
  const read: (readonly SshConfigLine[])[] = [];
  for (const file of files) {
    const isSystem = file.startsWith(`${SYSTEM_FOLDER}/`);
    const root: Root = {
      folder: isSystem ? SYSTEM_FOLDER : own,
      homeDirectory,
      isSystem,
      left: { files: MAX_FILES, bytes: MAX_BYTES },
    };
    read.push(await readOne(file, root, 0, file === join(own, 'config')));
  }
  return read;
}

async function readOne(
  file: string,
  root: Root,
  depth: number,
  isChecked: boolean,
): Promise<readonly SshConfigLine[]> {
  if (depth > MAX_INCLUDE_DEPTH) {
    throw new FleetError(
      'ssh-config',
      `${file} is included more than ${MAX_INCLUDE_DEPTH} levels deep`,
      {
        hint: 'a file probably includes itself: remove that Include',
      },
    );
  }
  const text = await readText(file, isChecked, root.left);
  const lines: SshConfigLine[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const line = parseLine(raw, `${file}:${index + 1}`);
    if (line === null) continue;
    lines.push(
      line.keyword === 'include' ? { ...line, included: await include(line, root, depth) } : line,
    );
  }
  return lines;
}

const tooMuch = (file: string): FleetError =>
  new FleetError(
    'ssh-config',
    `${file}: with all that is included this ssh config has more than ${MAX_FILES} files ` +
      `or ${MAX_BYTES} bytes`,
    {
      hint: 'a file probably includes others again and again: look at its Include lines',
    },
  );

async function readText(file: string, isChecked: boolean, left: Left): Promise<string> {
  left.files -= 1;
  if (left.files < 0) throw tooMuch(file);
  let handle: Awaited<ReturnType<typeof open>>;
  try {
    // Not blocking: a FIFO must not hold up fleet for ever.
    handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw new FleetError('ssh-config', `${file} could not be read`, {
      hint: 'make the file readable or remove it',
      cause,
    });
  }
  try {
    const facts = await handle.stat();
    if (facts.isDirectory()) return '';
    const mine = process.getuid?.() ?? facts.uid;
    if (isChecked && ((facts.uid !== 0 && facts.uid !== mine) || (facts.mode & 0o022) !== 0)) {
      throw new FleetError(
        'ssh-config',
        `${file} belongs to or may be written by somebody else, so OpenSSH and fleet do ` +
          'not follow it',
        {
          hint: `run: chmod go-w ${file} (and chown it to yourself)`,
        },
      );
    }
    const bytes = await readAtMost(handle, left.bytes).catch((cause: unknown) => {
      if (cause instanceof Error && 'code' in cause && cause.code === 'EFBIG') throw tooMuch(file);
      throw cause;
    });
    left.bytes -= bytes.length;
    return bytes.toString('utf8');
  } finally {
    await handle.close();
  }
}

/** Null for empty lines and comments. */
function parseLine(raw: string, source: string): SshConfigLine | null {
  const text = raw.replace(/[ \t\r\n\f]+$/, '').replace(/^[ \t\r\n]+/, '');
  if (text === '' || text.startsWith('#')) return null;
  const first = nextWord(text);
  const argument = first?.rest ?? '';
  const keyword = first?.word.toLowerCase() ?? '';
  if (keyword === '' || argument === '') throw badLine(source, `no value after "${keyword}"`);
  const values = splitWords(argument);
  if (values === null) throw badLine(source, 'a quote has no end');
  if (values.length === 0) throw badLine(source, `no value after "${keyword}"`);
  return { keyword, argument, values, source, included: [] };
}

/** A mistake that OpenSSH refuses, too. */
export const badLine = (source: string, what: string): FleetError =>
  new FleetError('ssh-config', `${source}: ${what}`, {
    hint: `correct the ssh config; OpenSSH’s view of it: ssh -G HOST`,
  });

async function include(
  line: SshConfigLine,
  root: Root,
  depth: number,
): Promise<(readonly SshConfigLine[])[]> {
  const read: (readonly SshConfigLine[])[] = [];
  for (const pattern of line.values) {
    if (pattern === '') throw badLine(line.source, 'Include has an empty name');
    if (pattern.startsWith('~') && (root.isSystem || !/^~(\/|$)/.test(pattern))) {
      throw badLine(line.source, `Include ${pattern} is not supported: write the whole path`);
    }
    const path = pattern.startsWith('~') ? root.homeDirectory + pattern.slice(1) : pattern;
    for (const file of await matchingFiles(path.startsWith('/') ? path : join(root.folder, path))) {
      read.push(await readOne(file, root, depth + 1, true));
    }
  }
  return read;
}

/**
 * What the shell's patterns `*`, `?` and `[...]` match, in any part of an absolute path, sorted. A
 * name that starts with a dot must be asked for.
 */
async function matchingFiles(path: string): Promise<string[]> {
  let found = ['/'];
  for (const part of path.split('/').filter((one) => one !== '')) {
    const next: string[] = [];
    for (const folder of found) {
      if (/[*?[\\]/.test(part)) {
        const names = await readdir(folder).catch(() => []);
        const pattern = globPattern(part);
        const isWanted = (name: string) =>
          pattern.test(name) && (part.startsWith('.') || !name.startsWith('.'));
        next.push(...names.filter(isWanted).map((name) => join(folder, name)));
      } else next.push(join(folder, part));
    }
    found = next;
  }
  const exists = await Promise.all(
    found.map((one) =>
      lstat(one).then(
        () => true,
        () => false,
      ),
    ),
  );
  return found
    .filter((_, index) => exists[index])
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

function globPattern(part: string): RegExp {
  const source = part.replace(
    /\\(.)|\[([!^]?)(\]?[^\]]*)\]|[\s\S]/g,
    (letter, escaped?: string, not?: string, set?: string) => {
      if (escaped !== undefined) return literal(escaped);
      if (set !== undefined) return `[${not === '' ? '' : '^'}${set.replace(/[\\\]^[]/g, '\\$&')}]`;
      return letter === '*' ? '.*' : letter === '?' ? '.' : literal(letter);
    },
  );
  return new RegExp(`^${source}$`, 's');
}

const literal = (text: string): string => text.replace(/[\\^$.|+()[\]{}*?]/g, '\\$&');

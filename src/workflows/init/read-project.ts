import { createHash } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { FleetError } from '../../model/errors.ts';
import type { PythonSettings } from '../../steps/profile.ts';
import type { ProjectFile } from '../../steps/python.ts';
import { readBounded } from '../../surroundings/read-bounded.ts';

/** A project is sent to every host, and each of its files is looked at on every `fleet init`. */
const filesLimit = 1000;
const bytesLimit = 64 * 1024 * 1024;
/**
 * What belongs to the operator's machine: begins with a dot, or is made by Python or a package
 * manager there.
 */
const staysHere = /^(?:\..*|__pycache__|.*\.pyc|venv|node_modules)$/;
/** The host program tells files by lines of words. */
const namePattern = /^[^\s|'"\\\p{Cc}]+$/u;

interface Wish {
  readonly profile: string;
  readonly environment: string;
  readonly settings: PythonSettings;
}

/**
 * Every file of the project that belongs on hosts, ordered by path: from the first of `folders`
 * that has it. Left out are names that begin with a dot, `__pycache__`, `*.pyc`, `venv` and
 * `node_modules`. Error `inventory` when it is not there, lacks what the profile names, or cannot
 * be sent.
 */
export async function readProject(
  folders: readonly string[],
  wish: Wish,
): Promise<readonly ProjectFile[]> {
  const { settings } = wish;
  const root = await findFolder(folders, wish);
  const files: ProjectFile[] = [];
  await readFolder(root, '', wish, files);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  if (files.length > filesLimit || bytes > bytesLimit) {
    const size = `${files.length} files, ${Math.ceil(bytes / 1024 ** 2)} MB`;
    throw refused(
      wish,
      `is too large (${size})`,
      `at most ${filesLimit} files and ${bytesLimit / 1024 ** 2} MB are sent: move the ` +
        'rest out of the folder',
    );
  }
  for (const [key, path] of [
    ['run', settings.run],
    ['requirements', settings.requirements],
  ] as const) {
    if (path !== undefined && !files.some((file) => file.path === path)) {
      throw refused(
        wish,
        `has no file ${path}`,
        `add it, or correct python.${wish.environment}.${key} in the profile`,
      );
    }
  }
  if (
    settings.wheels !== undefined &&
    !files.some(({ path }) => path.startsWith(`${settings.wheels}/`))
  ) {
    throw refused(
      wish,
      `has no files in ${settings.wheels}`,
      `add the wheels, or take out python.${wish.environment}.wheels in the profile`,
    );
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

const refused = (
  { profile, settings }: Wish,
  what: string,
  hint: string,
  cause?: unknown,
): FleetError =>
  new FleetError(
    'inventory',
    `profile ${profile}: the Python project ${settings.project} ${what}`,
    {
      hint,
      ...(cause === undefined ? {} : { cause }),
    },
  );

async function findFolder(folders: readonly string[], wish: Wish): Promise<string> {
  for (const above of folders) {
    const folder = join(above, wish.settings.project);
    if ((await stat(folder).catch(() => null))?.isDirectory() === true) return folder;
  }
  const hint =
    `it was looked for in ${folders.join(' and ')}; docs/custom-workers.md has a complete ` +
    'example';
  throw refused(wish, 'is not there', hint);
}

async function readFolder(
  root: string,
  below: string,
  wish: Wish,
  files: ProjectFile[],
): Promise<void> {
  const entries = await readdir(join(root, below), { withFileTypes: true }).catch(
    (cause: unknown) => {
      throw refused(
        wish,
        `cannot be read at ${join(root, below)}`,
        'correct its mode or owner',
        cause,
      );
    },
  );
  for (const entry of entries.filter(({ name }) => !staysHere.test(name))) {
    const path = below === '' ? entry.name : `${below}/${entry.name}`;
    refuseEntry(entry, path, wish);
    // A folder of other things, by its number of files, is known before all of it is read.
    if (files.length > filesLimit) return;
    if (entry.isDirectory()) await readFolder(root, path, wish, files);
    else files.push(await readOne(root, path, wish));
  }
}

function refuseEntry(entry: Dirent, path: string, wish: Wish): void {
  if (!namePattern.test(entry.name))
    throw refused(
      wish,
      `has a file whose name cannot be sent: ${JSON.stringify(path)}`,
      'rename it: no blanks, quotes, "|" and "\\"',
    );
  if (entry.isDirectory() || entry.isFile()) return;
  throw refused(
    wish,
    `has something that is neither a file nor a folder: ${path}`,
    'put the file itself there instead of a link',
  );
}

async function readOne(root: string, path: string, wish: Wish): Promise<ProjectFile> {
  const at = join(root, path);
  try {
    const [content, { mode }] = await Promise.all([readBounded(at, bytesLimit), stat(at)]);
    const sha256 = createHash('sha256').update(content).digest('hex');
    return {
      path,
      mode: (mode & 0o100) === 0 ? 0o644 : 0o755,
      sha256,
      bytes: content.length,
      content,
    };
  } catch (cause) {
    throw refused(
      wish,
      `has a file that cannot be read: ${path}`,
      'correct its mode or owner',
      cause,
    );
  }
}

import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const archive = fileURLToPath(new URL('release-before.tar.gz', import.meta.url));

/**
 * The commit that `release-before.tar.gz` holds; its folders are those that the archive's test
 * names.
 */
export const releaseBeforeCommit = '436b3ba';

/** Fleet as hosts in the field run it, with the command line that brought it there. */
export interface ReleaseBefore {
  readonly directory: string;
  /** `fleet ARGS` of that release, from its sources. */
  argv(args: readonly string[]): readonly string[];
  remove(): Promise<void>;
}

/**
 * Unpacks the release before this one, from a file beside this one: a clone need not have the
 * history. Its packages are today's. The one that it needs
 * besides them reads a person's ssh configuration, and finds none here.
 */
export async function unpackReleaseBefore(): Promise<ReleaseBefore> {
  const directory = await mkdtemp(join(tmpdir(), 'fleet-before-'));
  await promisify(execFile)('tar', ['-xzf', archive, '-C', directory]);
  await copyFile(join(root, 'package-lock.json'), join(directory, 'package-lock.json'));
  const packages = join(directory, 'node_modules');
  await mkdir(join(packages, 'ssh-config'), { recursive: true });
  await writeFile(
    join(packages, 'ssh-config', 'package.json'),
    '{"type":"module","exports":"./index.js"}',
  );
  await writeFile(join(packages, 'ssh-config', 'index.js'), 'export const parse = () => [];');
  for (const name of await readdir(join(root, 'node_modules'))) {
    if (name === 'ssh-config' || name.startsWith('.')) continue;
    await symlink(join(root, 'node_modules', name), join(packages, name));
  }
  return {
    directory,
    argv: (args) => [process.execPath, join(directory, 'src', 'cli', 'main.ts'), ...args],
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

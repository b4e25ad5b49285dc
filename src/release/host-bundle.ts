import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { FleetError } from '../model/errors.ts';
import type { BlobStream, HostRelease, ReleaseFile } from '../model/release.ts';
import { makeFolder } from '../surroundings/make-folder.ts';
import { buildHostFiles } from './build-host-files.ts';
import { pinnedRuntimes } from './runtime-versions.ts';

/** A release and its content. */
export interface HostBundle {
  readonly release: HostRelease;
  /** systemd units of the release; they are installed besides being part of it. */
  readonly units: readonly { readonly name: string; readonly text: string }[];
  /** Content of a file of the release, compressed; null when none has this digest. */
  open(sha256: string): Promise<BlobStream> | null;
}

interface LoadedFile extends ReleaseFile {
  readonly content: Buffer;
}

/**
 * What hosts run: bundles from `dist/host` in a built package; from sources they are built when a
 * source changed, into
 * `node_modules/.cache/fleet`. Wrappers and units come from `templates`. Error `bug` when a source
 * does not build.
 */
export async function loadHostBundle(root: string): Promise<HostBundle> {
  const files = [
    ...(await filesIn(join(root, 'templates', 'bin'), 'bin', 0o755)),
    ...(await filesIn(await programDirectory(root), 'lib', 0o644)),
    ...(await filesIn(join(root, 'templates', 'units'), 'units', 0o644)),
  ].sort((a, b) => (a.path < b.path ? -1 : 1));
  return {
    release: {
      id: releaseId(files),
      files: files.map(({ path, mode, sha256, bytes }) => ({ path, mode, sha256, bytes })),
    },
    units: files
      .filter(({ path }) => path.startsWith('units/'))
      .map(({ path, content }) => ({ name: path.slice(6), text: content.toString('utf8') })),
    open(sha256) {
      const file = files.find((candidate) => candidate.sha256 === sha256);
      return file === undefined ? null : packBlob(file.content);
    },
  };
}

/** Content as it goes to a host. */
export async function packBlob(content: Uint8Array): Promise<BlobStream> {
  const packed = await promisify(gzip)(content, { level: 9 });
  return { bytes: packed.length, chunks: once(packed) };
}

async function* once(content: Uint8Array): AsyncGenerator<Uint8Array> {
  yield content;
}

/**
 * Head of the SHA-256 over modes, digests and paths in order of the paths, and the runtime's
 * version.
 */
export function releaseId(files: readonly ReleaseFile[]): string {
  const lines = files.map(({ mode, sha256, path }) => `${mode.toString(8)} ${sha256} ${path}\n`);
  return createHash('sha256')
    .update(`fleet release v1\nnode ${pinnedRuntimes.x64.version}\n${lines.join('')}`)
    .digest('hex')
    .slice(0, 16);
}

async function filesIn(directory: string, below: string, mode: number): Promise<LoadedFile[]> {
  const names = (await readdir(directory)).sort();
  return Promise.all(
    names.map(async (name) => {
      const content = await readFile(join(directory, name));
      return {
        path: `${below}/${name}`,
        mode,
        content,
        bytes: content.length,
        sha256: createHash('sha256').update(content).digest('hex'),
      };
    }),
  );
}

/** A checkout has the sources; a published package has what was built from them. */
async function programDirectory(root: string): Promise<string> {
  if (!existsSync(join(root, 'hostside'))) return join(root, 'dist', 'host');
  const directory = join(root, 'node_modules', '.cache', 'fleet', `host-${await sourceKey(root)}`);
  if (existsSync(directory)) return directory;
  const temporary = `${directory}.${process.pid}`;
  try {
    makeFolder(dirname(directory), 0o755);
    await buildHostFiles(root, temporary);
    // Another process may have been first: its result is the same.
    await rename(temporary, directory).catch((cause: unknown) => {
      if (!existsSync(directory)) throw cause;
    });
    return directory;
  } catch (cause) {
    throw new FleetError('bug', 'the programs for hosts do not build from their sources', {
      hint: 'run npm install, then npm run build to see why',
      cause,
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Changes whenever a source file or an installed package does. */
async function sourceKey(root: string): Promise<string> {
  const names = await readdir(join(root, 'hostside'), { recursive: true });
  const sources = names
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join('hostside', name));
  const hash = createHash('sha256').update(process.version);
  for (const name of [
    ...sources.sort(),
    'package-lock.json',
    'src/release/build-host-files.ts',
    'src/release/lean-openai.ts',
    'src/release/lean-telegram.ts',
    'src/release/telegram-layer.ts',
  ]) {
    const { mtimeMs, size } = await stat(join(root, name));
    hash.update(`${name}\0${mtimeMs}\0${size}\n`);
  }
  return hash.digest('hex').slice(0, 24);
}

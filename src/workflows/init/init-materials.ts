import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FleetError } from '../../model/errors.ts';
import type { BlobStream } from '../../model/release.ts';
import { cacheDirectory } from '../../release/cache-directory.ts';
import { type HostBundle, loadHostBundle, packBlob } from '../../release/host-bundle.ts';
import { openRuntimeBlob } from '../../release/runtime-blob.ts';
import { type PinnedRuntime, pinnedRuntimes } from '../../release/runtime-versions.ts';
import { type ReadProfile, readProfile } from './read-profile.ts';

/** Everything that `fleet init` reads on the operator's side before it plans. */
export interface InitMaterials {
  /** Shell library of the host program. */
  readonly library: string;
  /** What hosts with Python environments need besides. */
  readonly pythonLibrary: string;
  readonly profiles: Readonly<Record<string, ReadProfile>>;
  readonly bundle: HostBundle;
  readonly runtimes: readonly PinnedRuntime[];
  /**
   * Content by its SHA-256, compressed: of the release, a runtime or a project. Rejects with
   * `transfer` when there is none.
   */
  openBlob(sha256: string): Promise<BlobStream>;
}

/** The order matters only in that `core.sh` comes first. */
const libraryFiles = [
  'core',
  'gather',
  'record',
  'files',
  'services',
  'packages',
  'later',
  'kernel',
  'blobs',
  'agent',
  'guard',
  'firewall',
  'own',
];

/**
 * Reads library, the profiles named, and the release. Errors: `inventory` (profile unknown or
 * wrong), `bug` (sources do not build).
 */
export async function loadInitMaterials(options: {
  readonly root: string;
  /** The operator's folder: its `profiles/NAME.yaml` comes before those of the package. */
  readonly ownDirectory?: string;
  readonly profiles: readonly string[];
  readonly runtimeMirror: string | null;
  readonly bundle?: HostBundle;
}): Promise<InitMaterials> {
  const { root } = options;
  const folders = [
    ...(options.ownDirectory === undefined ? [] : [options.ownDirectory]),
    join(root, 'templates'),
  ];
  const bundle = options.bundle ?? (await loadHostBundle(root));
  const loaded = await Promise.all(
    [...new Set(options.profiles)].map(
      async (name) => [name, await readProfile(folders, name)] as const,
    ),
  );
  const runtimes = Object.values(pinnedRuntimes);
  return {
    library: await loadLibrary(root),
    pythonLibrary: await readLibraryFile(root, 'python'),
    profiles: Object.fromEntries(loaded),
    bundle,
    runtimes,
    async openBlob(sha256) {
      const runtime = runtimes.find((candidate) => candidate.sha256 === sha256);
      if (runtime !== undefined) {
        return openRuntimeBlob(runtime, {
          cacheDirectory: cacheDirectory(),
          packageRoot: root,
          registry: options.runtimeMirror,
        });
      }
      const file = loaded
        .flatMap(([, { python }]) => python.flatMap(({ files }) => files))
        .find((candidate) => candidate.sha256 === sha256);
      const blob = file === undefined ? bundle.open(sha256) : packBlob(file.content);
      if (blob === null)
        throw new FleetError(
          'transfer',
          `a host asked for content that this release does not have (${sha256.slice(0, 12)})`,
          {
            hint: 'run fleet init again',
          },
        );
      return blob;
    },
  };
}

/** The shell library of the programs for hosts; `more` names files that only some programs need. */
export async function loadLibrary(root: string, more: readonly string[] = []): Promise<string> {
  return (
    await Promise.all([...libraryFiles, ...more].map((name) => readLibraryFile(root, name)))
  ).join('\n');
}

const readLibraryFile = async (root: string, name: string): Promise<string> =>
  withoutComments(await readFile(join(root, 'templates', 'host-program', `${name}.sh`), 'utf8'));

/**
 * The library has neither here-documents nor texts of several lines that indentation would matter
 * to.
 */
const withoutComments = (text: string): string =>
  text.replace(/^\s*#.*\n/gm, '').replace(/^ +/gm, '');

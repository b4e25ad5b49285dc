import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FleetError } from '../model/errors.ts';
import type { BlobStream } from '../model/release.ts';
import { cacheDirectory } from '../release/cache-directory.ts';
import { type HostBundle, loadHostBundle } from '../release/host-bundle.ts';
import { openRuntimeBlob } from '../release/runtime-blob.ts';
import { type PinnedRuntime, pinnedRuntimes } from '../release/runtime-versions.ts';
import { type Profile, parseProfile } from '../steps/profile.ts';

/** Everything that `fleet init` reads on the operator's side before it plans. */
export interface InitMaterials {
  /** Shell library of the host program. */
  readonly library: string;
  readonly profiles: Readonly<Record<string, { readonly profile: Profile; readonly sources: Readonly<Record<string, string>> }>>;
  readonly bundle: HostBundle;
  readonly runtimes: readonly PinnedRuntime[];
  /** Content by its SHA-256, compressed: of the release or a runtime. Rejects with `transfer` when there is none. */
  openBlob(sha256: string): Promise<BlobStream>;
}

/** The order matters only in that `core.sh` comes first. */
const libraryFiles = ['core', 'gather', 'files', 'services', 'packages', 'kernel', 'blobs', 'agent', 'firewall'];

/** Reads library, the profiles named, and the release. Errors: `inventory` (profile unknown or wrong), `bug` (sources do not build). */
export async function loadInitMaterials(options: {
  readonly root: string;
  readonly profiles: readonly string[];
  readonly runtimeMirror: string | null;
  readonly bundle?: HostBundle;
}): Promise<InitMaterials> {
  const { root } = options;
  const templates = join(root, 'templates');
  const bundle = options.bundle ?? (await loadHostBundle(root));
  const loaded = await Promise.all([...new Set(options.profiles)].map(async (name) => [name, await readProfile(templates, name)] as const));
  const runtimes = Object.values(pinnedRuntimes);
  return {
    library: await loadLibrary(root),
    profiles: Object.fromEntries(loaded),
    bundle,
    runtimes,
    async openBlob(sha256) {
      const runtime = runtimes.find((candidate) => candidate.sha256 === sha256);
      if (runtime !== undefined) {
        return openRuntimeBlob(runtime, { cacheDirectory: cacheDirectory(), packageRoot: root, registry: options.runtimeMirror });
      }
      const blob = bundle.open(sha256);
      if (blob === null)
        throw new FleetError('transfer', `a host asked for content that this release does not have (${sha256.slice(0, 12)})`, {
          hint: 'run fleet init again',
        });
      return blob;
    },
  };
}

/** The shell library of the programs for hosts; `more` names files that only some programs need. */
export async function loadLibrary(root: string, more: readonly string[] = []): Promise<string> {
  const read = (name: string): Promise<string> => readFile(join(root, 'templates', 'host-program', `${name}.sh`), 'utf8');
  return (await Promise.all([...libraryFiles, ...more].map(read))).map(withoutComments).join('\n');
}

/** The library has neither here-documents nor texts of several lines that indentation would matter to. */
const withoutComments = (text: string): string => text.replace(/^\s*#.*\n/gm, '').replace(/^ +/gm, '');

async function readProfile(templates: string, name: string): Promise<InitMaterials['profiles'][string]> {
  const text = await readFile(join(templates, 'profiles', `${name}.yaml`), 'utf8').catch(() => null);
  if (text === null) {
    const known = (await readdir(join(templates, 'profiles'))).map((file) => file.replace(/\.yaml$/, ''));
    throw new FleetError('inventory', `there is no profile ${name}`, { hint: `profiles are: ${known.join(', ')} (templates/profiles)` });
  }
  const profile = parseProfile(name, text);
  const wanted = Object.values(profile.files).flatMap(({ files }) => files.map(({ source }) => source));
  const sources = await Promise.all(wanted.map(async (source) => [source, await readSource(templates, name, source)] as const));
  return { profile, sources: Object.fromEntries(sources) };
}

async function readSource(templates: string, profile: string, source: string): Promise<string> {
  try {
    return await readFile(join(templates, source), 'utf8');
  } catch (cause) {
    throw new FleetError('inventory', `profile ${profile} names templates/${source}, which cannot be read`, {
      hint: 'correct the profile or add the file',
      cause,
    });
  }
}

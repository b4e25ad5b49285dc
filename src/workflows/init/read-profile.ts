import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { FleetError } from '../../model/errors.ts';
import { extendProfile, type Profile, parseProfile, sourcesOf } from '../../steps/profile.ts';
import type { PythonEnvironment } from '../../steps/python.ts';
import { readBounded } from '../../surroundings/read-bounded.ts';
import { readProject } from './read-project.ts';

/** Bytes of a profile, and of a file that it names. */
const limitBytes = 4 * 1024 * 1024;

/**
 * A profile with everything that it builds on, the text of every file that it names, and the
 * projects of its Python environments.
 */
export interface ReadProfile {
  readonly profile: Profile;
  readonly sources: Readonly<Record<string, string>>;
  readonly python: readonly PythonEnvironment[];
}

/**
 * The profile `name`: `profiles/NAME.yaml` of the first of `folders` that has one; the sources and
 * projects that it names are looked for in the same order.
 * Error `inventory`: there is none, it has mistakes, it builds on itself, or a source or project
 * cannot be read.
 */
export async function readProfile(folders: readonly string[], name: string): Promise<ReadProfile> {
  const profile = await readChain(folders, name, []);
  const sources = await Promise.all(
    sourcesOf(profile).map(
      async (source) => [source, await readSource(folders, name, source)] as const,
    ),
  );
  const python = Object.entries(profile.python).map(async ([environment, settings]) => {
    return {
      name: environment,
      settings,
      files: await readProject(folders, { profile: name, environment, settings }),
    };
  });
  return { profile, sources: Object.fromEntries(sources), python: await Promise.all(python) };
}

async function readChain(
  folders: readonly string[],
  name: string,
  above: readonly string[],
): Promise<Profile> {
  if (above.includes(name)) {
    throw new FleetError(
      'inventory',
      `profile ${name} builds on itself (${[...above, name].join(' on ')})`,
      { hint: 'correct extends' },
    );
  }
  const own = parseProfile(name, await readText(folders, name, above.at(-1)));
  return own.extends === undefined
    ? own
    : extendProfile(await readChain(folders, own.extends, [...above, name]), own);
}

async function readText(
  folders: readonly string[],
  name: string,
  above: string | undefined,
): Promise<string> {
  for (const folder of folders) {
    const path = join(folder, 'profiles', `${name}.yaml`);
    const text = await readBounded(path, limitBytes).catch((cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT' || cause.code === 'ENOTDIR') return null;
      const hint = `it has to be a file of at most ${limitBytes} bytes that you may read`;
      throw new FleetError('inventory', `the profile ${path} cannot be read`, { hint, cause });
    });
    if (text !== null) return text.toString('utf8');
  }
  const listed = await Promise.all(
    folders.map((folder) => readdir(join(folder, 'profiles')).catch(() => [])),
  );
  const known = listed.flat().filter((file) => file.endsWith('.yaml'));
  const names = [...new Set(known.map((file) => file.replace(/\.yaml$/, '')))].sort();
  throw new FleetError(
    'inventory',
    `there is no profile ${name}${above === undefined ? '' : `, on which profile ${above} builds`}`,
    {
      hint:
        `profiles are: ${names.join(', ')}; your own stand beside the inventory as ` +
        'profiles/NAME.yaml',
    },
  );
}

async function readSource(
  folders: readonly string[],
  profile: string,
  source: string,
): Promise<string> {
  let last: unknown;
  for (const folder of folders) {
    try {
      return (await readBounded(join(folder, source), limitBytes)).toString('utf8');
    } catch (cause) {
      last = cause;
    }
  }
  throw new FleetError(
    'inventory',
    `profile ${profile} names the file ${source}, which cannot be read`,
    {
      hint: `correct the profile or add the file; it was looked for in ${folders.join(' and ')}`,
      cause: last,
    },
  );
}

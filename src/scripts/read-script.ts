import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { nearest } from '../inventory/rules/nearest.ts';
import { didYouMean } from '../inventory/rules/problems.ts';
import { FleetError } from '../model/errors.ts';
import { readBounded } from '../surroundings/read-bounded.ts';
import { type ParsedScript, parseScript } from './parse-script.ts';

export interface ScriptFile extends ParsedScript {
  readonly name: string;
  readonly path: string;
  /** As it was written. */
  readonly text: string;
}

/** Bytes of a script, or of a transcript beside it. */
export const scriptLimitBytes = 1024 * 1024;

/** Names of the scripts in `folder`, sorted; none where there is no such folder. */
const namesIn = async (folder: string): Promise<readonly string[]> => {
  const files = await readdir(folder).catch(() => []);
  return files
    .filter(
      (file) =>
        /^[A-Za-z0-9][A-Za-z0-9._-]*\.yaml$/.test(file) && !file.endsWith('.transcript.yaml'),
    )
    .map((file) => file.slice(0, -'.yaml'.length))
    .sort();
};

/** All scripts by name, each with the folder where it is found first. */
export const listScripts = async (
  folders: readonly string[],
): Promise<ReadonlyMap<string, string>> => {
  const found = new Map<string, string>();
  for (const folder of folders)
    for (const name of await namesIn(folder)) if (!found.has(name)) found.set(name, folder);
  return new Map([...found].sort(([left], [right]) => (left < right ? -1 : 1)));
};

/**
 * The script `name`, from the first of `folders` that has it. Rejects with `inventory`: there is
 * none, or it has mistakes.
 */
export const readScript = async (folders: readonly string[], name: string): Promise<ScriptFile> => {
  const known = await listScripts(folders);
  const folder = known.get(name);
  if (folder === undefined) {
    throw new FleetError(
      'inventory',
      `There is no script ${name}${didYouMean(nearest(name, known.keys()))}`,
      {
        hint:
          `Scripts are: ${[...known.keys()].join(', ') || 'none'}. Your own stand in ` +
          `${folders[0]} as NAME.yaml.`,
      },
    );
  }
  const path = join(folder, `${name}.yaml`);
  const content = await readBounded(path, scriptLimitBytes).catch((cause: unknown) => {
    const hint = `It has to be a file of at most ${scriptLimitBytes} bytes that you may read.`;
    throw new FleetError('inventory', `The script ${path} cannot be read`, { hint, cause });
  });
  const text = content.toString('utf8');
  return { name, path, text, ...parseScript(name, text, path) };
};

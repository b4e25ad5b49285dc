import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nearest } from '../inventory/nearest.ts';
import { didYouMean } from '../inventory/problems.ts';
import { FleetError } from '../model/errors.ts';
import { type ParsedScript, parseScript } from './parse-script.ts';

export interface ScriptFile extends ParsedScript {
  readonly name: string;
  readonly path: string;
  /** As it was written. */
  readonly text: string;
}

/** Names of the scripts in `folder`, sorted; none where there is no such folder. */
const namesIn = async (folder: string): Promise<readonly string[]> => {
  const files = await readdir(folder).catch(() => []);
  return files
    .filter((file) => /^[A-Za-z0-9][A-Za-z0-9._-]*\.yaml$/.test(file) && !file.endsWith('.transcript.yaml'))
    .map((file) => file.slice(0, -'.yaml'.length))
    .sort();
};

/** All scripts by name, each with the folder where it is found first. */
export const listScripts = async (folders: readonly string[]): Promise<ReadonlyMap<string, string>> => {
  const found = new Map<string, string>();
  for (const folder of folders) for (const name of await namesIn(folder)) if (!found.has(name)) found.set(name, folder);
  return new Map([...found].sort(([left], [right]) => (left < right ? -1 : 1)));
};

/** The script `name`, from the first of `folders` that has it. Rejects with `inventory`: there is none, or it has mistakes. */
export const readScript = async (folders: readonly string[], name: string): Promise<ScriptFile> => {
  const known = await listScripts(folders);
  const folder = known.get(name);
  if (folder === undefined) {
    throw new FleetError('inventory', `There is no script ${name}${didYouMean(nearest(name, known.keys()))}`, {
      hint: `Scripts are: ${[...known.keys()].join(', ') || 'none'}. Your own stand in ${folders[0]} as NAME.yaml.`,
    });
  }
  const path = join(folder, `${name}.yaml`);
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new FleetError('inventory', `The script ${path} cannot be read`, { hint: 'Correct its owner and mode.', cause });
  });
  return { name, path, text, ...parseScript(name, text, path) };
};

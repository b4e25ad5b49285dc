import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { labsWithGroups, removeLabGroups } from './cgroups.ts';
import { labFiles, labsDirectory } from './layout.ts';
import { isRunning } from './processes.ts';

/** A folder without an owner is taken for one that is being made until it is this old. */
const youngMs = 60_000;

async function isAlive(name: string): Promise<boolean> {
  const files = labFiles(name);
  const owner = await readFile(files.owner, 'utf8').catch(() => undefined);
  if (owner !== undefined) return isRunning(owner);
  const folder = await stat(files.directory).catch(() => undefined);
  return folder !== undefined && Date.now() - folder.mtimeMs < youngMs;
}

/** Names of the labs that have a folder. */
export async function listLabs(): Promise<string[]> {
  return readdir(labsDirectory).catch(() => []);
}

/**
 * Removes what labs left whose keeper was itself killed: control groups and a folder. Processes,
 * mounts and networks went with the keeper.
 */
export async function sweepStaleLabs(): Promise<void> {
  for (const name of new Set([...(await listLabs()), ...labsWithGroups()])) {
    if (await isAlive(name)) continue;
    if (removeLabGroups(name).length === 0)
      await rm(labFiles(name).directory, { recursive: true, force: true });
  }
}

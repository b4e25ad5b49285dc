import { rename, rm, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { FleetError } from '../../model/errors.ts';
import { systemWords } from '../../surroundings/system-error.ts';

/**
 * The page at `file`, whole or not at all; readable by its owner only, because it names accounts.
 * Its absolute path. Errors: `this-machine`.
 */
export async function writeReport(file: string, page: string): Promise<string> {
  const path = resolve(file);
  const draft = `${path}.part`;
  try {
    // A new file: not one, and not a link, that somebody has put there in a folder that others may
    // write to.
    await rm(draft, { force: true });
    await writeFile(draft, page, { mode: 0o600, flag: 'wx' });
    await rename(draft, path);
    return path;
  } catch (cause) {
    await rm(draft, { force: true }).catch(() => undefined);
    const { said, hint } = systemWords(cause);
    throw new FleetError('this-machine', `the report cannot be written to ${path}: ${said}`, {
      hint:
        `${hint === null ? '' : `${hint}; or `}name another file: fleet report -o FILE; or: ` +
        'fleet report -o - prints it',
      cause,
    });
  }
}

import { readStartMark, writeStartMark } from '../gate/marks.ts';
import type { Places } from '../machine/places.ts';
import { inDirectoryOf } from './account-rights.ts';
import { stateDirectory } from './processes.ts';

/**
 * The operator starts the account here: a standstill of the machine before this moment counts no
 * more. Best effort: what could not be forgotten holds the account
 * once more, and the next start tries again.
 */
export const forgetStandstill = (places: Places, keyId: string): void => {
  const path = stateDirectory(places, keyId);
  if (path === null) return;
  try {
    inDirectoryOf(path, (directory) => {
      const here = `/proc/self/fd/${directory}`;
      const mark = readStartMark(here);
      if (mark === null || mark === 'unreadable' || mark.progress === undefined) return;
      const { progress: _, ...rest } = mark;
      writeStartMark(here, rest);
    });
  } catch {
    // A disk that is full, or a directory that went away.
  }
};

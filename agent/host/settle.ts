import { settleWaitMs } from '../gate/decide.ts';
import { readStartMark, readStopMark } from '../gate/marks.ts';
import { readHostConfig } from '../machine/boot.ts';
import type { Places } from '../machine/places.ts';
import { inDirectoryOf } from './account-rights.ts';
import { stateDirectory } from './processes.ts';

const floorsWithoutConfig = { settleMs: 5_000, settleUncleanMs: 30_000 };

/** Milliseconds of the settle floor after the last stop of an account here that are not over yet. */
export const settleLeftMs = (places: Places, keyId: string, now: { readonly bootId: string; readonly bootMs: number }): number => {
  const path = stateDirectory(places, keyId);
  if (path === null) return 0;
  // The marks lie among the account's own files.
  const marks = inDirectoryOf(path, (directory) => {
    const here = `/proc/self/fd/${directory}`;
    return { start: readStartMark(here), stop: readStopMark(here) };
  });
  return settleWaitMs(marks.start, marks.stop, readHostConfig(places) ?? floorsWithoutConfig, now);
};

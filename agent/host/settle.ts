import { readClaim } from '../claims/claim-file.ts';
import { settleWaitMs, unmarkedFloorMs } from '../gate/decide.ts';
import { readStartMark, readStopMark } from '../gate/marks.ts';
import { readHostConfig } from '../machine/boot.ts';
import type { Places } from '../machine/places.ts';
import { bundledLingerMs } from '../protocol/linger.ts';
import { inDirectoryOf } from './account-rights.ts';
import { stateDirectory } from './processes.ts';

const floorsWithoutConfig = { settleMs: 5_000, settleUncleanMs: 30_000 };

/** Milliseconds of the settle floor after the last stop of an account here that are not over yet. */
export const settleLeftMs = (places: Places, keyId: string, now: { readonly bootId: string; readonly bootMs: number }): number => {
  const floors = readHostConfig(places) ?? floorsWithoutConfig;
  const unmarkedMs = unmarkedFloorMs(readClaim(places, keyId).claim, now, floors, bundledLingerMs);
  const path = stateDirectory(places, keyId);
  if (path === null) return settleWaitMs(null, null, floors, now, unmarkedMs);
  // The marks lie among the account's own files.
  const marks = inDirectoryOf(path, (directory) => {
    const here = `/proc/self/fd/${directory}`;
    return { start: readStartMark(here), stop: readStopMark(here) };
  });
  return settleWaitMs(marks.start, marks.stop, floors, now, unmarkedMs);
};

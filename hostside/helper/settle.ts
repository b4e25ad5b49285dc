import { readClaim } from '../claims/claim-file.ts';
import {
  type BeginMark,
  type Mark,
  type StopMark,
  settleWaitMs,
  unmarkedFloorMs,
} from '../gate/decide.ts';
import { readStartMark, readStopMark } from '../gate/marks.ts';
import { readHostConfig } from '../machine/boot.ts';
import type { Places } from '../machine/places.ts';
import { bundledLingerMs } from '../protocol/linger.ts';
import { inDirectoryOf } from './account-rights.ts';
import { stateDirectory } from './processes.ts';

const floorsWithoutConfig = { settleMs: 5_000, settleUncleanMs: 30_000 };

/**
 * Milliseconds of the settle floor after the last stop of an account here that are not over yet.
 */
export const settleLeftMs = (
  places: Places,
  keyId: string,
  now: { readonly bootId: string; readonly bootMs: number },
): number => {
  const floors = readHostConfig(places) ?? floorsWithoutConfig;
  const unmarkedMs = unmarkedFloorMs(readClaim(places, keyId).claim, now, floors, bundledLingerMs);
  const { start, stop } = readMarks(places, keyId);
  return settleWaitMs(start, stop, floors, now, unmarkedMs);
};

/** Whether the account's last run here may have begun in this boot. */
export const mayHaveBegunIn = (places: Places, keyId: string, bootId: string): boolean => {
  const { start } = readMarks(places, keyId);
  return start === 'unreadable' || start?.bootId === bootId;
};

const readMarks = (
  places: Places,
  keyId: string,
): { readonly start: Mark<BeginMark>; readonly stop: Mark<StopMark> } => {
  const path = stateDirectory(places, keyId);
  if (path === null) return { start: null, stop: null };
  // The marks lie among the account's own files.
  return inDirectoryOf(path, (directory) => {
    const here = `/proc/self/fd/${directory}`;
    return { start: readStartMark(here), stop: readStopMark(here) };
  });
};

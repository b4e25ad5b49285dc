import { readBounded } from '../../surroundings/read-bounded.ts';

/** A list of a hundred thousand hosts has 16 MB. */
const knownHostsLimitBytes = 64 * 1024 * 1024;

/**
 * What a list of host keys holds. The inventory or the ssh config names it, so it may come from
 * somebody else: a pipe or a device is refused without waiting;
 * /dev/null is the usual way to say "none". Throws the system's error, `ENOENT` where there is no
 * such file.
 */
export const readKnownHostsText = async (file: string): Promise<Buffer> =>
  file === '/dev/null' ? Buffer.alloc(0) : readBounded(file, knownHostsLimitBytes);

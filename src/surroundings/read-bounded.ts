import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/**
 * A regular file's content; a symbolic link to one is followed, unless `flags` says O_NOFOLLOW. Throws the system's error, `EFTYPE` for a device, a pipe or a
 * folder, `EFBIG` above `maxBytes`. Never waits, and never reads more than was asked for: the file may come from somebody else.
 */
export const readBounded = async (path: string, maxBytes: number, flags = 0): Promise<Buffer> => {
  // Without O_NONBLOCK a named pipe would be waited for without end.
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | flags);
  try {
    const facts = await handle.stat();
    if (!facts.isFile()) throw Object.assign(new Error('not a regular file'), { code: 'EFTYPE' });
    if (facts.size > maxBytes) throw Object.assign(new Error(`more than ${maxBytes} bytes`), { code: 'EFBIG' });
    return await handle.readFile();
  } finally {
    await handle.close();
  }
};

import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';

/**
 * A regular file's content; a symbolic link to one is followed, unless `flags` says O_NOFOLLOW.
 * Throws the system's error, `EFTYPE` for a device, a pipe or a
 * folder, `EFBIG` above `maxBytes`. Never waits, and never reads more than was asked for: the file
 * may come from somebody else.
 */
export const readBounded = async (path: string, maxBytes: number, flags = 0): Promise<Buffer> => {
  // Without O_NONBLOCK a named pipe would be waited for without end.
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | flags);
  try {
    const facts = await handle.stat();
    if (!facts.isFile()) throw Object.assign(new Error('not a regular file'), { code: 'EFTYPE' });
    if (facts.size > maxBytes) throw tooBig(maxBytes);
    return await readAtMost(handle, maxBytes);
  } finally {
    await handle.close();
  }
};

/**
 * At most this much more than the limit is read; some of the kernel's files are read in such steps
 * only.
 */
const chunkBytes = 65_536;

const tooBig = (maxBytes: number): Error =>
  Object.assign(new Error(`more than ${maxBytes} bytes`), { code: 'EFBIG' });

/**
 * What is left of an open file. Its size says nothing: the kernel's own files say 0 and may be
 * endless, others grow. Throws `EFBIG` above `maxBytes`.
 */
export async function readAtMost(handle: FileHandle, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for (let length = 0; ; ) {
    const chunk = Buffer.allocUnsafe(chunkBytes);
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, null);
    if (bytesRead === 0) return Buffer.concat(chunks, length);
    length += bytesRead;
    if (length > maxBytes) throw tooBig(maxBytes);
    chunks.push(chunk.subarray(0, bytesRead));
  }
}

import { refuse, type SessionRefusal } from '../session-outcome.ts';

const magic = Buffer.from('SQLite format 3\0', 'latin1');
const headerBytes = 100;

const intact = 'Copy the file again while nothing has it open.';

/** True for bytes that begin like an SQLite database, also when cut off right after. */
export const beginsLikeSqlite = (image: Uint8Array): boolean =>
  magic.equals(image.subarray(0, magic.length));

/** True where the database was last written in WAL mode (file format field 18, 19 = 2). */
export const isWalMode = (image: Uint8Array): boolean => image[18] === 2 || image[19] === 2;

/**
 * Compares the header of an SQLite file (sqlite.org/fileformat2.html, section 1.3) with its size in
 * bytes.
 * Codes: `NOT_SQLITE`, `CORRUPT` (impossible page size), `TRUNCATED` (page count times page size is
 * not the size).
 */
export const refuseSqliteImage = (image: Uint8Array, where: string): SessionRefusal | undefined => {
  if (!beginsLikeSqlite(image)) {
    return refuse(
      'NOT_SQLITE',
      where,
      'is neither an SQLite file nor a string session',
      'Give a session file of Pyrogram or Telethon, or a text file with one string session.',
    );
  }
  if (image.length < headerBytes) {
    return refuse(
      'TRUNCATED',
      where,
      `ends after ${image.length} bytes, within the header`,
      intact,
    );
  }
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  const stored = view.getUint16(16);
  const pageSize = stored === 1 ? 65_536 : stored;
  if (pageSize < 512 || (pageSize & (pageSize - 1)) !== 0) {
    return refuse(
      'CORRUPT',
      where,
      `its header names an impossible page size (${pageSize})`,
      intact,
    );
  }
  // The count is only valid when it was written together with the change counter (writers before
  // SQLite 3.7.0 left it stale).
  const pages = view.getUint32(24) === view.getUint32(92) ? view.getUint32(28) : 0;
  const expected = pages === 0 ? Math.ceil(image.length / pageSize) * pageSize : pages * pageSize;
  return expected === image.length
    ? undefined
    : refuse(
        'TRUNCATED',
        where,
        `has ${image.length} bytes where its header promises ${expected}`,
        intact,
      );
};

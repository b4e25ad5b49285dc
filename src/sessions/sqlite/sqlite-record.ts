import type { SqliteCell } from '../sqlite-table.ts';
import { damage, lengthAt } from './sqlite-pages.ts';

/** How the file stores text: header field 56 = 1, 2, 3. */
export type TextEncoding = 1 | 2 | 3;

export const textEncodingOf = (image: Buffer): TextEncoding => {
  const encoding = image.readUInt32BE(56);
  if (encoding !== 1 && encoding !== 2 && encoding !== 3) throw damage('its text encoding');
  return encoding;
};

const textOf = (bytes: Buffer, encoding: TextEncoding): string => {
  if (encoding === 1) return bytes.toString('utf8');
  const even = Buffer.from(bytes.subarray(0, bytes.length - (bytes.length % 2)));
  return (encoding === 3 ? even.swap16() : even).toString('utf16le');
};

/** Bytes of the integers of serial types 1 to 6. */
const integerBytes = [0, 1, 2, 3, 4, 6, 8] as const;

const sizeOf = (type: number): number =>
  type >= 12 ? Math.floor((type - 12) / 2) : type === 7 ? 8 : (integerBytes[type] ?? 0);

const cellOf = (type: number, bytes: Buffer, encoding: TextEncoding): SqliteCell => {
  if (type === 0) return null;
  if (type === 7) return bytes.readDoubleBE(0);
  if (type === 8 || type === 9) return BigInt(type - 8);
  if (type === 10 || type === 11) throw damage('a cell of an unknown type');
  if (type >= 12) return type % 2 === 0 ? Uint8Array.from(bytes) : textOf(bytes, encoding);
  return bytes.length === 8 ? bytes.readBigInt64BE(0) : BigInt(bytes.readIntBE(0, bytes.length));
};

/**
 * The cells of one record (fileformat2.html, section 2.1), which must fill it to the last byte.
 * Throws RangeError for damage.
 */
export const decodeRecord = (content: Buffer, encoding: TextEncoding): SqliteCell[] => {
  const [headerEnd, first] = lengthAt(content, 0);
  const cells: SqliteCell[] = [];
  let body = headerEnd;
  for (let offset = first; offset < headerEnd; ) {
    const [type, next] = lengthAt(content, offset);
    const end = body + sizeOf(type);
    if (next > headerEnd || end > content.length)
      throw damage('a row that is longer than its content');
    cells.push(cellOf(type, content.subarray(body, end), encoding));
    offset = next;
    body = end;
  }
  if (body !== content.length) throw damage('a row that is shorter than its content');
  return cells;
};

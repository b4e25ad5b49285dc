/**
 * The pages of an SQLite file as sqlite.org/fileformat2.html describes them. Nothing in the file is
 * evaluated: no SQL, expression, collation or
 * constraint. Every page is visited at most once, so time and memory are linear in the size of the
 * file. All functions throw RangeError for a
 * damaged file; {@link readSessionTables} makes a refusal of it.
 */
export interface SqlitePages {
  readonly image: Buffer;
  readonly pageSize: number;
  /** Bytes of a page without its reserved tail. */
  readonly usable: number;
  readonly count: number;
  /** 1 for each page that was visited, index = page number - 1. */
  readonly used: Uint8Array;
}

/**
 * A cell with content. `local` bytes lie at `start` in the image, the rest of `size` in the chain
 * that begins at page `overflow`.
 */
export interface Cell {
  /** Null in an index and in a table without rowid. */
  readonly rowId: number | bigint | null;
  readonly size: number;
  readonly start: number;
  readonly local: number;
  readonly overflow: number;
}

export const damage = (what: string): RangeError => new RangeError(what);

/** Longest content that is decoded, in bytes; rows of sessions have a few hundred. */
const longestContent = 65_536;

/** A variable-length integer and where it ends; bigint only beyond 53 bits. */
export const varintAt = (image: Buffer, offset: number): readonly [number | bigint, number] => {
  let value = 0;
  for (let index = 0; index < 7; index++) {
    const byte = image.readUInt8(offset + index);
    value = value * 128 + (byte & 127);
    if (byte < 128) return [value, offset + index + 1];
  }
  const eighth = image.readUInt8(offset + 7);
  const long = BigInt(value) * 128n + BigInt(eighth & 127);
  if (eighth < 128) return [long, offset + 8];
  return [BigInt.asIntN(64, long * 256n + BigInt(image.readUInt8(offset + 8))), offset + 9];
};

/** A length, which no file of ours has beyond 53 bits. */
export const lengthAt = (image: Buffer, offset: number): readonly [number, number] => {
  const [value, end] = varintAt(image, offset);
  if (typeof value !== 'number') throw damage('an impossible length');
  return [value, end];
};

/**
 * The image must have passed {@link refuseSqliteImage}, which checks the page size and the length.
 */
export const openPages = (image: Buffer): SqlitePages => {
  const stored = image.readUInt16BE(16);
  const pageSize = stored === 1 ? 65_536 : stored;
  const usable = pageSize - image.readUInt8(20);
  const count = image.length / pageSize;
  if (
    usable < 480 ||
    image.readUInt8(21) !== 64 ||
    image.readUInt8(22) !== 32 ||
    image.readUInt8(23) !== 32
  )
    throw damage('its header');
  const pages = { image, pageSize, usable, count, used: new Uint8Array(count) };
  const autoVacuum = image.readUInt32BE(52) !== 0;
  for (let page = 2; autoVacuum && page <= count; page += Math.floor(usable / 5) + 1)
    claimPage(pages, page);
  claimFreeList(pages);
  return pages;
};

/** Marks a page as visited and returns where it begins. */
export const claimPage = (pages: SqlitePages, page: number): number => {
  if (page < 1 || page > pages.count || pages.used[page - 1] !== 0)
    throw damage(`page ${page} is missing or used twice`);
  pages.used[page - 1] = 1;
  return (page - 1) * pages.pageSize;
};

const claimFreeList = (pages: SqlitePages): void => {
  const { image, usable } = pages;
  let found = 0;
  for (let trunk = image.readUInt32BE(32); trunk !== 0; ) {
    const start = claimPage(pages, trunk);
    const leaves = image.readUInt32BE(start + 4);
    if (leaves > usable / 4 - 2) throw damage('its list of free pages');
    for (let leaf = 0; leaf < leaves; leaf++)
      claimPage(pages, image.readUInt32BE(start + 8 + 4 * leaf));
    found += 1 + leaves;
    trunk = image.readUInt32BE(start);
  }
  if (found !== image.readUInt32BE(36)) throw damage('its list of free pages');
};

/**
 * Every page belongs to a table, an index or the free list; anything else is a file that lost a
 * part.
 */
export const requireAllUsed = ({ used }: SqlitePages): void => {
  if (used.includes(0)) throw damage('a page belongs to nothing');
};

/** Marks the pages behind a cell's content, which must be exactly as many as its size asks for. */
export const claimOverflow = (pages: SqlitePages, { size, local, overflow }: Cell): void => {
  let page = overflow;
  for (let left = size - local; left > 0; left -= pages.usable - 4)
    page = pages.image.readUInt32BE(claimPage(pages, page));
  if (page !== 0) throw damage('content that does not end');
};

/** The content of a cell whose overflow was claimed. */
export const contentOf = ({ image, pageSize, usable }: SqlitePages, cell: Cell): Buffer => {
  if (cell.size > longestContent) throw damage(`a row of ${cell.size} bytes`);
  const parts = [image.subarray(cell.start, cell.start + cell.local)];
  let page = cell.overflow;
  for (let left = cell.size - cell.local; left > 0; left -= usable - 4) {
    const start = (page - 1) * pageSize;
    parts.push(image.subarray(start + 4, start + 4 + Math.min(left, usable - 4)));
    page = image.readUInt32BE(start);
  }
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
};

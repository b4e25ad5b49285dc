import {
  type Cell,
  claimOverflow,
  claimPage,
  damage,
  lengthAt,
  type SqlitePages,
  varintAt,
} from './sqlite-pages.ts';

/** SQLite itself allows no deeper trees. */
const deepest = 20;

interface Walk {
  readonly pages: SqlitePages;
  readonly isTable: boolean;
  readonly visit: (cell: Cell) => void;
  /** The largest row id so far, which must rise. */
  lastRowId: number | bigint | null;
  /** All leaves of a tree lie equally deep. */
  leafDepth: number | null;
}

interface Page {
  readonly start: number;
  readonly header: number;
  readonly isLeaf: boolean;
}

/** The bytes from `from` up to `to`, counted from the beginning of the page. */
type Extent = readonly [from: number, to: number];

const localSize = ({ usable }: SqlitePages, size: number, isTable: boolean): number => {
  const most = isTable ? usable - 35 : Math.floor(((usable - 12) * 64) / 255) - 23;
  if (size <= most) return size;
  const least = Math.floor(((usable - 12) * 32) / 255) - 23;
  const fitted = least + ((size - least) % (usable - 4));
  return fitted <= most ? fitted : least;
};

/** Where a cell with content ends, and the cell itself. `offset` is where its size stands. */
const contentCell = ({ pages, isTable }: Walk, offset: number): readonly [Cell, number] => {
  const { image } = pages;
  const [size, afterSize] = lengthAt(image, offset);
  const [rowId, start] = isTable ? varintAt(image, afterSize) : [null, afterSize];
  const local = localSize(pages, size, isTable);
  const overflow = local < size ? image.readUInt32BE(start + local) : 0;
  return [{ rowId, size, start, local, overflow }, start + local + (local < size ? 4 : 0)];
};

const rise = (walk: Walk, rowId: number | bigint, mayEqual: boolean): void => {
  const last = walk.lastRowId;
  if (last !== null && (mayEqual ? rowId < last : rowId <= last)) throw damage('rows out of order');
  walk.lastRowId = rowId;
};

/** Visits what hangs on one cell and returns where the cell ends. */
const walkCell = (walk: Walk, page: Page, offset: number, depth: number): number => {
  const { pages, isTable, visit } = walk;
  if (!page.isLeaf) walkPage(walk, pages.image.readUInt32BE(offset), depth + 1);
  if (!page.isLeaf && isTable) {
    const [rowId, end] = varintAt(pages.image, offset + 4);
    rise(walk, rowId, true);
    return end;
  }
  const [cell, end] = contentCell(walk, page.isLeaf ? offset : offset + 4);
  if (cell.rowId !== null) rise(walk, cell.rowId, false);
  claimOverflow(pages, cell);
  visit(cell);
  return end;
};

const freeBlocks = ({ image, usable }: SqlitePages, { start, header }: Page): Extent[] => {
  const blocks: Extent[] = [];
  let least = 0;
  for (let offset = image.readUInt16BE(header + 1); offset !== 0; ) {
    const size = image.readUInt16BE(start + offset + 2);
    if (offset < least || size < 4 || offset + size > usable) throw damage('free space of a page');
    blocks.push([offset, offset + size]);
    least = offset + size;
    offset = image.readUInt16BE(start + offset);
  }
  return blocks;
};

/**
 * Cells and free blocks never overlap, and what lies between them is as much as the page says:
 * SQLite's own check of a page.
 */
const requireCovered = (
  { image, usable }: SqlitePages,
  { header }: Page,
  extents: Extent[],
  contentStart: number,
): void => {
  let end = contentStart;
  let gaps = 0;
  for (const [from, to] of extents.sort((a, b) => a[0] - b[0])) {
    if (from < end || to > usable) throw damage('cells that overlap');
    gaps += from - end;
    end = to;
  }
  if (gaps + usable - end !== image.readUInt8(header + 7))
    throw damage('space of a page that belongs to nothing');
};

function walkPage(walk: Walk, number: number, depth: number): void {
  const { pages, isTable } = walk;
  const { image } = pages;
  const start = claimPage(pages, number);
  const header = number === 1 ? start + 100 : start;
  const kind = image.readUInt8(header);
  const isLeaf = kind === 10 || kind === 13;
  if (depth > deepest || kind !== (isTable ? 5 : 2) + (isLeaf ? 8 : 0))
    throw damage(`page ${number} is not part of its table`);
  if (isLeaf && (walk.leafDepth ?? depth) !== depth) throw damage('leaves of different depth');
  if (isLeaf) walk.leafDepth = depth;
  const page: Page = { start, header, isLeaf };
  const cells = image.readUInt16BE(header + 3);
  const pointers = header + (isLeaf ? 8 : 12);
  const contentStart = image.readUInt16BE(header + 5) || 65_536;
  if (contentStart < pointers + 2 * cells - start || contentStart > pages.usable)
    throw damage('cells outside their page');
  const extents = freeBlocks(pages, page);
  for (let index = 0; index < cells; index++) {
    const offset = image.readUInt16BE(pointers + 2 * index);
    if (offset < contentStart || offset > pages.usable - 4)
      throw damage('cells outside their page');
    const end = walkCell(walk, page, start + offset, depth) - start;
    extents.push([offset, Math.max(end, offset + 4)]);
  }
  requireCovered(pages, page, extents, contentStart);
  if (!isLeaf) walkPage(walk, image.readUInt32BE(header + 8), depth + 1);
}

/**
 * Visits every cell with content of the tree at page `root`, in order, and checks each of its pages
 * as SQLite's `quick_check` does, without evaluating
 * anything. Returns whether it is a table with row ids (otherwise an index or a table without
 * them). Throws RangeError for damage.
 */
export const walkTree = (
  pages: SqlitePages,
  root: number,
  visit: (cell: Cell) => void,
): boolean => {
  if (root > pages.count) throw damage(`page ${root} is missing`);
  const kind = pages.image.readUInt8((root - 1) * pages.pageSize + (root === 1 ? 100 : 0));
  const isTable = kind === 5 || kind === 13;
  walkPage({ pages, isTable, visit, lastRowId: null, leafDepth: null }, root, 0);
  return isTable;
};

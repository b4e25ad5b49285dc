// From here because 'node:fs' itself is what the borders replace.
import { constants } from 'node:fs/promises';

/** Everything below is on the model disk; everything else is the real one's. */
export const modelRoot = '/model-disk';

export const isModelPath = (path: unknown): path is string =>
  typeof path === 'string' &&
  (path.startsWith(modelRoot) || isModelDescriptor(Number(descriptorPath.exec(path)?.[1])));

/** A descriptor's own name in /proc, and a path from there: what `openat` takes. */
const descriptorPath = /^\/proc\/self\/fd\/(\d+)(?:\/|$)/;

/**
 * One change of names: what each stood for before and stands for now. A rename is two of them,
 * which happen together or not at all.
 */
type NameChange = {
  readonly directory: ModelNode;
  readonly name: string;
  readonly before?: ModelNode;
  readonly after?: ModelNode;
};

/** What a disk has not been told to keep yet. */
interface Unsynced {
  /** Files whose content is newer than what was synced. */
  readonly files: Set<ModelNode>;
  /** In the order in which they were made. */
  names: (readonly NameChange[])[];
}

interface ModelNode {
  /** Of the disk that it is on; null: it is in memory, or on a disk that never loses power. */
  unsynced: Unsynced | null;
  /** Content as it was synced last; null: that is the content. */
  synced: Buffer | null;
  readonly ino: number;
  readonly kind: 'file' | 'directory' | 'link';
  mode: number;
  uid: number;
  gid: number;
  content: Buffer;
  readonly children: Map<string, ModelNode>;
  readonly target: string;
}

interface OpenFile {
  readonly node: ModelNode;
  position: number;
}

/** Directory and name of a path, and what is there. */
interface Place {
  readonly parent: ModelNode;
  readonly name: string;
  readonly node: ModelNode | undefined;
}

type Encoded = string | Uint8Array;

const firstDescriptor = 1_000_000;
const none = Buffer.alloc(0);
let inodes = 0;

const make = (kind: ModelNode['kind'], mode: number, target = ''): ModelNode => {
  inodes += 1;
  return {
    unsynced: null,
    synced: null,
    ino: inodes,
    kind,
    mode,
    uid: 0,
    gid: 0,
    content: none,
    children: new Map(),
    target,
  };
};

/** Sets or removes names; what was made new lies on the disk of its directory. */
function change(...changes: readonly NameChange[]): void {
  for (const { directory, name, after } of changes) {
    if (after === undefined) directory.children.delete(name);
    else directory.children.set(name, after);
  }
  const disk = changes[0]?.directory.unsynced ?? null;
  if (disk !== null) disk.names.push(changes);
}

const newIn = (parent: ModelNode, node: ModelNode): ModelNode => {
  node.unsynced = parent.unsynced;
  return node;
};

function setContent(node: ModelNode, content: Buffer): void {
  if (node.unsynced !== null && node.synced === null) {
    node.synced = node.content;
    node.unsynced.files.add(node);
  }
  node.content = content;
}

const root = make('directory', 0o755);
const open = new Map<number, OpenFile>();
let nextDescriptor = firstDescriptor;

/**
 * An error of the file system without a stack, which would cost more than all the rest: looking for
 * what is not there is what programs do most.
 */
class Fault {
  readonly code: string;
  readonly path: string;
  readonly message: string;

  constructor(code: string, act: string, path: string) {
    this.code = code;
    this.path = path;
    this.message = `${code}: ${act} '${path}'`;
  }
}
Object.setPrototypeOf(Fault.prototype, Error.prototype);

function fail(code: string, act: string, path: string): never {
  throw new Fault(code, act, path);
}

/**
 * Names on the way to each path that was looked for lately: programs look for the same few again
 * and again.
 */
const ways = new Map<string, readonly string[]>();
const waysKept = 2_000;

function wayTo(path: string): readonly string[] {
  const known = ways.get(path);
  if (known !== undefined) return known;
  if (ways.size === waysKept) ways.clear();
  const way = path
    .slice(modelRoot.length)
    .split('/')
    .filter((part) => part !== '' && part !== '.');
  ways.set(path, way);
  return way;
}

/** Follows links on the way, and at the end when `isFollowed`. */
function find(path: string, act: string, isFollowed: boolean, depth = 0): Place {
  if (depth > 40) return fail('ELOOP', act, path);
  const [head = '', descriptor] = descriptorPath.exec(path) ?? [];
  const way =
    descriptor === undefined ? wayTo(path) : path.slice(head.length).split('/').filter(Boolean);
  const start = descriptor === undefined ? root : fileOf(Number(descriptor)).node;
  let parent = start;
  let node: ModelNode | undefined = start;
  for (const [index, name] of way.entries()) {
    if (node === undefined) return fail('ENOENT', act, path);
    if (node.kind !== 'directory') return fail('ENOTDIR', act, path);
    parent = node;
    node = parent.children.get(name);
    if (node?.kind === 'link' && (isFollowed || index < way.length - 1)) {
      const here = [modelRoot, ...way.slice(0, index)].join('/');
      const target = node.target.startsWith('/') ? node.target : `${here}/${node.target}`;
      return find([target, ...way.slice(index + 1)].join('/'), act, isFollowed, depth + 1);
    }
  }
  return { parent, name: way.at(-1) ?? '', node };
}

const there = (path: string, act: string, isFollowed = true): ModelNode =>
  find(path, act, isFollowed).node ?? fail('ENOENT', act, path);

/** What of `fs.Stats` the product looks at. */
class ModelStat {
  readonly dev = 1;
  readonly nlink = 1;
  readonly ino: number;
  readonly mode: number;
  readonly size: number;
  readonly uid: number;
  readonly gid: number;
  readonly #kind: ModelNode['kind'];

  constructor(node: ModelNode) {
    this.ino = node.ino;
    this.mode = node.mode;
    this.uid = node.uid;
    this.gid = node.gid;
    this.size = node.kind === 'link' ? node.target.length : node.content.length;
    this.#kind = node.kind;
  }

  isFile = (): boolean => this.#kind === 'file';
  isDirectory = (): boolean => this.#kind === 'directory';
  isSymbolicLink = (): boolean => this.#kind === 'link';
}

function statOf(
  path: string,
  act: string,
  isFollowed: boolean,
  options?: { throwIfNoEntry?: boolean },
): ModelStat | undefined {
  if (options?.throwIfNoEntry !== false) return new ModelStat(there(path, act, isFollowed));
  try {
    return new ModelStat(there(path, act, isFollowed));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code;
const fileOf = (descriptor: number): OpenFile =>
  open.get(descriptor) ?? fail('EBADF', 'descriptor', String(descriptor));
const bytesOf = (data: Encoded): Buffer =>
  typeof data === 'string' ? Buffer.from(data) : Buffer.from(data);
const permissions = (mode: number | undefined, usual: number): number => (mode ?? usual) & 0o7777;

function openAt(path: string, flags: number, mode?: number): number {
  const has = (flag: number): boolean => (flags & flag) !== 0;
  const isFollowed =
    !has(constants.O_NOFOLLOW) && !(has(constants.O_CREAT) && has(constants.O_EXCL));
  const { parent, name, node: before } = find(path, 'open', isFollowed);
  if (before !== undefined && has(constants.O_CREAT) && has(constants.O_EXCL))
    return fail('EEXIST', 'open', path);
  if (before?.kind === 'link') return fail('ELOOP', 'open', path);
  if (before === undefined && !has(constants.O_CREAT)) return fail('ENOENT', 'open', path);
  const node = before ?? make('file', permissions(mode, 0o666));
  if (before === undefined) change({ directory: parent, name, after: newIn(parent, node) });
  if (node.kind !== 'directory' && has(constants.O_DIRECTORY)) return fail('ENOTDIR', 'open', path);
  if (node.kind === 'directory' && (flags & (constants.O_WRONLY | constants.O_RDWR)) !== 0)
    return fail('EISDIR', 'open', path);
  if (has(constants.O_TRUNC)) setContent(node, none);
  nextDescriptor += 1;
  open.set(nextDescriptor, { node, position: 0 });
  return nextDescriptor;
}

/**
 * `position` null or left out: from where the last call on this descriptor ended, as Node does it.
 */
function readFrom(
  descriptor: number,
  into: Uint8Array,
  offset = 0,
  length = into.length - offset,
  position: number | null = null,
): number {
  const file = fileOf(descriptor);
  if (file.node.kind === 'directory') return fail('EISDIR', 'read', String(descriptor));
  const from = position ?? file.position;
  const bytes = file.node.content.subarray(from, from + length);
  into.set(bytes, offset);
  if (position === null) file.position = from + bytes.length;
  return bytes.length;
}

function writeTo(
  descriptor: number,
  bytes: Uint8Array,
  offset = 0,
  length = bytes.length - offset,
  position: number | null = null,
): number {
  const file = fileOf(descriptor);
  const from = position ?? file.position;
  const part = bytes.subarray(offset, offset + length);
  if (part.length === 0) return 0;
  // A copy, so that what was copied or is being read keeps its content.
  const content = Buffer.alloc(Math.max(file.node.content.length, from + part.length));
  file.node.content.copy(content);
  content.set(part, from);
  setContent(file.node, content);
  if (position === null) file.position = from + part.length;
  return part.length;
}

function exists(path: string): boolean {
  try {
    return find(path, 'access', true).node !== undefined;
  } catch {
    return false;
  }
}

function makeDirectory(path: string, options?: { recursive?: boolean; mode?: number }): void {
  const { parent, name, node } = find(path, 'mkdir', false);
  if (
    node !== undefined &&
    options?.recursive === true &&
    find(path, 'mkdir', true).node?.kind === 'directory'
  )
    return;
  if (node !== undefined) fail('EEXIST', 'mkdir', path);
  change({
    directory: parent,
    name,
    after: newIn(parent, make('directory', permissions(options?.mode, 0o777))),
  });
}

function makeDirectories(path: string, options?: { recursive?: boolean; mode?: number }): void {
  if (options?.recursive === true) {
    if (exists(path) && there(path, 'mkdir').kind === 'directory') return;
    for (
      let end = path.indexOf('/', modelRoot.length + 1);
      end > 0;
      end = path.indexOf('/', end + 1)
    ) {
      const above = path.slice(0, end);
      if (exists(above) && there(above, 'mkdir').kind !== 'directory')
        fail('ENOTDIR', 'mkdir', path);
      makeDirectory(above, options);
    }
  }
  makeDirectory(path, options);
}

function remove(path: string, options: { recursive?: boolean; force?: boolean } = {}): void {
  if (options.force === true && !isThere(path)) return;
  const { parent, name, node } = find(path, 'rm', false);
  if (node === undefined) fail('ENOENT', 'rm', path);
  if (node.kind === 'directory' && options.recursive !== true) fail('ERR_FS_EISDIR', 'rm', path);
  change({ directory: parent, name, before: node });
}

function isThere(path: string): boolean {
  try {
    return find(path, 'lstat', false).node !== undefined;
  } catch {
    return false;
  }
}

function rename(from: string, to: string): void {
  const source = find(from, 'rename', false);
  const target = find(to, 'rename', false);
  const { node } = source;
  if (node === undefined) fail('ENOENT', 'rename', from);
  if (target.node === node) return;
  if (target.node?.kind === 'directory' && node.kind !== 'directory') fail('EISDIR', 'rename', to);
  if (target.node !== undefined && target.node.kind !== 'directory' && node.kind === 'directory')
    fail('ENOTDIR', 'rename', to);
  if (target.node !== undefined && target.node.children.size > 0) fail('ENOTEMPTY', 'rename', to);
  change(
    { directory: source.parent, name: source.name, before: node },
    {
      directory: target.parent,
      name: target.name,
      ...(target.node === undefined ? {} : { before: target.node }),
      after: node,
    },
  );
}

function add(path: string, act: string, node: ModelNode): void {
  const place = find(path, act, false);
  if (place.node !== undefined) fail('EEXIST', act, path);
  change({ directory: place.parent, name: place.name, after: newIn(place.parent, node) });
}

function link(from: string, to: string): void {
  const node = there(from, 'link', false);
  if (find(to, 'link', false).node === undefined && node.kind === 'directory')
    fail('EPERM', 'link', from);
  add(to, 'link', node);
}

function removeDirectory(path: string): void {
  const { parent, name, node } = find(path, 'rmdir', false);
  if (node === undefined) fail('ENOENT', 'rmdir', path);
  if (node.kind !== 'directory') fail('ENOTDIR', 'rmdir', path);
  if (node.children.size > 0) fail('ENOTEMPTY', 'rmdir', path);
  change({ directory: parent, name, before: node });
}

function realPath(path: string): string {
  there(path, 'realpath');
  let real = '';
  for (const part of path.split('/').filter(Boolean)) {
    const node =
      `${real}/${part}` === modelRoot ? root : there(`${real}/${part}`, 'realpath', false);
    if (node.kind === 'link')
      real = node.target.startsWith('/')
        ? realPath(node.target)
        : realPath(`${real}/${node.target}`);
    else real = `${real}/${part}`;
  }
  return real;
}

function list(path: string, options?: { withFileTypes?: boolean }): (string | { name: string })[] {
  const node = there(path, 'scandir');
  if (node.kind !== 'directory') return fail('ENOTDIR', 'scandir', path);
  const names = [...node.children.keys()].sort();
  if (options?.withFileTypes !== true) return names;
  return names.map((name) =>
    Object.assign(new ModelStat(node.children.get(name) ?? node), { name }),
  );
}

/** Like an open directory of Node's, for reading only. */
function openListing(path: string): {
  readSync: () => { name: string } | null;
  closeSync: () => void;
} {
  const names = list(path) as string[];
  return {
    readSync: () => names.splice(0, 1).map((name) => ({ name }))[0] ?? null,
    closeSync: () => undefined,
  };
}

function readLink(path: string): string {
  const node = there(path, 'readlink', false);
  return node.kind === 'link' ? node.target : fail('EINVAL', 'readlink', path);
}

function writeWhole(
  path: string,
  data: Encoded,
  options?: { mode?: number; flag?: string } | string,
): void {
  const { mode, flag = 'w' } = typeof options === 'object' ? options : {};
  const exclusive = flag.includes('x') ? constants.O_EXCL : 0;
  const descriptor = openAt(
    path,
    constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | exclusive,
    mode,
  );
  setContent(fileOf(descriptor).node, bytesOf(data));
  open.delete(descriptor);
}

function readWhole(path: string, encoding?: BufferEncoding): string | Buffer {
  const node = there(path, 'open');
  if (node.kind === 'directory') return fail('EISDIR', 'read', path);
  return encoding === undefined ? Buffer.from(node.content) : node.content.toString(encoding);
}

const copyOf = (node: ModelNode): ModelNode => {
  const copy = make(node.kind, node.mode, node.target);
  copy.content = node.content;
  for (const [name, child] of node.children) copy.children.set(name, copyOf(child));
  return copy;
};

/** Directories of a machine that are in its memory. */
const inMemory: readonly string[] = ['run', 'proc', 'sys'];

/**
 * From here on the tree below `path` is a disk of its own, on which everything is synced; a
 * machine's {@link inMemory} is left out.
 */
export function mountDisk(path: string): void {
  const top = there(path, 'mount', false);
  const unsynced: Unsynced = { files: new Set(), names: [] };
  const take = (node: ModelNode, disk: Unsynced | null): void => {
    node.unsynced = disk;
    node.synced = null;
    for (const [name, child] of node.children)
      take(child, node === top && inMemory.includes(name) ? null : disk);
  };
  take(top, unsynced);
  for (const name of inMemory) {
    if (!top.children.has(name)) top.children.set(name, make('directory', 0o755));
  }
}

/** What decides what becomes of everything that was not synced. */
export interface DiskLuck {
  chance(probability: number): boolean;
  between(low: number, high: number): number;
}

const blockBytes = 4096;

/**
 * The power goes. Of names, either all changes up to some moment are kept, as file systems with an
 * ordered journal do it, or any that still make
 * sense; of contents, any block is the new one or the synced one. Whatever was in memory is gone.
 * Returns whether anything was not synced.
 */
export function losePower(path: string, luck: DiskLuck): boolean {
  const top = there(path, 'mount', false);
  for (const name of inMemory) top.children.get(name)?.children.clear();
  const { unsynced } = top;
  if (unsynced === null) return false;
  const { names } = unsynced;
  const isAtRisk = names.length > 0 || unsynced.files.size > 0;
  unsynced.names = [];
  for (const changes of names.toReversed()) {
    for (const { directory, name, before } of changes.toReversed())
      setName(directory, name, before);
  }
  const isOrdered = luck.chance(0.5);
  const kept = luck.between(0, names.length);
  for (const [index, changes] of names.entries()) {
    const isKept = isOrdered ? index < kept : luck.chance(0.5);
    if (
      isKept &&
      changes.every(({ directory, name, before }) => directory.children.get(name) === before)
    )
      for (const { directory, name, after } of changes) setName(directory, name, after);
  }
  for (const node of unsynced.files) {
    node.content = mixed(node.synced ?? node.content, node.content, luck);
    node.synced = null;
  }
  unsynced.files.clear();
  return isAtRisk;
}

function setName(directory: ModelNode, name: string, node: ModelNode | undefined): void {
  if (node === undefined) directory.children.delete(name);
  else directory.children.set(name, node);
}

function mixed(old: Buffer, fresh: Buffer, luck: DiskLuck): Buffer {
  const whole = luck.chance(0.5) ? fresh : old;
  if (fresh.length <= blockBytes || fresh.length !== old.length || luck.chance(0.5)) return whole;
  const blocks: Buffer[] = [];
  for (let at = 0; at < fresh.length; at += blockBytes)
    blocks.push((luck.chance(0.5) ? fresh : old).subarray(at, at + blockBytes));
  return Buffer.concat(blocks);
}

function sync(descriptor: number): void {
  const { node } = fileOf(descriptor);
  const { unsynced } = node;
  if (unsynced === null) return;
  if (node.kind === 'directory')
    unsynced.names = unsynced.names.filter((changes) =>
      changes.every(({ directory }) => directory !== node),
    );
  else if (unsynced.files.delete(node)) node.synced = null;
}

/**
 * A whole tree, as an image of a disk is made: what is written to either side later is not seen on
 * the other.
 */
export function copyTree(from: string, to: string): void {
  add(to, 'copy', copyOf(there(from, 'copy', false)));
}

/**
 * Node's synchronous file functions on the model disk, with Node's error codes; permissions are
 * kept and never checked: everything on a host is root's.
 */
export const modelDisk = {
  openSync: openAt,
  closeSync: (descriptor: number) =>
    void (open.delete(descriptor) || fail('EBADF', 'close', String(descriptor))),
  readSync: readFrom,
  writeSync: writeTo,
  fstatSync: (descriptor: number) => new ModelStat(fileOf(descriptor).node),
  statSync: (path: string, options?: { throwIfNoEntry?: boolean }) =>
    statOf(path, 'stat', true, options),
  lstatSync: (path: string, options?: { throwIfNoEntry?: boolean }) =>
    statOf(path, 'lstat', false, options),
  existsSync: exists,
  statfsSync: () => ({ bavail: 1_000_000, bsize: 4096 }),
  mkdirSync: makeDirectories,
  readdirSync: list,
  opendirSync: openListing,
  readFileSync: readWhole,
  readlinkSync: readLink,
  realpathSync: realPath,
  writeFileSync: writeWhole,
  renameSync: rename,
  linkSync: link,
  symlinkSync: (target: string, path: string) => add(path, 'symlink', make('link', 0o777, target)),
  rmSync: remove,
  unlinkSync: (path: string) => remove(path),
  rmdirSync: removeDirectory,
  chmodSync: (path: string, mode: number) =>
    void Object.assign(there(path, 'chmod'), { mode: permissions(mode, 0) }),
  fchmodSync: (descriptor: number, mode: number) =>
    void Object.assign(fileOf(descriptor).node, { mode: permissions(mode, 0) }),
  fchownSync: (descriptor: number, uid: number, gid: number) =>
    void Object.assign(fileOf(descriptor).node, { uid, gid }),
  lchownSync: (path: string, uid: number, gid: number) =>
    void Object.assign(there(path, 'chown', false), { uid, gid }),
  fsyncSync: sync,
};

export const isModelDescriptor = (descriptor: unknown): boolean =>
  typeof descriptor === 'number' && descriptor > firstDescriptor;

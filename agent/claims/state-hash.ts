import { createHash, type Hash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs';
import { join } from 'node:path';

/**
 * SHA-256 (hex) of an account's state: every regular file and symbolic link below `directory`, in the byte order of their relative
 * paths, each as kind, path, length, content. Times, owners and modes do not count; sockets and FIFOs are no state; names in
 * `without` are left out at the top. null (no directory) hashes like an empty one. The same on every host and on the operator's side.
 */
export const hashState = (directory: string | null, without: readonly string[]): string => {
  const hash = createHash('sha256').update('fleet state v1\n');
  if (directory === null) return hash.digest('hex');
  for (const path of listState(directory, without)) hashEntry(hash, directory, path);
  return hash.digest('hex');
};

/** Relative paths of all files and links of a state, in the byte order of their names. */
export const listState = (directory: string, without: readonly string[]): readonly string[] =>
  listBelow(directory, '')
    .filter((path) => !without.includes(path))
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

const listBelow = (directory: string, prefix: string): readonly string[] =>
  readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = `${prefix}${entry.name}`;
    if (entry.isDirectory()) return listBelow(join(directory, entry.name), `${path}/`);
    return entry.isFile() || entry.isSymbolicLink() ? [path] : [];
  });

const hashEntry = (hash: Hash, directory: string, path: string): void => {
  let descriptor: number;
  try {
    descriptor = openSync(join(directory, path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ELOOP')) throw error;
    const target = readlinkSync(join(directory, path));
    hash.update(`link ${JSON.stringify(path)} ${JSON.stringify(target)}\n`);
    return;
  }
  try {
    hash.update(`file ${JSON.stringify(path)} ${fstatSync(descriptor).size}\n`);
    const buffer = Buffer.alloc(64 * 1024);
    for (let got = readSync(descriptor, buffer); got > 0; got = readSync(descriptor, buffer)) hash.update(buffer.subarray(0, got));
  } finally {
    closeSync(descriptor);
  }
};

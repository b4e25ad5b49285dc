import { constants, rmSync } from 'node:fs';
import { access, chmod, lstat, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FleetError } from '../../model/errors.ts';

/** A private folder for sockets and what `ssh` is told by files. No secret is ever in it. */
export interface ControlFolder {
  readonly path: string;
  /** A name that was not used yet. */
  next(kind: string): string;
}

/**
 * Bytes of a socket's path at most: macOS has room for 103, Linux for 107, and `ssh` first makes
 * one whose name is 17 longer.
 */
const MAX_SOCKET_PATH = 103 - 17;
/** `/fleet-` and six letters, `/9999999.sock`. */
const NAME_BYTES = 26;

/** Makes it, 0700, in the first of `parents` where sockets fit and programs may run. */
export async function makeControlFolder(
  parents: readonly string[] = usualParents(),
): Promise<ControlFolder> {
  const failures: unknown[] = [];
  for (const parent of parents) {
    if (!isUsable(parent)) continue;
    const made = await makeIn(parent).catch((failure: unknown) => failure);
    if (typeof made === 'string') return folderAt(made);
    failures.push(made);
  }
  throw new FleetError(
    'ssh-config',
    `no folder for the sockets of ssh: none of ${parents.join(', ')} will do`,
    {
      hint: 'make one of them writable and not noexec, or set ssh.transport to ssh2',
      cause: failures[0],
    },
  );
}

const usualParents = (): string[] => [
  ...new Set([process.env.XDG_RUNTIME_DIR ?? '', tmpdir(), '/tmp', '/var/tmp']),
];

/** Nothing in it that the options of `ssh` expand or split, and short enough. */
const isUsable = (parent: string): boolean =>
  /^\/[\w./-]*$/.test(parent) && Buffer.byteLength(parent) + NAME_BYTES <= MAX_SOCKET_PATH;

async function makeIn(parent: string): Promise<string> {
  const path = await mkdtemp(join(parent, 'fleet-'));
  try {
    await chmod(path, 0o700);
    const facts = await lstat(path);
    if (!facts.isDirectory() || facts.uid !== process.geteuid?.()) throw new Error('not private');
    // On a file system that is mounted noexec nothing may be run, whatever its mode.
    const probe = join(path, 'probe');
    await writeFile(probe, '#!/bin/sh\n', { mode: 0o700, flag: 'wx' });
    await access(probe, constants.X_OK);
    await rm(probe);
    return path;
  } catch (failure) {
    await rm(path, { recursive: true, force: true });
    throw failure;
  }
}

const folders = new Set<string>();
let isCleaning = false;

/** They go with fleet. What a killed fleet leaves is empty but for texts without secrets. */
function cleanAtExit(): void {
  if (isCleaning) return;
  isCleaning = true;
  process.once('exit', () => {
    for (const path of folders) rmSync(path, { recursive: true, force: true });
  });
}

function folderAt(path: string): ControlFolder {
  let count = 0;
  folders.add(path);
  cleanAtExit();
  return {
    path,
    next(kind) {
      count += 1;
      return join(path, `${count}.${kind}`);
    },
  };
}

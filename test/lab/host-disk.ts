import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand, tryCommand } from './run-command.ts';
import type { Suite } from './suites.ts';
import { type DiskContent, goldenTree } from './tree/golden-tree.ts';

/** What makes one host's disk differ from the golden tree. */
export interface DiskSetup {
  readonly name: string;
  /** Folder for the mounts; made when absent. */
  readonly directory: string;
  readonly sizeMb: number;
  /** Line for authorized_keys of root and ubuntu. */
  readonly authorizedKey: string;
}

const ubuntuId = 1000;

/** Where the host's root file system is mounted. */
export function diskRoot(disk: DiskSetup): string {
  return join(disk.directory, 'root');
}

function memory(disk: DiskSetup): string {
  return join(disk.directory, 'memory');
}

/**
 * Mounts a new disk: the golden tree under a size-limited layer in memory, with a machine id, host
 * key and login keys of its own.
 */
export async function makeDisk(
  disk: DiskSetup,
  suite: Suite,
  content: DiskContent = 'bare',
): Promise<void> {
  const tree = await goldenTree(suite, content);
  const upper = join(memory(disk), 'upper');
  await mkdir(diskRoot(disk), { recursive: true });
  await mkdir(memory(disk), { recursive: true });
  await runCommand([
    'mount',
    '-t',
    'tmpfs',
    '-o',
    `size=${disk.sizeMb}m,mode=755`,
    disk.name,
    memory(disk),
  ]);
  await mkdir(upper);
  await mkdir(join(memory(disk), 'work'));
  const layers = `lowerdir=${tree},upperdir=${upper},workdir=${join(memory(disk), 'work')}`;
  await runCommand(['mount', '-t', 'overlay', '-o', layers, disk.name, diskRoot(disk)]);
  await personalise(disk, diskRoot(disk));
}

async function personalise(disk: DiskSetup, root: string): Promise<void> {
  await writeFile(join(root, 'etc/hostname'), `${disk.name}\n`);
  await writeFile(join(root, 'etc/hosts'), `127.0.0.1 localhost\n127.0.1.1 ${disk.name}\n`);
  await writeFile(join(root, 'etc/machine-id'), `${randomBytes(16).toString('hex')}\n`);
  await runCommand([
    'ssh-keygen',
    '-q',
    '-t',
    'ed25519',
    '-N',
    '',
    '-C',
    disk.name,
    '-f',
    join(root, 'etc/ssh/ssh_host_ed25519_key'),
  ]);
  for (const [home, owner] of [
    ['root', 0],
    ['home/ubuntu', ubuntuId],
  ] as const) {
    const directory = join(root, home, '.ssh');
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await writeFile(join(directory, 'authorized_keys'), `${disk.authorizedKey.trim()}\n`, {
      mode: 0o600,
    });
    for (const path of [directory, join(directory, 'authorized_keys')])
      await chown(path, owner, owner);
    await chmod(directory, 0o700);
  }
}

/** The host's public key as in known_hosts, without the address: `ssh-ed25519 AAAA...`. */
export async function readHostKey(disk: DiskSetup): Promise<string> {
  const text = await readFile(join(diskRoot(disk), 'etc/ssh/ssh_host_ed25519_key.pub'), 'utf8');
  return text.split(' ').slice(0, 2).join(' ').trim();
}

export async function readMachineId(disk: DiskSetup): Promise<string> {
  return (await readFile(join(diskRoot(disk), 'etc/machine-id'), 'utf8')).trim();
}

/** Throws the disk away. The host must be off. */
export async function dropDisk(disk: DiskSetup): Promise<void> {
  await tryCommand(['umount', diskRoot(disk)]);
  await tryCommand(['umount', memory(disk)]);
}

/**
 * Takes the disk's free space but for `leaveKb` kibibytes; the host's own files are not touched.
 */
export async function fillDisk(disk: DiskSetup, leaveKb: number): Promise<void> {
  await unfillDisk(disk);
  for (let tries = 1; ; tries += 1) {
    const { bavail, bsize } = await statfs(memory(disk));
    const bytes = bavail * bsize - leaveKb * 1024;
    if (bytes <= 0) return;
    const { code, stderr } = await tryCommand([
      'fallocate',
      '-l',
      String(bytes),
      join(memory(disk), 'filler'),
    ]);
    if (code === 0) return;
    // The host, which goes on working, has written something meanwhile.
    if (tries === 10) throw new Error(`the disk of ${disk.name} could not be filled: ${stderr}`);
  }
}

export async function unfillDisk(disk: DiskSetup): Promise<void> {
  await rm(join(memory(disk), 'filler'), { force: true });
}

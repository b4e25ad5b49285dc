/**
 * Looks for secrets where they must not be: on hosts, in what this machine's processes show, and in
 * the operator's own files.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Lab } from '../lab/lab.ts';

/** A text or bytes that must not be found. `name` is what a failed test prints. */
export interface Needle {
  readonly name: string;
  readonly bytes: Buffer;
}

/**
 * Forms in which a secret may leak: raw, hexadecimal, base64 and base64url. The middle of the
 * secret is looked for in all three alignments, because a
 * session string has it behind other bytes.
 */
export function needlesOf(name: string, secret: Buffer): Needle[] {
  const middle = Math.min(30, Math.max(0, secret.length - 26));
  const chunk = (skip: number): Buffer => secret.subarray(middle + skip, middle + skip + 24);
  const aligned = [0, 1, 2].flatMap((skip) => [
    { name: `${name} in base64 (${skip})`, bytes: Buffer.from(chunk(skip).toString('base64')) },
    {
      name: `${name} in base64url (${skip})`,
      bytes: Buffer.from(chunk(skip).toString('base64url')),
    },
  ]);
  const hex = chunk(0).toString('hex');
  return [
    { name: `${name} raw`, bytes: chunk(0) },
    { name: `${name} in hex`, bytes: Buffer.from(hex) },
    { name: `${name} in HEX`, bytes: Buffer.from(hex.toUpperCase()) },
    ...aligned,
  ];
}

export const found = (where: string, content: Buffer, needles: readonly Needle[]): string[] =>
  needles.filter(({ bytes }) => content.includes(bytes)).map(({ name }) => `${where}: ${name}`);

/** A file or folder of another test may be gone between the listing and the look. */
function unlessGone<T>(look: () => T, otherwise: T): T {
  try {
    return look();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return otherwise;
    throw error;
  }
}

/** Files below `directory` that hold a needle; `isSkipped` gets whole paths. */
export function searchFiles(
  directory: string,
  needles: readonly Needle[],
  isSkipped: (path: string) => boolean,
): string[] {
  const entries = unlessGone(() => readdirSync(directory, { withFileTypes: true }), []);
  return entries.flatMap((entry) => {
    const path = join(directory, entry.name);
    if (isSkipped(path)) return [];
    if (entry.isDirectory()) return searchFiles(path, needles, isSkipped);
    const isSmall = entry.isFile() && unlessGone(() => statSync(path).size, 0) < 64e6;
    return isSmall
      ? found(
          path,
          unlessGone(() => readFileSync(path), Buffer.alloc(0)),
          needles,
        )
      : [];
  });
}

/**
 * Arguments and environments of all processes of this machine, those on lab hosts included, as long
 * as `act` runs. The operator's own shell
 * environment holds what the inventory takes from it (`env:`): pass only needles that no
 * environment may hold.
 */
export async function watchProcesses<T>(
  needles: readonly Needle[],
  act: () => Promise<T>,
): Promise<{ value: T; leaks: string[]; looks: number }> {
  const leaks = new Set<string>();
  let looks = 0;
  const look = (): void => {
    looks += 1;
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      for (const file of ['cmdline', 'environ']) {
        for (const leak of found(`${file} of ${pid}`, readProc(`/proc/${pid}/${file}`), needles))
          leaks.add(leak);
      }
    }
  };
  const timer = setInterval(look, 150);
  try {
    return { value: await act(), leaks: [...leaks], looks };
  } finally {
    clearInterval(timer);
  }
}

/** A process may end between the look and the read. */
function readProc(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0);
  }
}

/**
 * Runs on the host with fleet's own runtime. Needles come on standard input, so that the search
 * itself puts them nowhere.
 */
const hostSearch = `
const fs = require('node:fs'), cp = require('node:child_process');
const needles = JSON.parse(fs.readFileSync(0, 'utf8')).map(({ name, base64 }) => ({ name, bytes: Buffer.from(base64, 'base64') }));
const leaks = []; let files = 0;
const check = (where, content) => { for (const { name, bytes } of needles) if (content.includes(bytes)) leaks.push(where + ': ' + name); };
const read = (path) => { try { return fs.readFileSync(path); } catch { return Buffer.alloc(0); } };
/* A file or folder of a run may be gone between the listing and the look. */
const listed = (path) => { try { return fs.readdirSync(path, { withFileTypes: true }); } catch { return []; } };
const sizeOf = (path) => { try { return fs.statSync(path).size; } catch { return 0; } };
const skipped = /^\\/run\\/credentials\\/|^\\/var\\/cache|^\\/var\\/lib\\/(?:apt|dpkg)/;
const walk = (directory) => {
  for (const entry of listed(directory)) {
    const path = directory + '/' + entry.name;
    if (skipped.test(path)) continue;
    if (entry.isDirectory()) walk(path);
    else if (entry.isFile() && sizeOf(path) < 64e6) { files += 1; check(path, read(path)); }
  }
};
for (const top of ['/var', '/run', '/tmp', '/etc', '/root', '/home', '/opt/fleet/releases', '/dev/shm']) walk(top);
for (const pid of fs.readdirSync('/proc').filter((name) => /^\\d+$/.test(name)))
  for (const file of ['cmdline', 'environ']) check('/proc/' + pid + '/' + file, read('/proc/' + pid + '/' + file));
const said = (program, ...args) => cp.spawnSync(program, args, { maxBuffer: 1e9 }).stdout;
check('journal', said('journalctl', '--no-pager', '--all', '-o', 'export'));
check('units', said('systemctl', 'show', '*'));
const held = said('find', '/var/lib/fleet/accounts', '-type', 'f', '-printf', '%m %U %p\\\\n').toString().trim().split('\\n');
console.log(JSON.stringify({ leaks, files, held }));
`;

export interface HostSearch {
  readonly leaks: readonly string[];
  readonly files: number;
  /**
   * `MODE UID PATH` of each file below the folder of sessions, which hosts of the lab encrypt: it
   * is searched like all others.
   */
  readonly held: readonly string[];
}

/**
 * Searches journal, logs, run-time and temporary folders, settings, releases, arguments,
 * environments and unit properties of a host.
 */
export async function searchHost(
  lab: Lab,
  host: number,
  needles: readonly Needle[],
): Promise<HostSearch> {
  const input = JSON.stringify(
    needles.map(({ name, bytes }) => ({ name, base64: bytes.toString('base64') })),
  );
  await lab.ssh(host, 'cat > /opt/fleet/search.cjs', { input: hostSearch });
  const { code, stdout, stderr } = await lab.ssh(
    host,
    '/opt/fleet/current/runtime/bin/node /opt/fleet/search.cjs; rm /opt/fleet/search.cjs',
    {
      input,
      timeoutMs: 120_000,
    },
  );
  if (code !== 0 || stdout === '') throw new Error(`the search on host ${host} failed: ${stderr}`);
  return JSON.parse(stdout) as HostSearch;
}

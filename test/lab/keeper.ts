/**
 * The outside of a lab: serves packages to it, starts its inside (supervisor.ts) in fresh
 * namespaces, and removes the last traces when that ended.
 * Prints one line when the hosts take logins. Ends the lab when its own stdin ends, unless it is
 * told to be detached.
 *
 * Arguments: name of the lab, suite of its hosts, number of hosts, disk size of a host in MB,
 * `attached` or `detached`.
 */
import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { removeGroupsParent, removeLabGroups } from './cgroups.ts';
import { connectControl } from './control.ts';
import { cacheDirectory, labFiles } from './layout.ts';
import { serveAptProxy } from './packages/apt-proxy.ts';
import { childrenOf, processIdentity } from './processes.ts';
import { runCommand } from './run-command.ts';
import { labSources } from './tree/golden-tree.ts';

const [name = '', suite = '', hostCount = '', diskMb = '', mode = ''] = process.argv.slice(2);
const files = labFiles(name);
const supervisorProgram = fileURLToPath(new URL('./supervisor.ts', import.meta.url));

/**
 * Starts the inside. `setpriv` ties it to this process, `--kill-child` ties the namespaces to
 * `unshare`; the shell reaps what is orphaned.
 */
function startInside() {
  const log = openSync(files.log, 'a');
  const namespaces = [
    'unshare',
    '--net',
    '--mount',
    '--pid',
    '--fork',
    '--mount-proc',
    '--kill-child',
  ];
  const firstProcess = ['sh', '-c', '"$@" & wait $!', 'lab'];
  const supervisor = [process.execPath, supervisorProgram, name, suite, hostCount, diskMb];
  return spawn('setpriv', ['--pdeathsig', 'KILL', ...namespaces, ...firstProcess, ...supervisor], {
    stdio: ['ignore', log, log],
    detached: true,
  });
}

/**
 * Removes what outlives the namespaces. Waits a little, because the kernel lets go of killed
 * processes in its own time.
 */
async function sweep(): Promise<void> {
  for (let tries = 0; removeLabGroups(name).length > 0 && tries < 100; tries += 1) await sleep(50);
  removeGroupsParent();
  await rm(files.directory, { recursive: true, force: true });
}

async function untilUp(ended: Promise<unknown>): Promise<boolean> {
  let over = false;
  void ended.then(() => {
    over = true;
  });
  while (!over) {
    const control = await connectControl(files.controlSocket).catch(() => undefined);
    control?.close();
    if (control) return true;
    await sleep(30);
  }
  return false;
}

async function main(): Promise<void> {
  await mkdir(join(files.directory, 'hosts'), { recursive: true, mode: 0o700 });
  await writeFile(files.owner, processIdentity(process.pid) ?? '');
  await runCommand(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'lab', '-f', files.key]);
  await serveAptProxy(files.aptSocket, join(cacheDirectory(), 'apt'), await labSources());
  const inside = startInside();
  const ended = new Promise((resolve) => inside.on('exit', resolve));
  const end = () => inside.kill('SIGKILL');
  if (mode === 'attached') process.stdin.on('end', end).on('close', end).on('error', end).resume();
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, end);
  const up = await untilUp(ended);
  if (up) {
    await writeFile(files.insidePid, String(childrenOf(inside.pid ?? 0)[0]));
    process.stdout.write('up\n');
    await ended;
  } else {
    process.stderr.write(await readFile(files.log, 'utf8'));
  }
  await sweep();
  process.exit(up ? 0 : 1);
}

process.stdout.on('error', () => {}); // who started a detached lab does not stay to listen
await main();

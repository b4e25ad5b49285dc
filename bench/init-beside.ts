/**
 * `fleet init` of hosts that are ready, of this checkout beside that of another one (of an earlier release), by turns in the same minutes, each on hosts of its own:
 * `node bench/init-beside.ts DIRECTORY [HOSTS [ROUNDS]]`, by default 3 hosts each and 9 rounds. Prints medians and ratios.
 */
import { copyFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { nodeFlags } from '../src/cli/built-program.ts';
import { runCommand } from '../test/lab/run-command.ts';
import { packageDirectory, startLabFleet } from './lab-fleet.ts';
import { byTurns, type Cost, formatCosts, loadNote } from './measure.ts';

const [other, count = '3', rounds = '9'] = process.argv.slice(2);
if (other === undefined) throw new Error('usage: node bench/init-beside.ts DIRECTORY [HOSTS [ROUNDS]]');
const each = Number(count);
await runCommand([process.execPath, join(resolve(other), 'scripts', 'build.ts')], { cwd: resolve(other) });

const bench = await startLabFleet(
  2 * each,
  (lab) => `version: 1
fleet: bench
vault: { path: vault, key: file:vault.key }
ssh: { user: root, identity_files: [${lab.keyFile}], known_hosts: ${lab.knownHostsFile}, connect_timeout: 60s }
telegram: { api_id: 4711, api_hash: env:TELEGRAM_API_HASH }
hold: { require_clock_sync: false }
hosts:
${lab.hosts.map(({ name, address }) => `  ${name}: { address: ${address} }`).join('\n')}
`,
  false,
);
const { lab, settings, inside } = bench;
const namesFrom = (first: number): string =>
  lab.hosts
    .slice(first, first + each)
    .map(({ name }) => name)
    .join();
/** A ledger is of one release. */
async function operatorOf(name: string): Promise<string> {
  const directory = join(settings.directory, name);
  await runCommand(['mkdir', directory]);
  for (const file of ['inventory.yaml', 'key']) await copyFile(join(settings.directory, file), join(directory, file));
  await writeFile(join(directory, 'vault.key'), '');
  return directory;
}
const initOf = async (name: string, directory: string, first: number): Promise<() => Promise<Cost>> => {
  const cwd = await operatorOf(name);
  const argv = [process.execPath, ...nodeFlags, join(resolve(directory), 'dist', 'cli.cjs'), 'init', '--yes', '--limit', namesFrom(first)];
  return () => inside(argv, { cwd });
};

try {
  const contestants = { before: await initOf('before', other, 0), now: await initOf('now', packageDirectory, each) };
  for (let time = 0; time < 2; time += 1) for (const init of Object.values(contestants)) await init();
  const costs = await byTurns(contestants, { before: Number(rounds), now: Number(rounds) });
  console.log(`\n${each} host(s) each, nothing to change, ${loadNote()}\n${formatCosts(costs)}`);
  const range = (first: number): number[] => Array.from({ length: each }, (_, index) => first + index + 1);
  const hostS = { before: await bench.hostCpuS(range(0), contestants.before), now: await bench.hostCpuS(range(each), contestants.now) };
  console.log(`CPU of its hosts in one run: ${hostS.before.toFixed(3)} s before, ${hostS.now.toFixed(3)} s now`);
  const ratio = (kind: 'wallS' | 'cpuS'): string => (costs.now[kind] / costs.before[kind]).toFixed(2);
  console.log(`now to before: time ${ratio('wallS')}, CPU here ${ratio('cpuS')}, CPU of hosts ${(hostS.now / hostS.before).toFixed(2)}`);
} finally {
  await bench.end();
}

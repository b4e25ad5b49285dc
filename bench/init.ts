/**
 * `fleet init` beside Ansible, which does the same by bench/ansible/account-host.yml, and beside
 * the floor: `ssh HOST sh -s <bench/floor.sh`, which only looks.
 * `node bench/init.ts [--settled] [HOSTS...]`, by default 1 8 16; all in one run, on real hosts of
 * the lab, by turns. With `--settled` without fresh hosts.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand } from '../test/lab/run-command.ts';
import { packageDirectory, peerHosts, startLabFleet } from './lab-fleet.ts';
import {
  byTurns,
  type Cost,
  formatCosts,
  formatVerdicts,
  loadNote,
  type Verdict,
} from './measure.ts';
import { Ansible, sshFanOut } from './peers.ts';

const words = process.argv.slice(2);
const counts = words.filter((word) => word !== '--settled').map(Number);
const sizes = counts.length > 0 ? counts : [1, 8, 16];
/**
 * Hosts on which fresh machines are made ready, too: at 16 that is ten minutes of dpkg on two
 * cores.
 */
const mostFresh = words.includes('--settled') ? 0 : 8;
const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

const bench = await startLabFleet(
  Math.max(...sizes),
  (lab) => `version: 1
fleet: bench
vault: { path: vault, key: file:vault.key }
ssh: { user: root, identity_files: [${lab.keyFile}], known_hosts: ${lab.knownHostsFile}, connect_timeout: 60s }
telegram: { api_id: 4711, api_hash: env:TELEGRAM_API_HASH }
hold: { require_clock_sync: false }
hosts:
${lab.hosts.map(({ name, address }) => `  ${name}: { address: ${address} }`).join('\n')}
`,
);
const { lab, settings } = bench;
const ansible = new Ansible(settings);
const verdicts: Verdict[] = [];

const limit = (count: number): string[] => [
  '--limit',
  peerHosts(lab, count)
    .map(({ name }) => name)
    .join(','),
];
const fleetInit = (count: number): Promise<Cost> => bench.fleet(['init', '--yes', ...limit(count)]);
const floor = (count: number): Promise<Cost> =>
  bench.inside(
    sshFanOut(
      settings,
      peerHosts(lab, count),
      'sh -s',
      join(packageDirectory, 'bench', 'floor.sh'),
    ),
  );

interface Names {
  readonly release: string;
  readonly runtime: string;
}

async function playbook(count: number, names: Names): Promise<Cost> {
  const variables = {
    root: packageDirectory.replace(/\/$/, ''),
    stage: settings.directory,
    facts: 'true',
    ...names,
  };
  const argv = await ansible.playbook(
    peerHosts(lab, count),
    join(packageDirectory, 'bench', 'ansible', 'account-host.yml'),
    variables,
  );
  const { stdout, ...cost } = await bench.inside(argv);
  await ansible.disconnect();
  const recap = [...stdout.matchAll(/^h\d+ .*unreachable=(\d+) +failed=(\d+)/gm)];
  if (recap.length !== count || recap.some(([, away, failed]) => away !== '0' || failed !== '0'))
    throw new Error(`Ansible failed:\n${stdout.slice(-2000)}`);
  return cost;
}

/**
 * What Ansible sends to hosts: taken from one that fleet has made ready, so that both agree about
 * every file.
 */
async function makeStage(): Promise<Names> {
  const on = async (command: string): Promise<string> => (await lab.ssh(1, command)).stdout.trim();
  const [release, runtime] = [
    await on('basename $(readlink /opt/fleet/current)'),
    await on('ls /opt/fleet/runtimes'),
  ];
  const fetch = (command: string, file: string): Promise<string> =>
    runCommand(
      lab.insideArgv([
        'sh',
        '-c',
        `ssh ${sshOf(1)} '${command}' >${join(settings.directory, file)}`,
      ]),
      { timeoutMs: 120_000 },
    );
  await fetch(`tar -C /opt/fleet/releases/${release} --exclude=./runtime -cz .`, 'release.tgz');
  await fetch(`tar -C /opt/fleet/runtimes -cz ${runtime}`, 'runtime.tgz');
  for (const [offset, { name }] of lab.hosts.entries()) {
    const own = await lab.ssh(offset + 1, 'cat /etc/fleet/host.json');
    await writeFile(join(settings.directory, `${name}.json`), own.stdout);
  }
  return { release, runtime };
}

const sshOf = (index: number): string =>
  `-F none -i ${settings.keyFile} -o UserKnownHostsFile=${lab.knownHostsFile} -o ` +
  `BatchMode=yes root@${lab.hosts[index - 1]?.address}`;

async function freshRuns(count: number, names: Names): Promise<void> {
  const wipe = (): Promise<unknown> => Promise.all(range(count).map((index) => lab.wipe(index)));
  await wipe();
  const theirs = await playbook(count, names);
  await wipe();
  const ours = await fleetInit(count);
  console.log(
    `\n${count} fresh host(s), ` +
      `${loadNote()}\n${formatCosts({ ansible: theirs, 'fleet init': ours })}`,
  );
  verdicts.push({
    what: `fresh hosts, ${count}: times faster than Ansible`,
    figure: theirs.wallS / ours.wallS,
    target: 1,
    unit: 'x',
    is: 'least',
  });
}

async function settledRuns(
  count: number,
  names: Names,
  label = '',
): Promise<Record<'ansible' | 'fleet init' | 'floor', Cost>> {
  const costs = await byTurns(
    {
      ansible: () => playbook(count, names),
      'fleet init': () => fleetInit(count),
      floor: () => floor(count),
    },
    { ansible: count === 1 ? 2 : 1, 'fleet init': 5, floor: 5 },
  );
  console.log(
    `\n${count} host(s), nothing to change${label}, ${loadNote()}\n${formatCosts(costs)}`,
  );
  return costs;
}

const cpuRuns = 4;

async function measureAll(): Promise<void> {
  console.log(`\nmaking ${lab.hosts.length} hosts ready ...`);
  await fleetInit(lab.hosts.length);
  const names = await makeStage();
  for (const count of sizes) {
    if (count <= mostFresh) await freshRuns(count, names);
  }
  for (const count of sizes) {
    await fleetInit(count);
    const costs = await settledRuns(count, names);
    const ratio = costs.ansible.wallS / costs['fleet init'].wallS;
    const what = `nothing to change, ${count} host(s)`;
    verdicts.push({
      what: `${what}: times faster than Ansible`,
      figure: ratio,
      target: count === 1 ? 15 : 25,
      unit: 'x',
      is: 'least',
    });
    if (count > 1) {
      verdicts.push({
        what: `${what}: times the floor`,
        figure: costs['fleet init'].wallS / costs.floor.wallS,
        target: 2,
        unit: 'x',
        is: 'most',
      });
    }
  }
  await measureHostCpu();
  await measureDistance(names);
}

async function measureHostCpu(): Promise<void> {
  const several = async (act: () => Promise<Cost>): Promise<Cost> => {
    for (let run = 1; run < cpuRuns; run += 1) await act();
    return act();
  };
  const ours = (await bench.hostCpuS([1], () => several(() => fleetInit(1)))) / cpuRuns;
  const least = (await bench.hostCpuS([1], () => several(() => floor(1)))) / cpuRuns;
  console.log(
    `\nCPU on a host per run, login included: fleet init ${ours.toFixed(3)} s, floor ` +
      `${least.toFixed(3)} s`,
  );
  verdicts.push({
    what: 'nothing to change: CPU on a host',
    figure: ours,
    target: 0.17,
    unit: 's',
    is: 'most',
  });
}

/** 50 ms away, and behind 2 Mbit/s; the round trips from what 200 ms make of the time. */
async function measureDistance(names: Names): Promise<void> {
  await lab.slow(1, 50);
  const far = await settledRuns(1, names, ', 50 ms away');
  await lab.slow(1, 0);
  await lab.rate(1, 2000);
  const thin = await settledRuns(1, names, ', behind 2 Mbit/s');
  await lab.rate(1, 0);
  for (const [where, costs] of Object.entries({ '50 ms away': far, 'behind 2 Mbit/s': thin })) {
    const figure = costs.ansible.wallS / costs['fleet init'].wallS;
    verdicts.push({
      what: `nothing to change, 1 host ${where}: times faster than Ansible`,
      figure,
      target: 15,
      unit: 'x',
      is: 'least',
    });
  }
  verdicts.push({
    what: 'round trips of a check after the handshake',
    figure: await countRoundTrips(),
    target: 4,
    unit: '',
    is: 'most',
  });
}

/**
 * The CLI's own code on a link that is open already, in a child inside the lab's network: what each
 * ms of distance adds to it.
 */
async function countRoundTrips(): Promise<number> {
  const spec = JSON.stringify({
    address: lab.hosts[0]?.address,
    key: lab.keyFile,
    fingerprint: lab.hosts[0]?.fingerprint,
  });
  const time = async (): Promise<number> => {
    const { stdout } = await bench.inside([
      process.execPath,
      join(packageDirectory, 'bench', 'one-check.ts'),
      spec,
    ]);
    return Number(stdout.trim());
  };
  const near = await time();
  await lab.slow(1, 400);
  const far = await time();
  await lab.slow(1, 0);
  return (far - near) / 400;
}

try {
  await measureAll();
  console.log(`\n${formatVerdicts(verdicts)}`);
} finally {
  await bench.end();
}

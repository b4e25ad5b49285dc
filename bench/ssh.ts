/**
 * `fleet exec` on 100 addresses beside Ansible's `command`, clush and ssh, all with the same key
 * exchange; `fleet status --live` of 16 hosts through their
 * agents. `node bench/ssh.ts`; all in one run, by turns.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { peerHosts, startLabFleet } from './lab-fleet.ts';
import {
  byTurns,
  type Cost,
  formatCosts,
  formatVerdicts,
  loadNote,
  type Verdict,
} from './measure.ts';
import { Ansible, clush, type PeerHost, sshFanOut } from './peers.ts';

const addressCount = 100;
const hostCount = Number(process.argv[2] ?? 16);
const rounds = 5;

/**
 * One lab host answers on all of them. Without PAM meanwhile: its session of systemd and its
 * message of the day take a third of a login, which a hundred
 * hosts would spend side by side, and here all contestants would wait for it in one queue.
 */
const addresses: readonly PeerHost[] = Array.from({ length: addressCount }, (_, index) => ({
  name: `many-${index + 1}`,
  address: `10.78.0.${index + 1}`,
}));

const bench = await startLabFleet(
  hostCount,
  (lab) => `version: 1
fleet: bench
concurrency: ${addressCount}
vault: { path: vault, key: file:vault.key }
ssh: { user: root, identity_files: [${lab.keyFile}], known_hosts: known_hosts, connect_timeout: 60s }
telegram: { api_id: 4711, api_hash: env:TELEGRAM_API_HASH }
hold: { require_clock_sync: false }
defaults: { profile: minimal }
hosts:
${lab.hosts.map(({ name, address }) => `  ${name}: { address: ${address} }`).join('\n')}
${addresses.map(({ name, address }) => `  ${name}: { address: ${address} }`).join('\n')}
`,
);
const { lab, settings: own } = bench;
const settings = { ...own, knownHostsFile: join(own.directory, 'known_hosts') };
const ansible = new Ansible(settings);
const verdicts: Verdict[] = [];

const manyConfig = '/etc/ssh/sshd_config.d/many.conf';

async function giveAddresses(): Promise<void> {
  const list = addresses.map(({ address }) => `ip addr add ${address}/32 dev lo`).join('; ');
  await lab.ssh(
    1,
    `${list}; printf 'MaxStartups 1000\\nUsePAM no\\n' >${manyConfig}; systemctl restart ssh`,
  );
  await lab.exec(['ip', 'route', 'add', '10.78.0.0/24', 'via', lab.hosts[0]?.address ?? '']);
  const lines = [
    `10.78.0.* ${lab.hosts[0]?.hostKey}`,
    ...lab.hosts.map(({ hostKeyLine }) => hostKeyLine),
  ];
  await writeFile(settings.knownHostsFile, `${lines.join('\n')}\n`);
}

/** A run counts only when every address answered. */
const answeredBy = async (
  run: Promise<{ readonly stdout: string } & Cost>,
  count: number,
): Promise<Cost> => {
  const { stdout, ...cost } = await run;
  const answers = stdout.match(/load average/g)?.length ?? 0;
  if (answers !== count)
    throw new Error(`${answers} of ${count} answered:\n${stdout.slice(-1000)}`);
  return cost;
};

async function compareExec(): Promise<void> {
  const costs = await byTurns(
    {
      'fleet exec': () => answeredBy(bench.fleet(['exec', 'many-*', '--', 'uptime']), addressCount),
      clush: () => answeredBy(bench.inside(clush(settings, addresses, 'uptime')), addressCount),
      ssh: () => answeredBy(bench.inside(sshFanOut(settings, addresses, 'uptime')), addressCount),
      'ansible command': async () => {
        const cost = await answeredBy(
          bench.inside(await ansible.command(addresses, 'uptime')),
          addressCount,
        );
        await ansible.disconnect();
        return cost;
      },
    },
    { 'fleet exec': rounds, clush: rounds, ssh: rounds, 'ansible command': 2 },
  );
  console.log(
    `\nuptime on ${addressCount} addresses, curve25519 for all, ` +
      `${loadNote()}\n${formatCosts(costs)}`,
  );
  const ours = costs['fleet exec'];
  verdicts.push(
    {
      what: 'exec: times faster than Ansible command',
      figure: costs['ansible command'].wallS / ours.wallS,
      target: 6,
      unit: 'x',
      is: 'least',
    },
    {
      what: 'exec: time of clush, in fleet’s',
      figure: costs.clush.wallS / ours.wallS,
      target: 1,
      unit: 'x',
      is: 'least',
    },
    {
      what: 'exec: CPU here of ssh, in fleet’s',
      figure: costs.ssh.cpuS / ours.cpuS,
      target: 1,
      unit: 'x',
      is: 'least',
    },
  );
}

async function compareStatus(): Promise<void> {
  await lab.ssh(1, `rm ${manyConfig}; systemctl restart ssh`);
  const names = peerHosts(lab, hostCount).map(({ name }) => name);
  await bench.fleet(['init', '--yes', '--limit', names.join(',')]);
  const live = await byTurns(
    { 'fleet status --live': () => bench.fleet(['status', '--live', '--limit', names.join(',')]) },
    { 'fleet status --live': rounds },
  );
  console.log(
    `\nstatus of ${hostCount} hosts through their agents, ${loadNote()}\n${formatCosts(live)}`,
  );
  verdicts.push({
    what: `status --live of ${hostCount} hosts`,
    figure: live['fleet status --live'].wallS,
    target: 1.5,
    unit: 's',
    is: 'most',
  });
}

try {
  await giveAddresses();
  await compareExec();
  await compareStatus();
  console.log(`\n${formatVerdicts(verdicts)}`);
} finally {
  await bench.end();
}

/**
 * Changes that cut the way in, as an operator makes them: in a profile beside the inventory. The
 * host takes each back by itself, is reached again
 * within 60 s, and the command does not end with 0.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSshContext } from '../../../src/remote/config/ssh-context.ts';
import { createSshRemote } from '../../../src/remote/ssh/ssh-remote.ts';
import { runInit } from '../../../src/workflows/init/init.ts';
import { loadInitMaterials } from '../../../src/workflows/init/init-materials.ts';
import { planInit } from '../../../src/workflows/init/init-plan.ts';
import { makeOperator, type Operator } from '../../e2e/operator.ts';
import { connectLab, type Lab } from '../../lab/lab.ts';
import { useProfile } from '../../steps/own-profile.ts';
import { hold, hostSpec, packageDirectory } from './init-fixture.ts';

const index = 2;
const within = 60_000;
let lab: Lab;
let operator: Operator;
const told: string[] = [];

beforeAll(async () => {
  lab = await connectLab();
  await lab.wipe(index);
  operator = await makeOperator({ lab, hosts: [index] });
  await operator.fleet(['hosts', 'trust', '--yes']);
});
afterAll(async () => {
  console.log(
    `What fleet init says when a change would lock the operator out:\n${told.join('\n')}`,
  );
  await operator?.remove();
  await lab.wipe(index);
});

const onHost = async (command: string): Promise<string> =>
  (await lab.ssh(index, command)).stdout.trim();
const traces = (): Promise<string> =>
  onHost(
    'find /etc/ssh /etc/sudoers* /etc/nftables* /etc/sysctl.d /etc/systemd/system -type f ' +
      '-exec sha256sum {} +; systemctl is-enabled nftables',
  );

/**
 * Runs init with that profile, and meanwhile measures the longest time in which an operator could
 * not log in and become root.
 */
async function initAndWatch(
  profile: string,
  files: Readonly<Record<string, string>>,
  step: string,
) {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(operator.directory, path)), { recursive: true });
    await writeFile(join(operator.directory, path), text);
  }
  await useProfile(operator, profile);
  let ended = false;
  let lastSeen = Date.now();
  let longestMs = 0;
  const watch = async (): Promise<void> => {
    const began = Date.now();
    while (!ended || Date.now() - lastSeen > 2000) {
      const { code } = await lab.ssh(index, 'sudo -n true', { user: 'ubuntu' });
      const now = Date.now();
      longestMs = Math.max(longestMs, now - lastSeen);
      if (code === 0) lastSeen = now;
      if (now - began > 5 * within) return;
      await sleep(500);
    }
  };
  const watching = watch();
  const result = await operator.fleet(['init', '--yes', '--only', step]);
  ended = true;
  await watching;
  told.push(
    `${step}: exit ${result.code}, out of reach for ${(longestMs / 1000).toFixed(0)} ` +
      `s\n${result.stderr.trim()}`,
  );
  return { ...result, longestMs };
}

describe('the host takes back what locks its operator out', () => {
  it.each([
    [
      'a wrong port of sshd',
      'ssh-port',
      'files: { ssh-port: { title: sshd, restart: ssh.service, files: [{ path: ' +
        '/etc/ssh/sshd_config.d/10-mine.conf, source: files/sshd.conf }] } }',
      { 'files/sshd.conf': 'Port 2222\n' },
      /no fresh SSH connection came through.*refused[\s\S]*taken back/,
    ],
    [
      'a setting that sshd does not know',
      'ssh-port',
      'files: { ssh-port: { title: sshd, restart: ssh.service, files: [{ path: ' +
        '/etc/ssh/sshd_config.d/10-mine.conf, source: files/sshd.conf }] } }',
      { 'files/sshd.conf': 'Prot 2222\n' },
      /sshd refuses .*10-mine.conf[\s\S]*Prot[\s\S]*taken back/,
    ],
    [
      'sudoers with a mistake',
      'rights',
      'files: { rights: { title: sudo, files: [{ path: /etc/sudoers.d/mine, source: ' +
        'files/sudoers }] } }',
      { 'files/sudoers': 'ubuntu ALL=(ALL NOPASSWD: ALL\n' },
      /visudo refuses .*sudoers.d\/mine, nothing was changed/,
    ],
    [
      'sudoers that are sound but let nobody in',
      'rights',
      'files: { rights: { title: sudo, files: [{ path: /etc/sudoers.d/zz-mine, source: ' +
        'files/sudoers }] } }',
      { 'files/sudoers': 'ubuntu ALL=(ALL:ALL) PASSWD: ALL\n' },
      /no fresh SSH connection came through.*sudo[\s\S]*taken back/,
    ],
    [
      'a firewall that drops everything',
      'firewall-rules',
      `packages: [nftables]
services: [nftables.service]
files: { firewall-rules: { title: rules, restart: nftables.service, files: [{ path: /etc/nftables.conf, source: files/nftables.conf }] } }`,
      {
        'files/nftables.conf':
          'flush ruleset\ntable inet mine {\n  chain in {\n    type filter hook input ' +
          'priority 0; policy drop;\n  }\n}\n',
      },
      /connection broke with the change in place[\s\S]*takes the change back by itself/,
    ],
  ])('%s', async (_what, step, data, files, message) => {
    if (step === 'firewall-rules')
      await lab.ssh(index, 'apt-get install -qq nftables', { timeoutMs: 120_000 });
    const before = await traces();
    const result = await initAndWatch(
      `description: mine\nextends: minimal\n${data}\n`,
      files,
      step,
    );
    expect(result.code).toBe(3);
    expect(result.stderr).toMatch(message);
    expect(result.longestMs).toBeLessThan(within);
    await expect.poll(traces, { timeout: within, interval: 1000 }).toBe(before);
    expect(
      await onHost('ls -d /var/lib/fleet/init/guard /etc/systemd/system/fleet-revert* 2>/dev/null'),
    ).toBe('');
  });

  it('also when it loses power before the change is confirmed', async () => {
    const setting =
      'cat /proc/sys/net/ipv4/tcp_fin_timeout; ls /etc/sysctl.d/90-fleet.conf 2>/dev/null';
    const before = await onHost(setting);
    await useProfile(
      operator,
      'description: mine\nextends: minimal\nsysctl: { net.ipv4.tcp_fin_timeout: 31 }\n',
    );
    const at = lab.hosts[index - 1];
    const host = hostSpec('h2', {
      profile: 'mine',
      ssh: {
        address: at?.address ?? '',
        identityFiles: [lab.keyFile],
        hostKeys: [at?.fingerprint ?? ''],
      },
    });
    const none = {
      homeDirectory: '/nonexistent',
      localUser: 'test',
      agentSocket: null,
      configFiles: [],
      readSecret: async () => '',
    };
    const context = createSshContext({ ...none, knownHosts: lab.knownHostsFile });
    const own = { ownDirectory: operator.directory, profiles: ['mine'], runtimeMirror: null };
    const materials = await loadInitMaterials({ root: packageDirectory, ...own });
    const options = { check: false, diff: false, upgrade: false, only: ['sysctl'], skip: [] };
    const remote = createSshRemote(host, context);
    const [outcome] = await runInit(
      planInit({ fleet: 'test', hold, hosts: [host] }, materials, options),
      {
        remoteFor: () => remote,
        freshRemote: () => {
          const fresh = createSshRemote(
            { ...host, ssh: { ...host.ssh, connectTimeoutMs: 1000 } },
            context,
          );
          const run = fresh.run.bind(fresh);
          fresh.run = async (command) => {
            await lab.kill(index);
            return run(command);
          };
          return fresh;
        },
        openBlob: materials.openBlob,
        onEvent: () => {},
        concurrency: 1,
      },
    );
    await remote.close();
    expect(outcome?.error?.message).toContain(
      'sysctl: the connection broke with the change in place',
    );
    await lab.start(index);
    expect(
      await onHost('systemctl is-active fleet-revert.timer; ls /etc/sysctl.d/90-fleet.conf'),
    ).toBe('active\n/etc/sysctl.d/90-fleet.conf');
    // What the timer will do in less than a minute, now.
    await onHost('systemctl start fleet-revert.service');
    expect(await onHost(setting)).toBe(before);
    const again = await operator.fleet(['init', '--yes', '--only', 'sysctl']);
    expect(again.code).toBe(0);
    expect(
      await onHost(
        'cat /proc/sys/net/ipv4/tcp_fin_timeout; ls -d /var/lib/fleet/init/guard ' +
          '/etc/systemd/system/fleet-revert*',
      ),
    ).toBe('31');
  });
});

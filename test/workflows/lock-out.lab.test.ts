/**
 * Changes that cut the way in, as an operator makes them: in a profile beside the inventory. The host takes each back by itself, is reached again
 * within 60 s, and the command does not end with 0.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeOperator, type Operator } from '../e2e/operator.ts';
import { connectLab, type Lab } from '../lab/lab.ts';
import { useProfile } from './own-profile.ts';

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
  console.log(`What fleet init says when a change would lock the operator out:\n${told.join('\n')}`);
  await operator?.remove();
  await lab.wipe(index);
});

const onHost = async (command: string): Promise<string> => (await lab.ssh(index, command)).stdout.trim();
const traces = (): Promise<string> =>
  onHost(
    'find /etc/ssh /etc/sudoers* /etc/nftables* /etc/sysctl.d /etc/systemd/system -type f -exec sha256sum {} +; systemctl is-enabled nftables',
  );

/** Runs init with that profile, and meanwhile measures the longest time in which an operator could not log in and become root. */
async function initAndWatch(profile: string, files: Readonly<Record<string, string>>, step: string) {
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
  told.push(`${step}: exit ${result.code}, out of reach for ${(longestMs / 1000).toFixed(0)} s\n${result.stderr.trim()}`);
  return { ...result, longestMs };
}

describe('the host takes back what locks its operator out', () => {
  it.each([
    [
      'a wrong port of sshd',
      'ssh-port',
      `files: { ssh-port: { title: sshd, restart: ssh.service, files: [{ path: /etc/ssh/sshd_config.d/10-mine.conf, source: files/sshd.conf }] } }`,
      { 'files/sshd.conf': 'Port 2222\n' },
      /no fresh SSH connection came through.*refused[^]*taken back/,
    ],
    [
      'a setting that sshd does not know',
      'ssh-port',
      `files: { ssh-port: { title: sshd, restart: ssh.service, files: [{ path: /etc/ssh/sshd_config.d/10-mine.conf, source: files/sshd.conf }] } }`,
      { 'files/sshd.conf': 'Prot 2222\n' },
      /sshd refuses .*10-mine.conf[^]*Prot[^]*taken back/,
    ],
    [
      'sudoers with a mistake',
      'rights',
      `files: { rights: { title: sudo, files: [{ path: /etc/sudoers.d/mine, source: files/sudoers }] } }`,
      { 'files/sudoers': 'ubuntu ALL=(ALL NOPASSWD: ALL\n' },
      /visudo refuses .*sudoers.d\/mine, nothing was changed/,
    ],
    [
      'sudoers that are sound but let nobody in',
      'rights',
      `files: { rights: { title: sudo, files: [{ path: /etc/sudoers.d/zz-mine, source: files/sudoers }] } }`,
      { 'files/sudoers': 'ubuntu ALL=(ALL:ALL) PASSWD: ALL\n' },
      /no fresh SSH connection came through.*sudo[^]*taken back/,
    ],
    [
      'a firewall that drops everything',
      'firewall-rules',
      `packages: [nftables]
services: [nftables.service]
files: { firewall-rules: { title: rules, restart: nftables.service, files: [{ path: /etc/nftables.conf, source: files/nftables.conf }] } }`,
      { 'files/nftables.conf': 'flush ruleset\ntable inet mine { chain in { type filter hook input priority 0; policy drop; } }\n' },
      /connection broke with the change in place[^]*takes the change back by itself/,
    ],
  ])('%s', async (_what, step, data, files, message) => {
    if (step === 'firewall-rules') await lab.ssh(index, 'apt-get install -qq nftables', { timeoutMs: 120_000 });
    const before = await traces();
    const result = await initAndWatch(`description: mine\nextends: minimal\n${data}\n`, files, step);
    expect(result.code).toBe(3);
    expect(result.stderr).toMatch(message);
    expect(result.longestMs).toBeLessThan(within);
    await expect.poll(traces, { timeout: within, interval: 1000 }).toBe(before);
    expect(await onHost('ls -d /var/lib/fleet/init/guard /etc/systemd/system/fleet-revert* 2>/dev/null')).toBe('');
  });
});

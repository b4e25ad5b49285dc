import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FleetError } from '../../src/model/errors.ts';
import { isGuarded, isGuardedUnit } from '../../src/steps/guard.ts';
import { extendProfile, parseProfile } from '../../src/steps/profile.ts';

const templates = join(import.meta.dirname, '..', '..', 'templates');

describe('profiles', () => {
  it.each(readdirSync(join(templates, 'profiles')))('%s is sound and its sources exist', (file) => {
    const profile = parseProfile(file, readFileSync(join(templates, 'profiles', file), 'utf8'));
    for (const { files } of Object.values(profile.files)) {
      for (const { source } of files)
        expect(readFileSync(join(templates, source), 'utf8')).toMatch(/\n$/);
    }
  });

  it('the account host has the packages, limits and settings that accounts need', () => {
    const profile = parseProfile(
      'account-host',
      readFileSync(join(templates, 'profiles', 'account-host.yaml'), 'utf8'),
    );
    expect(profile.packages).toEqual(
      expect.arrayContaining([
        'curl',
        'wget',
        'git',
        'vim',
        'htop',
        'net-tools',
        'ufw',
        'fail2ban',
        'python3-systemd',
      ]),
    );
    expect(profile.limits).toEqual({ nofile: 65535, nproc: 65535 });
    expect(profile.sysctl).toEqual({
      'net.core.somaxconn': '65535',
      'net.ipv4.tcp_max_syn_backlog': '65535',
      'net.ipv4.ip_local_port_range': '1024 65535',
      'net.ipv4.tcp_tw_reuse': '1',
      'net.ipv4.tcp_fin_timeout': '30',
      'vm.swappiness': '10',
      'vm.overcommit_memory': '1',
    });
    expect(profile.services).toContain('fail2ban.service');
    expect(profile.firewall).toBe(true);
  });

  it.each([
    ['description: x\npackges: [a]\n', 'packges'],
    ['description: x\npackages: ["a; rm -rf /"]\n', 'packages.0'],
    ['description: x\nservices: ["a b"]\n', 'services.0'],
    [
      'description: x\nfiles: {a: {title: t, files: [{path: etc/x, source: y}]}}\n',
      'files.a.files.0.path',
    ],
    [
      'description: x\nfiles: {a: {title: t, files: [{path: /etc/x, source: ../../y}]}}\n',
      'files.a.files.0.source',
    ],
    ['description: x\nsysctl: {"a;b": 1}\n', 'sysctl.a;b'],
    [
      'description: x\nfiles: {a: {title: t, files: [{path: /etc/../etc/x, source: y}]}}\n',
      'files.a.files.0.path',
    ],
    [
      'description: x\nfiles: {a: {title: t, files: [{path: /etc/sudoers.d/a.conf, source: y}]}}\n',
      'sudo ignores',
    ],
    ['description: x\nextends: ../x\n', 'extends'],
    ['description: x\nusers: [{name: root}]\n', 'neither root nor _fleet'],
    ['description: x\nusers: [{name: "a b"}]\n', 'users.0.name'],
    ['description: x\nunits: [{source: units/ssh.service}]\n', 'belong into files'],
    ['description: x\nunits: [{source: units/fleet-agent.service}]\n', 'of your own'],
    ['description: x\nunits: [{source: units/readme.txt}]\n', 'units.0.source'],
    ['description: x\nchecks: {a: {run: "true"}}\n', 'checks.a.hint'],
  ])('%j is refused at %s', (text, place) => {
    expect(() => parseProfile('mine', text)).toThrow(FleetError);
    try {
      parseProfile('mine', text);
    } catch (error) {
      expect((error as FleetError).code).toBe('inventory');
      expect((error as FleetError).problems.join('\n')).toContain(place);
    }
  });

  it('text that is no YAML is refused with the name of the profile', () => {
    expect(() => parseProfile('mine', 'a: [')).toThrow(/profile mine/);
  });

  it('build on others: lists are joined, entries of the same name and settings are the own ones', () => {
    const base = parseProfile(
      'base',
      'description: b\npackages: [curl, vim]\nsysctl: { a.b: 1, c.d: 2 }\nfirewall: ' +
        'true\ntimeZone: false\n',
    );
    const own = parseProfile(
      'own',
      'description: o\nextends: base\npackages: [vim, nginx]\nsysctl: { c.d: 3 }\ntimeZone: true\n',
    );
    expect(extendProfile(base, own)).toMatchObject({
      description: 'o',
      packages: ['curl', 'vim', 'nginx'],
      sysctl: { 'a.b': '1', 'c.d': '3' },
      firewall: true,
      timeZone: true,
    });
  });
});

describe('what can cut the way in', () => {
  const group = (path: string, restart: string | null = null) => ({
    id: 'x',
    title: 'x',
    restart,
    files: [{ path, text: '', mode: '644', owner: 'root:root' }],
  });
  it.each([
    ['/etc/ssh/sshd_config.d/10-mine.conf', null, true],
    ['/etc/sudoers.d/mine', null, true],
    ['/etc/ufw/user.rules', 'ufw.service', true],
    ['/etc/netplan/50-mine.yaml', null, true],
    ['/etc/sysctl.d/50-mine.conf', null, true],
    ['/home/deploy/.ssh/authorized_keys', null, true],
    ['/etc/mine/rules', 'nftables.service', true],
    ['/etc/logrotate.d/mine', null, false],
    ['/etc/nginx/nginx.conf', 'nginx.service', false],
  ])('%s read by %s: %s', (path, restart, expected) =>
    expect(isGuarded(group(path, restart))).toBe(expected),
  );
  it('units that start a firewall or the network', () =>
    expect(
      ['nftables.service', 'ssh.socket', 'systemd-networkd.service', 'fail2ban.service'].map(
        isGuardedUnit,
      ),
    ).toEqual([true, true, true, false]));
});

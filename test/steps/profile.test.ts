import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FleetError } from '../../src/model/errors.ts';
import { parseProfile } from '../../src/steps/profile.ts';

const templates = join(import.meta.dirname, '..', '..', 'templates');

describe('profiles', () => {
  it.each(readdirSync(join(templates, 'profiles')))('%s is sound and its sources exist', (file) => {
    const profile = parseProfile(file, readFileSync(join(templates, 'profiles', file), 'utf8'));
    for (const { files } of Object.values(profile.files)) {
      for (const { source } of files) expect(readFileSync(join(templates, source), 'utf8')).toMatch(/\n$/);
    }
  });

  it('the account host has what requirement A3 asks for', () => {
    const profile = parseProfile('account-host', readFileSync(join(templates, 'profiles', 'account-host.yaml'), 'utf8'));
    expect(profile.packages).toEqual(
      expect.arrayContaining(['curl', 'wget', 'git', 'vim', 'htop', 'net-tools', 'ufw', 'fail2ban', 'python3-systemd']),
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
    ['description: x\nfiles: {a: {title: t, files: [{path: etc/x, source: y}]}}\n', 'files.a.files.0.path'],
    ['description: x\nfiles: {a: {title: t, files: [{path: /etc/x, source: ../../y}]}}\n', 'files.a.files.0.source'],
    ['description: x\nsysctl: {"a;b": 1}\n', 'sysctl.a;b'],
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
});

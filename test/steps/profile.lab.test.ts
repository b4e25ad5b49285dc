/**
 * A profile of one's own with users, units and checks: made once, left alone, changed by changing
 * the file, and gone after `fleet uninstall`.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeOperator, type Operator } from '../e2e/operator.ts';
import { connectLab, type Lab } from '../lab/lab.ts';
import { useProfile } from './own-profile.ts';

const index = 3;
let lab: Lab;
let operator: Operator;

const profile = `description: mine
extends: minimal
users:
  - { name: deploy, groups: [adm, www-data] }
  - { name: reporter, system: true, shell: /usr/sbin/nologin }
  - { name: ubuntu, groups: [adm] }
units:
  - { source: units/mine.service }
  - { source: units/mine@.service }
checks:
  answer: { title: my service answers, run: "grep -q 42 /run/mine", hint: see journalctl -u mine }
  swap: { run: "echo no swap here; false", hint: make some, warn: true }
`;
const unit = (answer: number): string =>
  `[Unit]\nDescription=mine\n[Service]\nExecStartPre=/bin/sh -c 'echo ${answer} ` +
  `>/run/mine'\nExecStart=/bin/sleep 1d\n[Install]\nWantedBy=multi-user.target\n`;

const onHost = async (command: string): Promise<string> =>
  (await lab.ssh(index, command)).stdout.trim();

beforeAll(async () => {
  lab = await connectLab();
  await lab.wipe(index);
  operator = await makeOperator({ lab, hosts: [index] });
  await mkdir(join(operator.directory, 'units'));
  await writeFile(join(operator.directory, 'units', 'mine.service'), unit(42));
  await writeFile(
    join(operator.directory, 'units', 'mine@.service'),
    '[Service]\nExecStart=/bin/sleep %i\n',
  );
  await useProfile(operator, profile);
  await operator.fleet(['hosts', 'trust', '--yes']);
});
afterAll(async () => {
  await operator?.remove();
  await lab.wipe(index);
});

describe('a profile with users, units and checks', () => {
  it('names its steps, and --only takes what it names', async () => {
    const { stdout } = await operator.fleet(['init', '--list-steps']);
    for (const step of ['users', 'own-units', 'services', 'checks']) expect(stdout).toContain(step);
    const { code } = await operator.fleet(['init', '--yes', '--only', 'users']);
    expect(code).toBe(0);
    expect(
      await onHost(
        'id -nG deploy; id -nG ubuntu; getent passwd reporter | cut -d: -f7; ls ' +
          '/etc/systemd/system/mine.service 2>/dev/null',
      ),
    ).toBe('deploy adm www-data\nubuntu adm sudo\n/usr/sbin/nologin');
  });

  it('a check that cannot hold yet is no failure of --check', async () => {
    const { code, stdout } = await operator.fleet([
      'init',
      '--check',
      '--only',
      'own-units,services,checks',
    ]);
    expect(code).toBe(4);
    expect(stdout).toContain('create /etc/systemd/system/mine.service');
  });

  it('the rest follows, --skip leaves out what it names, and the second time nothing is to do', async () => {
    const { code, stdout } = await operator.fleet(['init', '--yes', '--skip', 'users']);
    expect(code).toBe(0);
    expect(stdout).toContain('warning checks: swap: no swap here (make some)');
    expect(
      await onHost(
        'cat /run/mine; systemctl is-enabled mine; ls /etc/systemd/system/mine@.service',
      ),
    ).toBe('42\nenabled\n/etc/systemd/system/mine@.service');
    expect((await operator.fleet(['init', '--check'])).code).toBe(0);
  });

  it('progress is lines with times, or JSON lines with --events', async () => {
    const plain = await operator.fleet(['init', '--check']);
    expect(plain.stderr).toMatch(
      new RegExp(`^\\d\\d:\\d\\d:\\d\\d h${index}: ready, nothing to do$`, 'm'),
    );
    const { stdout, stderr } = await operator.fleet(['init', '--check', '--json', '--events']);
    expect(JSON.parse(stdout)).toMatchObject({ version: 1, command: 'init', ok: true });
    const events = stderr
      .trim()
      .split('\n')
      .map((line): unknown => JSON.parse(line));
    expect(events.at(-1)).toMatchObject({
      version: 1,
      kind: 'host',
      host: `h${index}`,
      text: 'ready, nothing to do',
      status: 'done',
    });
  });

  it('a changed unit is read anew and restarted; the check that no longer holds says so with its hint', async () => {
    await writeFile(join(operator.directory, 'units', 'mine.service'), unit(41));
    const { code, stderr } = await operator.fleet(['init', '--yes']);
    expect(code).toBe(3);
    expect(stderr).toMatch(/checks: my service answers: exit code 1[\s\S]*see journalctl -u mine/);
    expect(await onHost('cat /run/mine')).toBe('41');
  });

  it('uninstall takes back users, groups and units', async () => {
    const { code } = await operator.fleet(['uninstall', `h${index}`, '--yes']);
    expect(code).toBe(0);
    expect(
      await onHost(
        'getent passwd deploy reporter; id -nG ubuntu; systemctl is-active mine; ls -d ' +
          '/etc/systemd/system/mine*',
      ),
    ).toBe('ubuntu sudo\ninactive');
  });
});

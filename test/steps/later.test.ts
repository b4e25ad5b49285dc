/** Settings of fleet's that another file takes back at the next boot. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runLibrary, scratch } from './run-library.ts';

type Files = Readonly<Record<string, string>>;
async function warnings(script: string, files: Files): Promise<string> {
  const root = scratch();
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(root + path), { recursive: true });
    writeFileSync(root + path, text);
  }
  const run = await runLibrary(
    `ROOT_=${root}; ${script}; for w in \${W[@]+"\${W[@]}"}; do printf '%s\\n' "$w" >&3; done`,
    root,
  );
  expect(run.stderr).toBe('');
  return run.stdout.trim();
}

describe('kernel settings', () => {
  const ours =
    'SYSCTL[net.core.somaxconn]=65535; read_later_sysctls /etc/sysctl.d/90-fleet.conf; for k ' +
    `in "\${!WINS[@]}"; do wins "$k" "\${WINS[$k]}" ours; done`;
  it.each<[string, Files, RegExp]>([
    [
      '/etc/sysctl.conf by its link',
      { '/etc/sysctl.d/99-sysctl.conf': '# old\nnet.core.somaxconn=1024\n' },
      /net\.core\.somaxconn = 1024 in \/etc\/sysctl\.d\/99-sysctl\.conf:2 wins over ours/,
    ],
    [
      'another spelling',
      { '/etc/sysctl.d/99-x.conf': '-net/core/somaxconn  =  128' },
      /= 128 in .*99-x\.conf:1/,
    ],
    [
      'a pattern',
      { '/run/sysctl.d/95-x.conf': 'net.core.*max* = 5\nnet.core.somax* = 7\n' },
      /= [57] in \/run\/sysctl\.d\/95-x/,
    ],
    ['the same value', { '/etc/sysctl.d/99-x.conf': 'net.core.somaxconn = 65535' }, /^$/],
    ['a file that is read before', { '/etc/sysctl.d/10-x.conf': 'net.core.somaxconn = 1' }, /^$/],
    [
      'a file that another of its name hides',
      { '/etc/sysctl.d/99-x.conf': '', '/usr/lib/sysctl.d/99-x.conf': 'net.core.somaxconn = 1' },
      /^$/,
    ],
    [
      'what was said last',
      {
        '/etc/sysctl.d/98-x.conf': 'net.core.somaxconn = 1',
        '/usr/lib/sysctl.d/99-y.conf': 'net.core.somaxconn = 65535',
      },
      /^$/,
    ],
  ])('%s', async (_name, files, said) => expect(await warnings(ours, files)).toMatch(said));
});

describe('limits, drop-ins and jails', () => {
  const journal =
    `F_TEXT[/etc/systemd/journald.conf.d/50-fleet.conf]=$'[Journal]\\nSystemMaxUse=200M\\n'; ` +
    'want_last_word /etc/systemd/journald.conf.d/50-fleet.conf';
  const jail = 'want_last_word /etc/fail2ban/jail.d/50-fleet.conf';
  const limits = 'want_last_limits /etc/security/limits.d/90-fleet.conf nofile 65535';
  it.each<[string, string, Files, RegExp]>([
    [
      'a later drop-in',
      journal,
      { '/etc/systemd/journald.conf.d/60-x.conf': '[Journal]\nSystemMaxUse=4G\n' },
      /SystemMaxUse = 4G in .*60-x\.conf:2/,
    ],
    [
      'one of the package',
      journal,
      { '/usr/lib/systemd/journald.conf.d/90-x.conf': 'SystemMaxUse=4G' },
      /4G in \/usr\/lib/,
    ],
    [
      'an earlier drop-in',
      journal,
      { '/etc/systemd/journald.conf.d/10-x.conf': 'SystemMaxUse=4G' },
      /^$/,
    ],
    [
      'jail.local switches it off',
      jail,
      { '/etc/fail2ban/jail.local': '[DEFAULT]\nenabled = false\n[sshd]\nenabled = false\n' },
      /does not look after SSH here: enabled = false in \/etc\/fail2ban\/jail\.local:4/,
    ],
    [
      'jail.local of another jail',
      jail,
      { '/etc/fail2ban/jail.local': '[nginx-http-auth]\nenabled = false\n[sshd]\nmaxretry = 3\n' },
      /^$/,
    ],
    [
      'limits',
      limits,
      { '/etc/security/limits.d/95-x.conf': '# *\n* - nofile 1024\n' },
      /nofile = 1024 in .*95-x\.conf:2/,
    ],
    [
      'limits of a group',
      limits,
      { '/etc/security/limits.d/95-x.conf': '@dev soft nofile 1024\n* hard nproc 5\n' },
      /^$/,
    ],
  ])('%s', async (_name, script, files, said) =>
    expect(await warnings(script, files)).toMatch(said),
  );
});

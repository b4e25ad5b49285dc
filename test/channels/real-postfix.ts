import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/**
 * Debian's postfix with a configuration, a queue and mailboxes of its own, on 127.0.0.1: STARTTLS,
 * users of SASL, one address that is greylisted.
 */
export interface RealPostfix {
  readonly port: number;
  /** The authority of its certificate, PEM. */
  readonly authority: string;
  /** Mails that lie in the mailbox of ops@fleet.test. */
  readonly mails: () => readonly string[];
  /** From now on there is no room in its queue. */
  readonly fill: () => void;
}

export const postfixUser = { name: 'fleet', password: 'a-long-password-of-mail' } as const;

const run = (program: string, args: readonly string[], input?: string): string =>
  execFileSync(program, args, {
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(input === undefined ? {} : { input }),
  });

const masterOf = (port: number): string => `
127.0.0.1:${port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
virtual unix - n n - - virtual
postlog unix-dgram n - n - 1 postlogd
`;

const mainOf = (folder: string, uid: number, gid: number): string => `
compatibility_level = 3.6
queue_directory = ${folder}/queue
data_directory = ${folder}/data
maillog_file = ${folder}/log
maillog_file_prefixes = ${folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.fleet.test
mydestination =
mynetworks =
smtpd_tls_cert_file = ${folder}/cert.pem
smtpd_tls_key_file = ${folder}/key.pem
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_local_domain = mail.fleet.test
cyrus_sasl_config_path = ${folder}/sasl
smtpd_client_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = check_recipient_access inline:{ { grey@fleet.test = 451 4.7.1 Greylisted, please try again later } }, permit_sasl_authenticated, reject
virtual_mailbox_domains = fleet.test
virtual_mailbox_base = ${folder}/mail
virtual_mailbox_maps = inline:{ { ops@fleet.test = ops/ }, { grey@fleet.test = grey/ } }
virtual_uid_maps = static:${uid}
virtual_gid_maps = static:${gid}
virtual_minimum_uid = 1
`;

/** Stopped, and its folder removed, when the test has ended. `port`: a free one. */
export function startPostfix(port: number): RealPostfix {
  const folder = mkdtempSync(join(tmpdir(), 'fleet-postfix-'));
  chmodSync(folder, 0o755);
  const [uid, gid] = [Number(run('id', ['-u', 'postfix'])), Number(run('id', ['-g', 'postfix']))];
  for (const name of ['queue', 'data', 'mail', 'sasl'])
    mkdirSync(join(folder, name), { mode: 0o755 });
  for (const name of ['data', 'mail']) chownSync(join(folder, name), uid, gid);
  const certificate = [
    '-x509',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=localhost',
    '-addext',
    'subjectAltName=DNS:localhost',
  ];
  run('openssl', [
    'req',
    ...certificate,
    '-keyout',
    join(folder, 'key.pem'),
    '-out',
    join(folder, 'cert.pem'),
  ]);
  writeFileSync(join(folder, 'main.cf'), mainOf(folder, uid, gid));
  writeFileSync(join(folder, 'master.cf'), masterOf(port));
  const sasl =
    'pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: ' +
    `${folder}/sasldb2\nmech_list: PLAIN LOGIN\n`;
  writeFileSync(join(folder, 'sasl', 'smtpd.conf'), sasl);
  run(
    '/usr/sbin/saslpasswd2',
    ['-f', join(folder, 'sasldb2'), '-c', '-p', '-u', 'mail.fleet.test', postfixUser.name],
    postfixUser.password,
  );
  chownSync(join(folder, 'sasldb2'), uid, gid);
  // Its master puts itself into the background, and holds what it inherits.
  const postfix = (act: string): void =>
    void execFileSync('/usr/sbin/postfix', ['-c', folder, act], { stdio: 'ignore' });
  postfix('start');
  onTestFinished(() => {
    postfix('stop');
    rmSync(folder, { recursive: true, force: true });
  });
  const box = join(folder, 'mail', 'ops', 'new');
  return {
    port,
    authority: readFileSync(join(folder, 'cert.pem'), 'utf8'),
    mails: () => {
      try {
        return readdirSync(box).map((name) => readFileSync(join(box, name), 'utf8'));
      } catch {
        return [];
      }
    },
    fill: () => {
      run('/usr/sbin/postconf', ['-c', folder, '-e', 'queue_minfree = 900000000000000']);
      postfix('reload');
    },
  };
}

import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand, tryCommand } from '../test/lab/run-command.ts';

/** Installs Debian's packages of the tools that fleet is compared with, where they are missing. */
export async function installPeers(): Promise<void> {
  const peers = [
    ['/usr/bin/ansible-playbook', 'ansible'],
    ['/usr/bin/clush', 'clustershell'],
  ] as const;
  const missing = peers.filter(([program]) => !existsSync(program)).map(([, name]) => name);
  if (missing.length === 0) return;
  console.log(`installing ${missing.join(' and ')} ...`);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  await tryCommand(['apt-get', '-q', 'update'], { env, timeoutMs: 300_000 });
  await runCommand(['apt-get', '-q', '-y', '--no-install-recommends', 'install', ...missing], {
    env,
    timeoutMs: 600_000,
  });
}

export interface PeerHost {
  readonly name: string;
  readonly address: string;
}

export interface PeerSettings {
  /** Folder for inventories and sockets. */
  readonly directory: string;
  readonly keyFile: string;
  readonly knownHostsFile: string;
}

/**
 * The same for every tool: the key exchange that fleet uses, no other keys, no connections left
 * from the run before.
 */
export const sshOptions = ({ keyFile, knownHostsFile }: PeerSettings): readonly string[] => [
  '-F',
  'none',
  '-i',
  keyFile,
  ...[
    'IdentitiesOnly=yes',
    'BatchMode=yes',
    'ConnectTimeout=60',
    'LogLevel=ERROR',
    `UserKnownHostsFile=${knownHostsFile}`,
    'KexAlgorithms=curve25519-sha256',
  ].flatMap((option) => ['-o', option]),
];

/**
 * One ssh a host, all at once, as `xargs -P` does it; each runs `command` with `stdinFile` as its
 * input.
 */
export function sshFanOut(
  settings: PeerSettings,
  hosts: readonly PeerHost[],
  command: string,
  stdinFile = '/dev/null',
): string[] {
  const script =
    `for address in ${hosts.map(({ address }) => address).join(' ')}; do ssh ` +
    `${sshOptions(settings).join(' ')} "root@$address" '${command}' <'${stdinFile}' & done; ` +
    'wait';
  return ['bash', '-c', script];
}

export const clush = (
  settings: PeerSettings,
  hosts: readonly PeerHost[],
  command: string,
): string[] => [
  'clush',
  '-q',
  '-f',
  String(hosts.length),
  '-l',
  'root',
  '-o',
  sshOptions(settings).join(' '),
  '-w',
  hosts.map(({ address }) => address).join(','),
  command,
];

/**
 * Ansible as one sets it up who cares for speed: pipelining, kept connections, as many forks as
 * hosts.
 */
export class Ansible {
  readonly #settings: PeerSettings;

  constructor(settings: PeerSettings) {
    this.#settings = settings;
  }

  playbook(
    hosts: readonly PeerHost[],
    file: string,
    variables: Readonly<Record<string, string>>,
  ): Promise<string[]> {
    return this.#argv(hosts, ['ansible-playbook', file, '-e', JSON.stringify(variables)]);
  }

  command(hosts: readonly PeerHost[], command: string): Promise<string[]> {
    return this.#argv(hosts, ['ansible', 'all', '-m', 'command', '-a', command]);
  }

  /**
   * Ends the connections that are kept, so that the next run begins without any. Not part of what
   * is measured.
   */
  async disconnect(): Promise<void> {
    const folder = join(this.#settings.directory, 'cp');
    for (const name of await readdir(folder)) {
      await tryCommand([
        'ssh',
        '-F',
        'none',
        '-o',
        `ControlPath=${join(folder, name)}`,
        '-O',
        'exit',
        'none',
      ]);
    }
  }

  async #argv(hosts: readonly PeerHost[], argv: readonly string[]): Promise<string[]> {
    const { directory, keyFile, knownHostsFile } = this.#settings;
    await mkdir(join(directory, 'cp'), { recursive: true });
    const inventory = hosts
      .map(({ name, address }) => `${name} ansible_host=${address}`)
      .join('\n');
    await writeFile(
      join(directory, 'hosts.ini'),
      `[all]\n${inventory}\n[all:vars]\nansible_user=root\nansible_ssh_private_key_file=${keyFile}` +
        '\nansible_python_interpreter=/usr/bin/python3\n',
    );
    const sshArgs =
      `-o ControlMaster=auto -o ControlPersist=60s -o UserKnownHostsFile=${knownHostsFile} ` +
      '-o LogLevel=ERROR -o IdentitiesOnly=yes -o KexAlgorithms=curve25519-sha256';
    await writeFile(
      join(directory, 'ansible.cfg'),
      `[defaults]\nforks = ${hosts.length}\ninventory = ${directory}/hosts.ini\nlocal_tmp ` +
        `= ${directory}/tmp\ngathering = implicit\n[ssh_connection]\npipelining = ` +
        `True\ncontrol_path_dir = ${directory}/cp\nssh_args = ${sshArgs}\n`,
    );
    return ['env', `ANSIBLE_CONFIG=${directory}/ansible.cfg`, 'LC_ALL=C.UTF-8', ...argv];
  }
}

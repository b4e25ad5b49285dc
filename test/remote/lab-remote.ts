import type { SshSettings } from '../../src/model/inventory.ts';
import type { HostName } from '../../src/model/names.ts';
import { createSshContext } from '../../src/remote/config/ssh-context.ts';
import type { Remote } from '../../src/remote/remote.ts';
import { createSshRemote } from '../../src/remote/ssh/ssh-remote.ts';
import type { Lab } from '../lab/lab.ts';
import { surroundings } from './sshd.ts';

/** The shipped client for a host of the lab, with the lab's key and known_hosts. */
export function remoteOn(
  lab: Lab,
  index: number,
  user: string,
  settings: Partial<SshSettings> = {},
): Remote {
  const ssh: SshSettings = {
    address: lab.hosts[index - 1]?.address ?? '',
    user,
    port: null,
    identityFiles: [lab.keyFile],
    hostKeys: [],
    password: null,
    passphrase: null,
    sudoPassword: null,
    sudo: 'full',
    initUser: null,
    transport: 'ssh2',
    connectTimeoutMs: 10_000,
    commandTimeoutMs: 20_000,
    ...settings,
  };
  return createSshRemote(
    { name: 'h1' as HostName, ssh },
    createSshContext(surroundings('/nonexistent', lab.knownHostsFile)),
  );
}

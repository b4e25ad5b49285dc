import { spawn } from 'node:child_process';
import { FleetError } from '../../model/errors.ts';
import type { HostSpec, Inventory } from '../../model/inventory.ts';
import type { SshContext } from '../../remote/config/ssh-context.ts';
import type { SshTarget } from '../../remote/config/ssh-target.ts';
import { appendKnownHost, readHostKey } from '../../remote/ssh/trust-host.ts';

/**
 * The arguments with which OpenSSH reaches the same target as fleet does, with the same strict
 * check of its host key. What the ssh config says
 * (the address, jump hosts, an alias) OpenSSH reads itself, for the same destination. Pure.
 */
export function sshArguments(target: SshTarget): string[] {
  const options = ['-o', 'StrictHostKeyChecking=yes'];
  if (target.knownHostsFiles.length > 0)
    options.push(
      '-o',
      `UserKnownHostsFile=${target.knownHostsFiles.map((file) => `"${file}"`).join(' ')}`,
    );
  if (target.identitiesExplicit)
    options.push(...target.identityFiles.flatMap((file) => ['-i', file]));
  if (target.identitiesOnly) options.push('-o', 'IdentitiesOnly=yes');
  return [...options, '-p', String(target.port), '-l', target.user, '--', target.destination];
}

/**
 * Hands the terminal to OpenSSH and returns its exit code. Errors: `usage` where ssh is not
 * installed.
 */
export function openShell(target: SshTarget): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn('ssh', sshArguments(target), { stdio: 'inherit' });
    child.on('error', (cause) =>
      reject(
        new FleetError('usage', 'the program ssh could not be started', {
          hint: 'install the OpenSSH client on this machine',
          cause,
        }),
      ),
    );
    child.on('exit', (code) => resolve(code ?? 255));
  });
}

/**
 * OpenSSH knows nothing of fingerprints in an inventory: a host that is pinned there gets its line
 * in fleet's known_hosts first.
 */
export async function rememberPinnedKey(
  inventory: Inventory,
  ssh: SshContext,
  host: HostSpec,
): Promise<void> {
  if (host.ssh.hostKeys.length === 0) return;
  const { fingerprint, line } = await readHostKey(host, ssh);
  if (host.ssh.hostKeys.includes(fingerprint))
    await appendKnownHost(inventory.paths.knownHosts, line);
}

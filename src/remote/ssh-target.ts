import { join } from 'node:path';
import { FleetError } from '../model/errors.ts';
import type { HostSpec, SecretReference, SshSettings } from '../model/inventory.ts';
import { evaluateSshOptions, type SshConfigLine, type SshOptions } from './ssh-options.ts';

/** How one server is reached, everything decided. Paths absolute. */
export interface SshTarget {
  /** Host in the inventory on whose behalf this is; for messages. */
  readonly host: string;
  /** What known_hosts files the server under, without the port. */
  readonly keyName: string;
  readonly address: string;
  readonly port: number;
  readonly user: string;
  /** 0 both, 4 or 6. */
  readonly family: 0 | 4 | 6;
  readonly identityFiles: readonly string[];
  /** False: `identityFiles` are OpenSSH's defaults, which may be missing. */
  readonly identitiesExplicit: boolean;
  readonly identitiesOnly: boolean;
  readonly agentSocket: string | null;
  readonly knownHostsFiles: readonly string[];
  /** Accepted fingerprints, `SHA256:...`. */
  readonly pins: readonly string[];
  readonly password: SecretReference | null;
  readonly passphrase: SecretReference | null;
  readonly sudoPassword: SecretReference | null;
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
  /** Servers to pass on the way, first one first. */
  readonly jumps: readonly SshTarget[];
  /** What the ssh config asks for and fleet does not do. */
  readonly warnings: readonly string[];
  /** See {@link SshOptions}. */
  readonly unused: readonly string[];
}

/** What the machine contributes: arrives as data so that the decision can be tested. */
export interface SshSurroundings {
  readonly homeDirectory: string;
  readonly localUser: string;
  /** `SSH_AUTH_SOCK`. */
  readonly agentSocket: string | null;
  /** Fleet's own known_hosts file, read besides OpenSSH's. */
  readonly knownHosts: string;
}

const MAX_JUMPS = 8;

/**
 * Decides how a host is reached: inventory, then ssh config, then OpenSSH's defaults. The config is asked for the inventory's
 * address where there is one, else for the host's name: what one would type after `ssh`. Throws `ssh-config` for what cannot work.
 */
export function resolveSshTarget(
  spec: Pick<HostSpec, 'name' | 'ssh'>,
  config: readonly SshConfigLine[],
  around: SshSurroundings,
): SshTarget {
  return resolve(spec.name, spec.ssh.address ?? spec.name, spec.ssh, config, around, 0);
}

function resolve(
  host: string,
  destination: string,
  ssh: SshSettings,
  config: readonly SshConfigLine[],
  around: SshSurroundings,
  depth: number,
): SshTarget {
  const options = evaluateSshOptions(config, destination, ssh.user, around.localUser);
  refuseProxyCommand(host, destination, options);
  const one = (keyword: string) => options.first.get(keyword)?.[0];
  const address = (one('hostname') ?? destination).replaceAll('%h', destination).replaceAll('%%', '%');
  const user = ssh.user ?? one('user') ?? around.localUser;
  const port = ssh.port ?? parsePort(host, one('port') ?? '22');
  const path = (text: string) => expandPath(text, { address, user, around });
  const identities = ssh.identityFiles.length > 0 ? ssh.identityFiles : options.identityFiles.filter((file) => file !== 'none');
  const defaults = ['id_ed25519', 'id_ecdsa', 'id_rsa'].map((name) => join(around.homeDirectory, '.ssh', name));
  const jumps = one('proxyjump');
  return {
    host,
    keyName: one('hostkeyalias') ?? address,
    address,
    port,
    user,
    family: { inet: 4 as const, inet6: 6 as const }[one('addressfamily')?.toLowerCase() ?? ''] ?? 0,
    identityFiles: identities.length > 0 ? identities.map(path) : defaults,
    identitiesExplicit: identities.length > 0,
    identitiesOnly: one('identitiesonly')?.toLowerCase() === 'yes',
    agentSocket: agentSocketOf(one('identityagent'), around, path),
    knownHostsFiles: knownHostsFilesOf(options, around, path),
    pins: ssh.hostKeys,
    password: ssh.password,
    passphrase: ssh.passphrase,
    sudoPassword: ssh.sudoPassword,
    connectTimeoutMs: ssh.connectTimeoutMs,
    commandTimeoutMs: ssh.commandTimeoutMs,
    jumps: jumps === undefined || jumps.toLowerCase() === 'none' ? [] : resolveJumps(host, jumps, ssh, config, around, depth),
    warnings: options.warnings,
    unused: options.unused,
  };
}

function refuseProxyCommand(host: string, destination: string, options: SshOptions): void {
  const command = options.first.get('proxycommand');
  if (command === undefined || command.join(' ').toLowerCase() === 'none' || options.first.has('proxyjump')) return;
  throw new FleetError('ssh-config', `${host}: the ssh config sets ProxyCommand for ${destination}, which fleet does not run`, {
    hint: 'write the same way as ProxyJump, or set "ProxyCommand none" for this host',
    host,
  });
}

/** `[user@]host[:port]`, comma separated. Every jump is looked up in the config itself, without secrets or pins of the host behind. */
function resolveJumps(
  host: string,
  text: string,
  ssh: SshSettings,
  config: readonly SshConfigLine[],
  around: SshSurroundings,
  depth: number,
): SshTarget[] {
  if (depth >= MAX_JUMPS) {
    throw new FleetError('ssh-config', `${host}: more than ${MAX_JUMPS} ProxyJump levels`, {
      hint: 'a jump host probably jumps through itself',
      host,
    });
  }
  return text.split(',').flatMap((hop) => {
    const parts = /^(?:ssh:\/\/)?(?:([^@]+)@)?(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?$/.exec(hop.trim());
    const name = parts?.[2] ?? parts?.[3];
    if (name === undefined) {
      throw new FleetError('ssh-config', `${host}: ProxyJump ${hop} is not [user@]host[:port]`, { hint: 'correct the ssh config', host });
    }
    const bare = { ...ssh, user: parts?.[1] ?? null, port: parts?.[4] === undefined ? null : parsePort(host, parts[4]) };
    const jump = resolve(
      host,
      name,
      { ...bare, identityFiles: [], hostKeys: [], password: null, sudoPassword: null },
      config,
      around,
      depth + 1,
    );
    return [...jump.jumps, { ...jump, jumps: [] }];
  });
}

function parsePort(host: string, text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw new FleetError('ssh-config', `${host}: the ssh config's port ${text} is not a number from 1 to 65535`, {
    hint: 'correct the ssh config',
    host,
  });
}

type ExpandPath = (text: string) => string;

function agentSocketOf(text: string | undefined, around: SshSurroundings, path: ExpandPath): string | null {
  if (text === undefined || text === 'SSH_AUTH_SOCK') return around.agentSocket;
  return text.toLowerCase() === 'none' ? null : path(text);
}

function knownHostsFilesOf(options: SshOptions, around: SshSurroundings, path: ExpandPath): string[] {
  const inHome = (name: string) => join(around.homeDirectory, '.ssh', name);
  const user = options.first.get('userknownhostsfile') ?? [inHome('known_hosts'), inHome('known_hosts2')];
  const global = options.first.get('globalknownhostsfile') ?? ['/etc/ssh/ssh_known_hosts', '/etc/ssh/ssh_known_hosts2'];
  const files = [...user, ...global].filter((file) => file.toLowerCase() !== 'none').map(path);
  return [...new Set([around.knownHosts, ...files])];
}

/** `~` and the tokens %d home, %h address, %r login user, %u local user, %% percent. */
function expandPath(text: string, facts: { address: string; user: string; around: SshSurroundings }): string {
  const { homeDirectory, localUser } = facts.around;
  const tokens: Readonly<Record<string, string>> = { d: homeDirectory, h: facts.address, r: facts.user, u: localUser, '%': '%' };
  const plain = text.replace(/%([dhru%])/g, (_, token: string) => tokens[token] ?? '');
  if (plain === '~' || plain.startsWith('~/')) return join(homeDirectory, plain.slice(1));
  return plain.startsWith('/') ? plain : join(homeDirectory, '.ssh', plain);
}

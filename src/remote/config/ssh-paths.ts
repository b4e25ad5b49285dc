import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import { expandTokens, type Tokens } from './ssh-tokens.ts';
import { UnsupportedConfig } from './unsupported.ts';

/** What tokens and variables of an ssh config take from the machine that runs fleet. */
export interface SshMachine {
  readonly hostName: string;
  /** Null where the system has none. */
  readonly userId: number | null;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What relative paths start from. */
  readonly workingDirectory: string;
}

interface Facts {
  readonly destination: string;
  readonly address: string;
  readonly port: number;
  readonly user: string;
  readonly alias: string | null;
  /** Text of ProxyJump; null: none. */
  readonly jump: string | null;
}

interface Around {
  readonly homeDirectory: string;
  readonly localUser: string;
  readonly agentSocket: string | null;
  readonly knownHosts: string;
  readonly machine: SshMachine;
}

/**
 * Turns the paths of a config into absolute ones, for one server. Each throws `ssh-config` for what
 * OpenSSH or fleet cannot expand.
 */
export interface SshPaths {
  /** `~`, tokens and `${NAME}`, then from the working directory. `keyword` is for messages. */
  expand(text: string, keyword: string): string;
  /** The same; null for nothing and for `none`. */
  optional(text: string | undefined, keyword: string): string | null;
  agentSocket(text: string | undefined): string | null;
  /** Fleet's own file first. Files of the system are taken as written. */
  knownHosts(user: readonly string[] | undefined, system: readonly string[] | undefined): string[];
  defaultIdentities(): string[];
}

export function createSshPaths(facts: Facts, around: Around): SshPaths {
  const { homeDirectory, machine } = around;
  const tokens = tokensOf(facts, around);
  const fromHere = (path: string) => resolve(machine.workingDirectory, path);
  const inHome = (name: string) => join(homeDirectory, '.ssh', name);
  const text = (raw: string, keyword: string) =>
    expandTokens(tilde(raw, homeDirectory, keyword), tokens, keyword, machine.environment);
  const expand = (raw: string, keyword: string) => fromHere(text(raw, keyword));
  return {
    expand,
    optional: (raw, keyword) =>
      raw === undefined || raw.toLowerCase() === 'none' ? null : expand(raw, keyword),
    agentSocket(raw) {
      if (raw === undefined || raw === 'SSH_AUTH_SOCK') return around.agentSocket;
      const path = text(raw, 'IdentityAgent');
      if (path === 'none') return null;
      return /^\$[^{]/.test(path) ? (machine.environment[path.slice(1)] ?? null) : fromHere(path);
    },
    knownHosts(
      user = [inHome('known_hosts'), inHome('known_hosts2')],
      system = ['/etc/ssh/ssh_known_hosts', '/etc/ssh/ssh_known_hosts2'],
    ) {
      const isReal = (file: string) => file.toLowerCase() !== 'none';
      const files = [
        ...user.filter(isReal).map((file) => expand(file, 'UserKnownHostsFile')),
        ...system.filter(isReal).map(fromHere),
      ];
      return [...new Set([around.knownHosts, ...files])];
    },
    defaultIdentities: () => ['id_rsa', 'id_ecdsa', 'id_ed25519'].map(inHome),
  };
}

function tokensOf(
  { destination, address, port, user, alias, jump }: Facts,
  { homeDirectory, localUser, machine }: Around,
): Tokens {
  const isDirect = jump === null || jump.toLowerCase() === 'none';
  const connection = createHash('sha1')
    .update(`${machine.hostName}${address}${port}${user}`)
    .digest('hex');
  return {
    // Newer versions of OpenSSH put the jump host into the hash, older ones do not: fleet does not
    // guess.
    C: isDirect ? connection : null,
    d: homeDirectory,
    h: address,
    i: machine.userId === null ? null : String(machine.userId),
    j: isDirect ? '' : null,
    k: alias ?? destination,
    L: machine.hostName.split('.')[0] ?? '',
    l: machine.hostName,
    n: destination,
    p: String(port),
    r: user,
    u: localUser,
  };
}

function tilde(text: string, homeDirectory: string, keyword: string): string {
  if (!text.startsWith('~')) return text;
  if (text === '~' || text.startsWith('~/')) return homeDirectory + text.slice(1);
  throw new UnsupportedConfig(
    `ssh config: ${keyword} ${text}: homes of other users are not supported`,
    {
      hint: 'write the whole path in the ssh config',
    },
  );
}

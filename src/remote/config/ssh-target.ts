import { FleetError } from '../../model/errors.ts';
import type { HostSpec, SshSettings } from '../../model/inventory.ts';
import type { SecretReference } from '../../model/secret-reference.ts';
import { wantedOfConfig } from './openssh-wants.ts';
import { algorithmsOf } from './ssh-algorithms.ts';
import type { SshConfigLine } from './ssh-config-file.ts';
import { isNo, isYes } from './ssh-keywords.ts';
import { evaluateSshOptions, type SshOptions, type SshQuery } from './ssh-options.ts';
import { createSshPaths, type SshMachine, type SshPaths } from './ssh-paths.ts';
import { expandTokens } from './ssh-tokens.ts';
import { UnsupportedConfig } from './unsupported.ts';

export type AuthMethod = 'publickey' | 'password' | 'keyboard-interactive';

/** How one server is reached, everything decided. Paths absolute. */
export interface SshTarget {
  /** Host in the inventory on whose behalf this is; for messages. */
  readonly host: string;
  /** What one would type after `ssh` for this server: config is looked up by it. */
  readonly destination: string;
  /**
   * What known_hosts files the server under: HostKeyAlias as it is, else `host` or `[host]:port`.
   */
  readonly keyName: string;
  /** A second name, which may vouch for the server where nothing is known under the first. */
  readonly otherKeyName: string | null;
  readonly address: string;
  readonly port: number;
  readonly user: string;
  /** 0 both, 4 or 6. */
  readonly family: 0 | 4 | 6;
  /** Address of this machine to connect from; null: the system chooses. */
  readonly bindAddress: string | null;
  readonly identityFiles: readonly string[];
  /** False: `identityFiles` are OpenSSH's defaults, which may be missing. */
  readonly identitiesExplicit: boolean;
  readonly identitiesOnly: boolean;
  /** `identityFiles` are those of the inventory. */
  readonly identitiesFromInventory: boolean;
  readonly agentSocket: string | null;
  /** Methods that may be tried, first choice first. */
  readonly authMethods: readonly AuthMethod[];
  readonly algorithms: SshAlgorithms;
  readonly knownHostsFiles: readonly string[];
  /** Keys that are never accepted, one a line; null: no such file. */
  readonly revokedKeysFile: string | null;
  /** Accepted fingerprints, `SHA256:...`. */
  readonly pins: readonly string[];
  readonly password: SecretReference | null;
  readonly passphrase: SecretReference | null;
  readonly sudoPassword: SecretReference | null;
  readonly sudo: SshSettings['sudo'];
  readonly connectTimeoutMs: number;
  readonly commandTimeoutMs: number;
  /** How the system's OpenSSH reaches it; null: fleet's own SSH does. */
  readonly openSsh: OpenSshWay | null;
  /** Servers to pass on the way, first one first. */
  readonly jumps: readonly SshTarget[];
  /** What the ssh config asks for and only OpenSSH does, in words. */
  readonly onlyOpenSsh: readonly string[];
  /** What the ssh config asks for and fleet does not do. */
  readonly warnings: readonly string[];
  /** See {@link SshOptions}. */
  readonly unused: readonly string[];
  readonly sources: ReadonlyMap<string, string>;
}

/** What OpenSSH is told besides the target itself. */
export interface OpenSshWay {
  /** What `-F` names; null: OpenSSH's usual files. */
  readonly configFile: string | null;
  /** `~` is another folder for OpenSSH than for fleet. */
  readonly isOtherHome: boolean;
  /** The config's own ProxyCommand leads to it. */
  readonly isProxied: boolean;
}

type OpenSshFiles = Omit<OpenSshWay, 'isProxied'>;

/** Names for the negotiation, first choice first. */
export interface SshAlgorithms {
  readonly kex: readonly string[];
  readonly cipher: readonly string[];
  readonly mac: readonly string[];
  readonly hostKey: readonly string[];
  /**
   * Keep the order of `hostKey`: the config gave a list of its own. Else types that are known come
   * first.
   */
  readonly keepsHostKeyOrder: boolean;
  readonly publicKey: readonly string[];
}

/** What the machine contributes: arrives as data so that the decision can be tested. */
export interface SshSurroundings {
  readonly homeDirectory: string;
  readonly localUser: string;
  /** `SSH_AUTH_SOCK`. */
  readonly agentSocket: string | null;
  /** Fleet's own known_hosts file, read besides OpenSSH's. */
  readonly knownHosts: string;
  readonly machine: SshMachine;
}

export type SshConfig = readonly (readonly SshConfigLine[])[];

const MAX_JUMPS = 8;

/** What one step of the way is asked for: the host itself, or a jump before it. */
interface Ask {
  readonly host: string;
  readonly destination: string;
  readonly ssh: SshSettings;
  /** Hops before this one that take the place of its own ProxyJump. */
  readonly jump: string | null;
  readonly depth: number;
}

/**
 * Decides how a host is reached: inventory, then ssh config, then OpenSSH's defaults. The config is
 * asked for the inventory's
 * address where there is one, else for the host's name: what one would type after `ssh`. Throws
 * `ssh-config` for what cannot work.
 */
export function resolveSshTarget(
  spec: Pick<HostSpec, 'name' | 'ssh'>,
  config: SshConfig,
  around: SshSurroundings,
): SshTarget {
  try {
    const asking = resolve(askOf(spec), around, null);
    let step = asking.next();
    while (step.done !== true) step = asking.next(evaluateSshOptions(config, step.value));
    return step.value;
  } catch (failure) {
    throw forHost(spec.name, failure);
  }
}

/**
 * The same where OpenSSH reads its config itself: `evaluate` tells what it says. What fleet does
 * not support is no mistake then.
 */
export async function resolveForOpenSsh(
  spec: Pick<HostSpec, 'name' | 'ssh'>,
  evaluate: (query: SshQuery) => Promise<SshOptions>,
  around: SshSurroundings,
  way: OpenSshFiles,
): Promise<SshTarget> {
  try {
    const asking = resolve(askOf(spec), around, way);
    let step = asking.next();
    while (step.done !== true) step = asking.next(await evaluate(step.value));
    return step.value;
  } catch (failure) {
    throw forHost(spec.name, failure);
  }
}

const askOf = (spec: Pick<HostSpec, 'name' | 'ssh'>): Ask => ({
  host: spec.name,
  destination: spec.ssh.address ?? spec.name,
  ssh: spec.ssh,
  jump: null,
  depth: 0,
});

/** What the config says wrong is wrong for the host that asked. */
function forHost(host: string, failure: unknown): unknown {
  if (!(failure instanceof FleetError) || failure.host !== undefined) return failure;
  const { code, hint } = failure;
  const message = failure.message.startsWith(`${host}: `)
    ? failure.message
    : `${host}: ${failure.message}`;
  return failure instanceof UnsupportedConfig
    ? new UnsupportedConfig(message, { hint, host })
    : new FleetError(code, message, { hint, host });
}

/** Asks the config about the host, then about each jump before it. */
type Asking = Generator<SshQuery, SshTarget, SshOptions>;

function* resolve(ask: Ask, around: SshSurroundings, way: OpenSshFiles | null): Asking {
  const { host, destination, ssh } = ask;
  const query = {
    destination,
    user: ssh.user,
    port: ssh.port,
    jump: ask.jump,
    localUser: around.localUser,
  };
  const options: SshOptions = yield query;
  if (way === null) refuseProxyCommand(host, destination, options);
  const one = (keyword: string) => options.first.get(keyword)?.[0];
  const named = one('user') ?? around.localUser;
  const user = way === null ? plainUser(named) : named;
  const port = Number(one('port') ?? 22);
  const address = options.hostName;
  const alias = one('hostkeyalias')?.toLowerCase() ?? null;
  const facts = { destination, address, port, user, alias, jump: one('proxyjump') ?? null };
  const paths = createSshPaths(facts, around);
  return {
    host,
    destination,
    ...keyNames(alias, address, port),
    address,
    port,
    user,
    family: { inet: 4 as const, inet6: 6 as const }[one('addressfamily')?.toLowerCase() ?? ''] ?? 0,
    bindAddress: one('bindaddress') ?? null,
    ...identitiesOf(options, ssh, paths),
    agentSocket: paths.agentSocket(one('identityagent')),
    authMethods: authMethodsOf(options),
    algorithms: way === null ? algorithmsFrom(options.first) : openSshAlgorithms(options.first),
    knownHostsFiles: paths.knownHosts(
      options.first.get('userknownhostsfile'),
      options.first.get('globalknownhostsfile'),
    ),
    revokedKeysFile: paths.optional(one('revokedhostkeys'), 'RevokedHostKeys'),
    pins: ssh.hostKeys,
    password: ssh.password,
    passphrase: ssh.passphrase,
    sudoPassword: ssh.sudoPassword,
    sudo: ssh.sudo,
    connectTimeoutMs: ssh.connectTimeoutMs,
    commandTimeoutMs: ssh.commandTimeoutMs,
    openSsh: way === null ? null : { ...way, isProxied: isProxied(options) },
    jumps: yield* resolveJumps(ask, { ...facts, text: facts.jump }, around, way),
    onlyOpenSsh: way === null ? wantedOfConfig(options) : [],
    warnings: options.warnings,
    unused: options.unused,
    sources: options.sources,
  };
}

function isProxied({ first }: SshOptions): boolean {
  const command = first.get('proxycommand')?.[0];
  return command !== undefined && command.toLowerCase() !== 'none';
}

function refuseProxyCommand(host: string, destination: string, options: SshOptions): void {
  if (!isProxied(options)) return;
  throw new UnsupportedConfig(
    `${host}: the ssh config sets ProxyCommand for ${destination}, which fleet does not run`,
    {
      hint: 'write the same way as ProxyJump, or set "ProxyCommand none" for this host',
      host,
    },
  );
}

/** Newer versions of OpenSSH expand tokens in User, older ones do not: fleet does not guess. */
function plainUser(user: string): string {
  if (!/%|\$\{/.test(user)) return user;
  throw new UnsupportedConfig(`User ${user}: tokens and variables in User are not supported`, {
    hint: 'write the user name in full, or set user in the inventory',
  });
}

/**
 * OpenSSH takes an alias without the port; where a name with a port is unknown, it takes the bare
 * name.
 */
function keyNames(
  alias: string | null,
  address: string,
  port: number,
): Pick<SshTarget, 'keyName' | 'otherKeyName'> {
  const name = alias ?? address.toLowerCase();
  if (port === 22) return { keyName: name, otherKeyName: null };
  // What fleet wrote under an alias in earlier releases carried the port.
  return alias === null
    ? { keyName: `[${name}]:${port}`, otherKeyName: name }
    : { keyName: name, otherKeyName: `[${name}]:${port}` };
}

type Identities = Pick<
  SshTarget,
  'identityFiles' | 'identitiesExplicit' | 'identitiesOnly' | 'identitiesFromInventory'
>;

function identitiesOf(options: SshOptions, ssh: SshSettings, paths: SshPaths): Identities {
  const named = ssh.identityFiles.length > 0 ? ssh.identityFiles : options.identityFiles;
  const isReal = (file: string) => file.toLowerCase() !== 'none';
  return {
    identityFiles:
      named.length > 0
        ? named.filter(isReal).map((file) => paths.expand(file, 'IdentityFile'))
        : paths.defaultIdentities(),
    identitiesExplicit: named.length > 0,
    identitiesOnly: isYes(options.first.get('identitiesonly')?.[0]),
    identitiesFromInventory: ssh.identityFiles.length > 0,
  };
}

function authMethodsOf({ first }: SshOptions): AuthMethod[] {
  const all: AuthMethod[] = ['publickey', 'password', 'keyboard-interactive'];
  const preferred = first.get('preferredauthentications')?.[0]?.split(',');
  const ordered =
    preferred === undefined
      ? all
      : preferred.flatMap((name) => all.filter((method) => method === name));
  const switches = {
    publickey: 'pubkeyauthentication',
    password: 'passwordauthentication',
    'keyboard-interactive': 'kbdinteractiveauthentication',
  };
  return ordered.filter((method) => !isNo(first.get(switches[method])?.[0]));
}

function algorithmsFrom(first: SshOptions['first']): SshAlgorithms {
  const one = (keyword: string) => first.get(keyword)?.[0];
  const hostKeys = one('hostkeyalgorithms');
  return {
    kex: algorithmsOf('kex', one('kexalgorithms')),
    cipher: algorithmsOf('cipher', one('ciphers')),
    mac: algorithmsOf('mac', one('macs')),
    hostKey: algorithmsOf('hostKey', hostKeys),
    keepsHostKeyOrder: hostKeys !== undefined && !/^[-+]/.test(hostKeys),
    publicKey: algorithmsOf('publicKey', one('pubkeyacceptedalgorithms')),
  };
}

/** OpenSSH has its own lists; fleet only needs to know which plain host keys it would take. */
const openSshAlgorithms = (first: SshOptions['first']): SshAlgorithms => ({
  ...algorithmsFrom(new Map()),
  hostKey: (first.get('hostkeyalgorithms')?.[0] ?? '')
    .split(',')
    .filter((name) => name !== '' && !name.includes('-cert-')),
});

interface JumpFacts {
  readonly text: string | null;
  readonly destination: string;
  readonly address: string;
  readonly port: number;
  readonly user: string;
}

/**
 * `[user@]host[:port]`, comma separated. The last one is looked up in the config itself, without
 * secrets or pins of the host behind, and those
 * before it are its way; only the first of all goes by its own ProxyJump.
 */
function* resolveJumps(
  ask: Ask,
  facts: JumpFacts,
  around: SshSurroundings,
  way: OpenSshFiles | null,
): Generator<SshQuery, SshTarget[], SshOptions> {
  if (facts.text === null || facts.text.toLowerCase() === 'none') return [];
  const { host, ssh, depth } = ask;
  if (depth >= MAX_JUMPS) {
    throw new FleetError('ssh-config', `${host}: more than ${MAX_JUMPS} ProxyJump levels`, {
      hint:
        'a jump host probably jumps through itself: set "ProxyJump none" for it, above the ' +
        'pattern that names it',
      host,
    });
  }
  const tokens = { h: facts.address, n: facts.destination, p: String(facts.port), r: facts.user };
  const hops = expandTokens(facts.text, tokens, 'ProxyJump').split(',');
  const before = hops.slice(0, -1);
  const hop = parseHop(host, hops.at(-1) ?? '');
  const jump: SshTarget = yield* resolve(
    {
      host,
      destination: hop.name,
      ssh: {
        ...ssh,
        user: hop.user,
        port: hop.port,
        identityFiles: [],
        hostKeys: [],
        password: null,
        sudoPassword: null,
      },
      jump: before.length > 0 ? before.join(',') : null,
      depth: depth + 1,
    },
    around,
    way,
  );
  return [...jump.jumps, { ...jump, jumps: [] }];
}

interface Hop {
  readonly user: string | null;
  readonly name: string;
  readonly port: number | null;
}

function parseHop(host: string, text: string): Hop {
  const parts = /^(?:ssh:\/\/)?(?:(.+)@)?(?:\[([^\]]+)\]|([^:@[\]/]+))(?::(\d+))?\/?$/.exec(
    text.trim(),
  );
  const name = parts?.[2] ?? parts?.[3];
  const port = parts?.[4] === undefined ? null : Number(parts[4]);
  if (name !== undefined && (port === null || (port > 0 && port < 65_536)))
    return { user: parts?.[1] ?? null, name, port };
  throw new FleetError('ssh-config', `${host}: ProxyJump ${text} is not [user@]host[:port]`, {
    hint: 'correct the ssh config',
    host,
  });
}

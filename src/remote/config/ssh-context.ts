import { hostname } from 'node:os';
import { join } from 'node:path';
import { FleetError } from '../../model/errors.ts';
import type { HostSpec } from '../../model/inventory.ts';
import type { SecretReference } from '../../model/secret-reference.ts';
import type { LoginGate } from '../shared/login-pause.ts';
import { chooseTarget } from './choose-transport.ts';
import {
  hostFieldMatches,
  type KnownHostLine,
  parseKnownHosts,
  parseRevokedKeys,
} from './known-hosts.ts';
import { readKnownHostsText } from './known-hosts-text.ts';
import { readSshConfig } from './ssh-config-file.ts';
import { listSshHosts, type NamedHost } from './ssh-config-hosts.ts';
import type { SshMachine } from './ssh-paths.ts';
import type { SshConfig, SshSurroundings, SshTarget } from './ssh-target.ts';

/** What the operator's machine gives to all connections of one run. */
export interface SshContextOptions extends Omit<SshSurroundings, 'machine'> {
  /** Default: this one. */
  readonly machine?: SshMachine;
  /** Reads a secret when it is first needed. Its FleetError passes through. */
  readonly readSecret: (reference: SecretReference) => Promise<string>;
  /**
   * Asks the operator for the passphrase of a key; null: there is no terminal to ask on. `again`
   * after a wrong one. Rejects with `interrupted` on Ctrl-C.
   */
  readonly askPassphrase?: ((keyFile: string, again: boolean) => Promise<string>) | null;
  /** Default: `~/.ssh/config` and `/etc/ssh/ssh_config`. Missing files are skipped. */
  readonly configFiles?: readonly string[];
  /** Ends every connection and rejects what is under way with `interrupted`. */
  readonly signal?: AbortSignal;
  /** Told once per host and text, for example about ssh config options that are not supported. */
  readonly onWarning?: (host: string, text: string) => void;
  /**
   * Silence after which a link counts as lost, ms. Default 15,000. The host is asked for a sign of
   * life every third of it.
   */
  readonly silenceMs?: number;
  /** Default: every host is asked at once, and nobody remembers what came of it. */
  readonly logins?: LoginGate;
}

/**
 * Lines of known_hosts files about one server. `other` are those under {@link
 * SshTarget.otherKeyName}.
 */
export interface KnownHost {
  readonly lines: readonly KnownHostLine[];
  readonly other: readonly KnownHostLine[];
}

/**
 * Shared by all connections of one run, so that config, known hosts, keys and secrets are read once
 * however many hosts there are.
 */
export interface SshContext extends SshContextOptions {
  readonly silenceMs: number;
  /** The same every time; warns of nothing. */
  resolve(spec: Pick<HostSpec, 'name' | 'ssh'>): Promise<SshTarget>;
  /** {@link resolve}, for a host that is met: says what is ignored for it. */
  target(spec: Pick<HostSpec, 'name' | 'ssh'>): Promise<SshTarget>;
  /** Hosts that the config names in full; see {@link listSshHosts}. */
  namedHosts(patterns: readonly string[]): Promise<readonly NamedHost[]>;
  /** What the target's known_hosts files say about it. */
  knownHostLines(target: SshTarget): Promise<KnownHost>;
  secret(reference: SecretReference): Promise<string>;
  /** One shared value per name: the first caller's `make` counts; a failure is not kept. */
  once<T>(name: string, make: () => Promise<T>): Promise<T>;
  /** Forgets what {@link once} keeps. */
  forget(name: string): void;
}

export function createSshContext(options: SshContextOptions): SshContext {
  const kept = new Map<string, Promise<unknown>>();
  const warned = new Set<string>();
  const once = <T>(name: string, make: () => Promise<T>): Promise<T> => {
    const known = kept.get(name);
    if (known !== undefined) return known as Promise<T>;
    const made = make();
    kept.set(name, made);
    made.catch(() => kept.delete(name));
    return made;
  };
  const configFiles = options.configFiles ?? [
    join(options.homeDirectory, '.ssh', 'config'),
    '/etc/ssh/ssh_config',
  ];
  const config = (): Promise<SshConfig> =>
    once('config', () => readSshConfig(configFiles, options.homeDirectory));
  const surroundings: SshSurroundings = { ...options, machine: options.machine ?? thisMachine() };
  const targets = new WeakMap<object, Promise<SshTarget>>();
  const resolve: SshContext['resolve'] = (spec) => {
    const known = targets.get(spec);
    if (known !== undefined) return known;
    const made = config().then((read) =>
      chooseTarget(spec, {
        config: read,
        around: surroundings,
        configFiles: options.configFiles ?? null,
        once,
      }),
    );
    targets.set(spec, made);
    made.catch(() => targets.delete(spec));
    return made;
  };
  return {
    ...options,
    silenceMs: options.silenceMs ?? 15_000,
    once,
    resolve,
    forget: (name) => void kept.delete(name),
    secret: (reference) =>
      once(`secret ${reference.kind}:${reference.target}`, () => options.readSecret(reference)),
    async target(spec) {
      const target = await resolve(spec);
      for (const warning of target.warnings) {
        if (!warned.has(`${spec.name} ${warning}`)) options.onWarning?.(spec.name, warning);
        warned.add(`${spec.name} ${warning}`);
      }
      return target;
    },
    namedHosts: async (patterns) => listSshHosts(await config(), patterns),
    async knownHostLines(target) {
      const files = await Promise.all(
        target.knownHostsFiles.map((file) =>
          once(`known_hosts ${file}`, () => readKnownHosts(file)),
        ),
      );
      const all = files.flat();
      const { revokedKeysFile: revokedFile } = target;
      const revoked =
        revokedFile === null
          ? []
          : await once(`revoked ${revokedFile}`, () => readRevokedKeys(revokedFile, target));
      const about = (name: string | null) =>
        name === null ? [] : all.filter((line) => hostFieldMatches(line.hosts, name));
      return { lines: [...about(target.keyName), ...revoked], other: about(target.otherKeyName) };
    },
  };
}

async function readKnownHosts(file: string): Promise<KnownHostLine[]> {
  try {
    return parseKnownHosts((await readKnownHostsText(file)).toString('utf8'), file);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new FleetError('ssh-host-key', `${file} could not be read`, {
      hint: 'make the known_hosts file readable',
      cause,
    });
  }
}

/** OpenSSH connects to nobody while it cannot read the list of revoked keys. */
async function readRevokedKeys(
  file: string,
  { openSsh }: SshTarget,
): Promise<readonly KnownHostLine[]> {
  const hint = 'make it a readable list of public keys, one a line, or remove RevokedHostKeys';
  let text: string;
  try {
    text = (await readKnownHostsText(file)).toString('latin1');
  } catch (cause) {
    throw new FleetError('ssh-config', `RevokedHostKeys ${file} could not be read`, {
      hint,
      cause,
    });
  }
  if (!text.startsWith('SSHKRL')) return parseRevokedKeys(text, file);
  // OpenSSH looks into it itself.
  if (openSsh !== null) return [];
  throw new FleetError(
    'ssh-config',
    `RevokedHostKeys ${file} is a binary key revocation list, which is not supported`,
    { hint },
  );
}

function thisMachine(): SshMachine {
  let workingDirectory = '/';
  try {
    workingDirectory = process.cwd();
  } catch {
    // The folder was removed: relative paths lead nowhere.
  }
  return {
    hostName: hostname(),
    userId: process.getuid?.() ?? null,
    environment: process.env,
    workingDirectory,
  };
}

import type { SshTarget } from '../config/ssh-target.ts';

/** Seconds for which an `ssh` stays when nobody uses it: the longest that it outlives fleet. */
export const PERSIST_S = 10;

/** What one connection is made with. */
export interface MasterSettings {
  /** Socket by which the connection is shared; null: it is not, and a ProxyCommand is heard. */
  readonly socket: string | null;
  /** The configuration to read; null: OpenSSH's usual files. */
  readonly configFile: string | null;
  /** Host keys that fleet accepts and revokes for this host, and nothing else. */
  readonly knownHosts: string;
  /** Tells the keys that the inventory pins; null: none are. */
  readonly knownHostsCommand: string | null;
  /** Command that reaches the host by way of a connection that fleet has; null: as configured. */
  readonly proxyCommand: string | null;
  /** Of plain keys, those of known ones first; empty: as OpenSSH likes. */
  readonly hostKeyAlgorithms: readonly string[];
  /** Whether somebody answers what `ssh` asks. */
  readonly answers: boolean;
  readonly silenceMs: number;
}

/**
 * The command line of an `ssh` that shares one connection. What stands here wins over every
 * configuration: the host's key is judged by fleet's rules alone, nothing is forwarded, no terminal
 * is taken, no local command is run, nothing is remembered, and the connection ends soon after
 * fleet. Pure.
 */
export function masterArguments(target: SshTarget, settings: MasterSettings): string[] {
  const options = {
    ...ownWay,
    ...lifeOf(target, settings),
    ...trust(settings),
    BatchMode: settings.answers ? 'no' : 'yes',
    ...(settings.proxyCommand === null ? {} : { ProxyCommand: settings.proxyCommand }),
    // A host's certificate says nothing by fleet's rules: its plain key must be known.
    ...(settings.hostKeyAlgorithms.length === 0
      ? {}
      : { HostKeyAlgorithms: settings.hostKeyAlgorithms.join(',') }),
    // Else the agent's other keys would go before them.
    ...(target.identitiesFromInventory ? { IdentitiesOnly: 'yes' } : {}),
  };
  const isOtherHome = target.openSsh?.isOtherHome === true;
  return [
    ...['-v', '-N', '-T', '-n'],
    ...(settings.socket === null ? ['-S', 'none'] : ['-M', '-S', settings.socket]),
    ...(settings.configFile === null ? [] : ['-F', settings.configFile]),
    ...Object.entries(options).flatMap(([keyword, value]) => ['-o', `${keyword}=${value}`]),
    ...(target.identitiesFromInventory || (isOtherHome && !target.identitiesExplicit)
      ? target.identityFiles.flatMap((file) => ['-o', `IdentityFile=${quoted(file)}`])
      : []),
    ...['-p', String(target.port), '-l', target.user, '--', target.destination],
  ];
}

/** What the configuration may say for terminals and people, and fleet does not want. */
const ownWay = {
  ForwardAgent: 'no',
  ForwardX11: 'no',
  ClearAllForwardings: 'yes',
  Tunnel: 'no',
  PermitLocalCommand: 'no',
  RemoteCommand: 'none',
  RequestTTY: 'no',
  EscapeChar: 'none',
  AddKeysToAgent: 'no',
  VisualHostKey: 'no',
  ExitOnForwardFailure: 'no',
} as const;

/** An idle link is asked for a sign of life, and a host that is silent is given up. */
function lifeOf(target: SshTarget, { silenceMs, socket }: MasterSettings): Record<string, string> {
  return {
    ControlPersist: socket === null ? 'no' : String(PERSIST_S),
    ConnectTimeout: String(Math.ceil(target.connectTimeoutMs / 1000)),
    ConnectionAttempts: '1',
    NumberOfPasswordPrompts: '1',
    ServerAliveInterval: String(Math.max(1, Math.round(silenceMs / 3000))),
    ServerAliveCountMax: '3',
  };
}

function trust({ knownHosts, knownHostsCommand }: MasterSettings): Record<string, string> {
  return {
    StrictHostKeyChecking: 'yes',
    UserKnownHostsFile: quoted(knownHosts),
    GlobalKnownHostsFile: 'none',
    KnownHostsCommand: knownHostsCommand ?? 'none',
    CheckHostIP: 'no',
    VerifyHostKeyDNS: 'no',
    UpdateHostKeys: 'no',
    NoHostAuthenticationForLocalhost: 'no',
    HashKnownHosts: 'no',
  };
}

/** One word in the way of ssh_config, with nothing that it expands. */
const quoted = (path: string): string =>
  `"${path.replace(/[\\"]/g, '\\$&').replaceAll('%', '%%')}"`;

/**
 * The command by which OpenSSH reaches a host through the connection of a jump host. The jump
 * host's `ssh` must be there: another one is never made. Pure.
 */
export const throughMaster = (socket: string): string =>
  `ssh -F none -S ${socket} -o ControlMaster=no -o ProxyCommand=/bin/false -W [%h]:%p fleet-jump`;

import { FleetError, type FleetErrorCode } from '../model/errors.ts';
import { type HostKey, type HostKeyVerdict, hostKeyFingerprint } from './known-hosts.ts';
import type { SshTarget } from './ssh-target.ts';

/** How far a connection had come: before TCP, before the host key was accepted, before the login, in use. */
export type ConnectPhase = 'dial' | 'handshake' | 'auth' | 'open';

/** Facts that ssh2 and Node attach to an error: `code` of the socket or the number of an SSH disconnect, `level` of the layer. */
interface ErrorFacts {
  readonly code?: string | number;
  readonly level?: string;
}

interface Meaning {
  readonly code: FleetErrorCode;
  readonly what: string;
  readonly hint: string;
}

const SOCKET_MEANINGS: Readonly<Record<string, Meaning>> = {
  ENOTFOUND: { code: 'ssh-resolve', what: 'the name does not resolve', hint: 'check the address in the inventory and this machine’s DNS' },
  EAI_AGAIN: { code: 'ssh-resolve', what: 'the name server does not answer', hint: 'check this machine’s network and DNS, then try again' },
  ECONNREFUSED: { code: 'ssh-connect', what: 'the connection was refused', hint: 'check that sshd runs and that the port is right' },
  EHOSTUNREACH: {
    code: 'ssh-connect',
    what: 'there is no route to the host',
    hint: 'check that the server is up and the address is right',
  },
  ENETUNREACH: {
    code: 'ssh-connect',
    what: 'the network is unreachable',
    hint: 'check this machine’s network (and IPv6, where the address is one)',
  },
  ECONNRESET: {
    code: 'ssh-connect',
    what: 'the host closed the connection before the handshake',
    hint: 'sshd may refuse new connections (MaxStartups), or fail2ban or a firewall blocks this machine: wait, or look at the host’s sshd log',
  },
  ETIMEDOUT: {
    code: 'ssh-timeout',
    what: 'the host does not answer',
    hint: 'check that the server is up and that a firewall lets this machine in',
  },
};

const REFUSED_EARLY = SOCKET_MEANINGS.ECONNRESET as Meaning;
const UNREACHABLE_CODES: Readonly<Record<string, string>> = {
  EAI_NODATA: 'ENOTFOUND',
  EPIPE: 'ECONNRESET',
  EHOSTDOWN: 'EHOSTUNREACH',
  EADDRNOTAVAIL: 'ENETUNREACH',
};

const where = (target: SshTarget): string => `${target.user}@${target.address}:${target.port}`;

/** Why a connection attempt failed, from the error's codes and the phase. Methods that were tried belong to {@link authFailure}. */
export function connectFailure(target: SshTarget, phase: ConnectPhase, cause: unknown): FleetError {
  if (cause instanceof FleetError) return cause;
  const meaning = meaningOf(phase, (cause ?? {}) as ErrorFacts);
  return new FleetError(meaning.code, `${target.host}: ${meaning.what} (${where(target)})`, {
    hint: meaning.hint,
    host: target.host,
    cause,
  });
}

function meaningOf(phase: ConnectPhase, facts: ErrorFacts): Meaning {
  if (phase === 'open') {
    return {
      code: 'ssh-lost',
      what: 'the connection was lost',
      hint: 'what was under way may or may not have happened: look at the host, then run the command again',
    };
  }
  if (typeof facts.code === 'string') {
    const known = SOCKET_MEANINGS[UNREACHABLE_CODES[facts.code] ?? facts.code];
    if (known !== undefined) return known;
    return {
      code: 'ssh-connect',
      what: `the connection failed with ${facts.code}`,
      hint: 'check the address, the port and this machine’s network',
    };
  }
  if (facts.level === 'client-timeout') {
    const step = phase === 'auth' ? 'login' : 'SSH handshake';
    return {
      code: 'ssh-timeout',
      what: `the ${step} did not finish in time`,
      hint: 'the host may be overloaded, or the port is not SSH: try again, or raise connect_timeout',
    };
  }
  if (phase === 'handshake' && facts.level === 'handshake') {
    return {
      code: 'ssh-connect',
      what: 'no common SSH algorithms',
      hint: 'the host’s sshd is too old or restricted: allow curve25519 or ecdh, aes-gcm or aes-ctr, and sha2 host keys',
    };
  }
  return REFUSED_EARLY;
}

/** The login failed. `tried` and `skipped` are one line each, without secrets. */
export function authFailure(target: SshTarget, tried: readonly string[], skipped: readonly string[], cause: unknown): FleetError {
  const attempts = tried.length === 0 ? 'nothing could be tried' : `tried ${tried.join(', ')}`;
  const hint =
    tried.length === 0 || skipped.length > 0
      ? `${skipped.join('; ') || 'no key file was found and there is no ssh-agent'}. Set identity_files, start ssh-agent, or set password`
      : `check the user name, and that the host’s authorized_keys has one of these keys (too many keys? set IdentitiesOnly)`;
  return new FleetError('ssh-auth', `${target.host}: ${where(target)} refused the login, ${attempts}`, {
    hint,
    host: target.host,
    problems: skipped,
    cause,
  });
}

/** The host key is not trusted. `verdict` must not be `trusted`. */
export function hostKeyFailure(target: SshTarget, key: HostKey, verdict: Exclude<HostKeyVerdict, { kind: 'trusted' }>): FleetError {
  const shown = `${key.type} ${hostKeyFingerprint(key.blob)}`;
  const server = `${target.address}:${target.port}`;
  if (verdict.kind === 'unknown') {
    const authorities =
      verdict.authorities.length === 0
        ? ''
        : ` (@cert-authority in ${verdict.authorities.join(', ')} is not supported: the plain key must be trusted)`;
    return new FleetError('ssh-host-key', `${target.host}: unknown host key of ${server}: ${shown}`, {
      hint: `compare the fingerprint with the server’s console, then: fleet hosts trust ${target.host}${authorities}`,
      host: target.host,
    });
  }
  if (verdict.kind === 'revoked') {
    return new FleetError('ssh-host-key', `${target.host}: REVOKED HOST KEY of ${server}: ${shown} is revoked in ${verdict.source}`, {
      hint: 'do not connect: somebody may hold this key. Give the server a new host key, then trust that one',
      host: target.host,
    });
  }
  return new FleetError('ssh-host-key', `${target.host}: THE HOST KEY OF ${server} HAS CHANGED to ${shown}. Somebody may be listening in`, {
    hint: `only if the server was reinstalled or got a new key: remove what is known (file and line above), then fleet hosts trust ${target.host}`,
    host: target.host,
    problems: verdict.known.map((line) => `known: ${line}`),
  });
}

export const lostFailure = (target: SshTarget, what: string, cause?: unknown): FleetError =>
  new FleetError('ssh-lost', `${target.host}: ${what} (${where(target)})`, {
    hint: 'what was under way may or may not have happened: look at the host, then run the command again',
    host: target.host,
    cause,
  });

export const timeoutFailure = (host: string, timeoutMs: number): FleetError =>
  new FleetError('command-timeout', `${host}: the command did not end within ${timeoutMs / 1000} s and was stopped`, {
    hint: 'look at the host’s load, or raise command_timeout in the inventory',
    host,
  });

export const interruptedFailure = (host: string): FleetError =>
  new FleetError('interrupted', `${host}: interrupted`, { hint: 'run the command again: it continues where it stopped', host });

const SUDO_MEANINGS: readonly { readonly pattern: RegExp; readonly what: string; readonly hint: string }[] = [
  {
    pattern: /a password is required|a terminal is required|no askpass program|must have a tty/,
    what: 'sudo asks for a password',
    hint: 'set sudo_password in the inventory, or give the user NOPASSWD in /etc/sudoers.d',
  },
  {
    pattern: /incorrect password|no password was provided|Sorry, try again/,
    what: 'sudo refused the password',
    hint: 'check sudo_password in the inventory',
  },
  {
    pattern: /not in the sudoers file|may not run sudo|not allowed to (execute|run)/,
    what: 'the user may not use sudo',
    hint: 'add the user to the sudo group, or log in as root',
  },
  { pattern: /sudo.*not found|sudo.*No such file/, what: 'sudo is not installed', hint: 'install sudo on the host, or log in as root' },
];

/**
 * Why sudo did not start the command: called only when the command's marker never came. sudo has no codes of its own (always 1), so its
 * text, in the C locale, is all there is; an unknown text still is a sudo failure.
 */
export function sudoFailure(target: SshTarget, stderr: string): FleetError {
  const meaning = SUDO_MEANINGS.find(({ pattern }) => pattern.test(stderr)) ?? {
    what: 'sudo did not start the command',
    hint: `log in as ${target.user} and run: sudo -n true`,
  };
  return new FleetError('sudo', `${target.host}: ${meaning.what} (${where(target)})`, {
    hint: meaning.hint,
    host: target.host,
    cause: stderr,
  });
}

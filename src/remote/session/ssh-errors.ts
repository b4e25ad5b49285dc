import { FleetError, type FleetErrorCode } from '../../model/errors.ts';
import type { HostKeyVerdict } from '../config/known-hosts.ts';
import type { SshTarget } from '../config/ssh-target.ts';
import { itSaid, lastWords } from '../shared/host-words.ts';

/**
 * How far a connection had come: before TCP, before the host key was accepted, before the login, in
 * use.
 */
export type ConnectPhase = 'dial' | 'handshake' | 'auth' | 'open';

/**
 * Facts that ssh2 and Node attach to an error: `code` of the socket or the number of an SSH
 * disconnect, `level` of the layer.
 */
interface ErrorFacts {
  readonly code?: string | number;
  readonly level?: string;
  readonly message?: string;
}

interface Meaning {
  readonly code: FleetErrorCode;
  readonly what: string;
  readonly hint: string;
}

const SOCKET_MEANINGS: Readonly<Record<string, Meaning>> = {
  ENOTFOUND: {
    code: 'ssh-resolve',
    what: 'the name does not resolve',
    hint: 'check the address in the inventory and this machine’s DNS',
  },
  EAI_AGAIN: {
    code: 'ssh-resolve',
    what: 'the name server does not answer',
    hint: 'check this machine’s network and DNS, then try again',
  },
  ECONNREFUSED: {
    code: 'ssh-connect',
    what: 'the connection was refused',
    hint:
      'check that sshd runs and that the port is right; after refused logins, fail2ban on ' +
      'the host may shut out this address for minutes',
  },
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
    hint:
      'sshd may refuse new connections (MaxStartups), or fail2ban or a firewall blocks this ' +
      'machine: wait, or look at the host’s sshd log',
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

/** Who is connected to where, and through whom. */
export function where({ user, address, port, jumps }: SshTarget): string {
  const through =
    jumps.length === 0
      ? ''
      : ` through ${jumps.map((jump) => `${jump.address}:${jump.port}`).join(', ')}`;
  return `${user}@${address}:${port}${through}`;
}

/**
 * Why a connection attempt failed, from the error's codes, the phase, and what the other side said
 * instead of its part of the protocol. Methods that
 * were tried belong to {@link authFailure}.
 */
export function connectFailure(
  target: SshTarget,
  phase: ConnectPhase,
  cause: unknown,
  said = '',
): FleetError {
  if (cause instanceof FleetError) return cause;
  const facts = (cause ?? {}) as ErrorFacts;
  const words = said === '' && typeof facts.code === 'number' ? (facts.message ?? '') : said;
  const meaning =
    phase === 'handshake' && lastWords(words) !== ''
      ? spokenMeaning(words)
      : meaningOf(phase, facts);
  return new FleetError(
    meaning.code,
    `${target.host}: ${meaning.what} (${where(target)})${phase === 'open' ? '' : itSaid(words)}`,
    {
      hint: meaning.hint,
      host: target.host,
      cause,
    },
  );
}

/** sshd is there and refuses in words: never a sign that the host is gone. */
function spokenMeaning(words: string): Meaning {
  // OpenSSH 9.8 and later say the same for both reasons.
  if (/not allowed at this time/i.test(words)) {
    return {
      code: 'ssh-refused',
      what: 'sshd takes no connections from this address now',
      hint:
        'after a few refused logins it does so for seconds or minutes (PerSourcePenalties): ' +
        'mend the login, then wait, raise connect_timeout, or set ' +
        'PerSourcePenaltyExemptList for this address on the host; or too many logins came ' +
        'at once (MaxStartups)',
    };
  }
  if (/MaxStartups/i.test(words)) {
    return {
      code: 'ssh-refused',
      what: 'sshd takes no more logins at once (MaxStartups)',
      hint: 'wait, lower the concurrency, or raise MaxStartups in the host’s sshd config',
    };
  }
  if (/^\s*(HTTP\/|<|220[ -]|\* OK)/i.test(words)) {
    return {
      code: 'ssh-connect',
      what: 'what answers there is not SSH',
      hint: 'check the port in the inventory or the ssh config',
    };
  }
  return {
    code: 'ssh-refused',
    what: 'the host ended the connection before the login',
    hint: 'look at the host’s sshd log: journalctl -u ssh',
  };
}

function meaningOf(phase: ConnectPhase, facts: ErrorFacts): Meaning {
  if (phase === 'open') {
    return {
      code: 'ssh-lost',
      what: 'the connection was lost',
      hint:
        'what was under way may or may not have happened: look at the host, then run the ' +
        'command again',
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
      hint:
        'the host may be overloaded, or the port is not SSH: try again, or raise ' +
        'connect_timeout',
    };
  }
  if (phase === 'handshake' && facts.level === 'handshake') {
    return {
      code: 'ssh-connect',
      what: 'no common SSH algorithms',
      hint:
        'the host’s sshd is too old or restricted: allow curve25519 or ecdh, aes-gcm or ' +
        'aes-ctr, and sha2 host keys',
    };
  }
  return REFUSED_EARLY;
}

/** How a login went. All texts are one line each, without secrets. */
export interface LoginStory {
  readonly tried: readonly string[];
  /** Those of them that were accepted, although that was not enough. */
  readonly accepted: readonly string[];
  readonly skipped: readonly string[];
  /** Methods that the host would have gone on with; empty when it did not say. */
  readonly wanted: readonly string[];
  /** What the host said: its banner, or why it disconnected. */
  readonly said: string;
}

/** The login failed. */
export function authFailure(target: SshTarget, story: LoginStory, cause: unknown): FleetError {
  const { tried, accepted, skipped, wanted, said } = story;
  const attempts = tried.length === 0 ? 'nothing could be tried' : `tried ${tried.join(', ')}`;
  const partly =
    accepted.length === 0
      ? ''
      : `; accepted ${accepted.join(', ')}, then wanted ${wanted.join(' or ') || 'more'}`;
  return new FleetError(
    'ssh-auth',
    `${target.host}: ${where(target)} refused the login, ${attempts}${partly}${itSaid(said)}`,
    {
      hint: authHint(target, story),
      host: target.host,
      problems: skipped,
      cause,
    },
  );
}

function authHint(
  target: SshTarget,
  { tried, accepted, skipped, wanted, said }: LoginStory,
): string {
  if (/too many authentication failures/i.test(said))
    return (
      'the host counts every key that is offered (MaxAuthTries): set identity_files in the ' +
      'inventory, or IdentitiesOnly yes in the ssh config'
    );
  if (/expired|locked|disabled/i.test(said))
    return (
      `look at the account on the host, as root: chage -l ${target.user}; passwd -S ` +
      `${target.user}`
    );
  if (/booting up|going down|not permitted to log in/i.test(said))
    return 'the host starts or shuts down: try again in a minute';
  if (accepted.length > 0) {
    const secret =
      wanted.some((method) => method === 'password' || method === 'keyboard-interactive') &&
      target.password === null;
    return secret
      ? 'set password in the inventory: the host wants it besides the key'
      : `fleet has nothing more for it: ${wanted.join(' or ') || 'see the host’s sshd log'}`;
  }
  // What was skipped stands above the hint, with its own remedy.
  const otherwise = 'set identity_files, start ssh-agent, or set password';
  if (skipped.length > 0) return `mend what is named above, or ${otherwise}`;
  if (tried.length === 0) return `no key file was found and there is no ssh-agent: ${otherwise}`;
  return (
    'check the user name, that the host’s authorized_keys has one of these keys, and that ' +
    'the account is neither locked nor left out (AllowUsers)'
  );
}

/** The host key is not trusted. `verdict` must not be `trusted`. */
export function hostKeyFailure(
  target: SshTarget,
  key: { readonly type: string; readonly fingerprint: string },
  verdict: Exclude<HostKeyVerdict, { kind: 'trusted' }>,
): FleetError {
  const shown = `${key.type} ${key.fingerprint}`;
  const server = `${target.address}:${target.port}`;
  if (verdict.kind === 'unknown') {
    const authorities =
      verdict.authorities.length === 0
        ? ''
        : ` (@cert-authority in ${verdict.authorities.join(', ')} is not supported: the ` +
          'plain key must be trusted)';
    return new FleetError(
      'ssh-host-key',
      `${target.host}: unknown host key of ${server}: ${shown}`,
      {
        hint:
          'compare the fingerprint with the server’s console, then: fleet hosts trust ' +
          `${target.host}${authorities}`,
        host: target.host,
      },
    );
  }
  if (verdict.kind === 'revoked') {
    return new FleetError(
      'ssh-host-key',
      `${target.host}: REVOKED HOST KEY of ${server}: ${shown} is revoked in ${verdict.source}`,
      {
        hint:
          'do not connect: somebody may hold this key. Give the server a new host key, then ' +
          'trust that one',
        host: target.host,
      },
    );
  }
  const places = verdict.known.flatMap((line) => /\(([^()]+)\)$/.exec(line)?.[1] ?? []);
  const knownAt =
    places.length === 0 ? '' : `, another one is known in ${places.slice(0, 3).join(', ')}`;
  return new FleetError(
    'ssh-host-key',
    `${target.host}: THE HOST KEY OF ${server} HAS CHANGED to ${shown}${knownAt}. Somebody ` +
      'may be listening in',
    {
      hint:
        target.pins.length > 0
          ? 'only if the server was reinstalled or got a new key: put the new fingerprint in ' +
            'the place of its host_keys in the inventory'
          : 'only if the server was reinstalled or got a new key (compare with its console): ' +
            `fleet hosts trust ${target.host} --replace`,
      host: target.host,
      problems: verdict.known.map((line) => `known: ${line}`),
    },
  );
}

export const lostFailure = (target: SshTarget, what: string, cause?: unknown): FleetError =>
  new FleetError('ssh-lost', `${target.host}: ${what} (${where(target)})`, {
    hint:
      'what was under way may or may not have happened: look at the host, then run the ' +
      'command again',
    host: target.host,
    cause,
  });

export const floodFailure = (target: SshTarget): FleetError =>
  new FleetError(
    'agent-reply',
    `${target.host}: the host asks and asks over SSH, thousands of times, what nobody has to ` +
      `answer (${where(target)}); fleet has left it`,
    {
      hint: 'no sshd does that: look at the host, it may have been taken over',
      host: target.host,
    },
  );

export const timeoutFailure = (host: string, timeoutMs: number): FleetError =>
  new FleetError(
    'command-timeout',
    `${host}: the command did not end within ${timeoutMs / 1000} s and was stopped`,
    {
      hint: 'look at the host’s load, or raise command_timeout in the inventory',
      host,
    },
  );

export const interruptedFailure = (host: string): FleetError =>
  new FleetError('interrupted', `${host}: interrupted`, {
    hint: 'run the command again: it continues where it stopped',
    host,
  });

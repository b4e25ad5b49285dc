import { FleetError, type FleetErrorCode } from '../../model/errors.ts';
import type { SshTarget } from '../config/ssh-target.ts';
import { itSaid, lastWords } from '../shared/host-words.ts';
import { where } from './ssh-errors.ts';

interface Meaning {
  readonly pattern: RegExp;
  readonly what: (target: SshTarget, found: RegExpExecArray) => string;
  readonly hint: (target: SshTarget, found: RegExpExecArray) => string;
}

/**
 * What hosts say where a login runs no commands. sshd and shells have no codes for it: their words
 * are all there is.
 */
const LOGIN_MEANINGS: readonly Meaning[] = [
  {
    pattern: /log ?in as (?:the )?(?:user )?["'‘“]?([\w.-]+)["'’”]? (?:user )?rather than/i,
    what: ({ user }, found) => `${user} may not run commands there, ${found[1]} may`,
    hint: ({ host }, found) => `set user: ${found[1]} for ${host} in the inventory`,
  },
  {
    pattern:
      /password (has|is) expired|required to change your password|change your password|Password change required/i,
    what: ({ user }) =>
      `the password of ${user} has expired, and the host runs nothing until it is changed`,
    hint: ({ user, address }) =>
      `change it once by hand: ssh -t ${user}@${address}; or lift the expiry as root: ` +
      `chage -d $(date +%F) -M -1 ${user}`,
  },
  {
    pattern: /account (has|is) (expired|locked|disabled)/i,
    what: ({ user }) => `the account ${user} has expired or is locked`,
    hint: ({ user }) =>
      `as root on the host: chage -E -1 ${user} (expired) or passwd -u ${user} (locked)`,
  },
  {
    pattern: /account is (currently )?not available|nologin/i,
    what: ({ user }) => `the login shell of ${user} is one that refuses everything (nologin)`,
    hint: ({ user }) =>
      `as root on the host: usermod -s /bin/bash ${user}; or set another user in the inventory`,
  },
  {
    pattern: /allows sftp connections only/i,
    what: ({ user }) => `the login of ${user} is for SFTP only`,
    hint: ({ user }) =>
      `remove "ForceCommand internal-sftp" for ${user} from the host’s sshd config, or set ` +
      'another user in the inventory',
  },
  {
    pattern: /restricted|rbash/i,
    what: ({ user }) => `the login shell of ${user} is restricted`,
    hint: ({ user }) => `as root on the host: usermod -s /bin/bash ${user}`,
  },
];

/**
 * The login works, and its shell started no command. `words` is what came instead; `isSftp`: an
 * SFTP server answered.
 */
export function loginFailure(target: SshTarget, words: string, isSftp: boolean): FleetError {
  const text = isSftp ? 'This service allows sftp connections only.' : words;
  const meant = meaningOf(LOGIN_MEANINGS, target, text);
  const what = meant?.what ?? `the login shell of ${target.user} runs no commands`;
  return new FleetError(
    'host-not-ready',
    `${target.host}: ${what} (${where(target)})${itSaid(words)}`,
    {
      hint:
        meant?.hint ??
        `look at it: ssh ${target.user}@${target.address} true; a forced command in ` +
          `authorized_keys or sshd’s config, the shell of ${target.user}, or "exit" in its ` +
          'start files',
      host: target.host,
      cause: words,
    },
  );
}

/** Whether these are words of a login that runs no commands, and not of sudo. */
export const isLoginRefusal = (words: string): boolean =>
  !/sudo/i.test(words) && LOGIN_MEANINGS.some(({ pattern }) => pattern.test(words));

const SUDO_MEANINGS: readonly Meaning[] = [
  {
    pattern: /must have a tty/i,
    what: () => 'sudo wants a terminal (requiretty)',
    hint: ({ user }) => `on the host, in /etc/sudoers.d: Defaults:${user} !requiretty`,
  },
  {
    pattern: /not in the sudoers|may not run|not allowed to (execute|run)|afraid I can.?t do that/i,
    what: ({ user }) => `${user} may not use sudo`,
    hint: ({ user }) => `add ${user} to the group sudo, or log in as root`,
  },
  {
    pattern:
      /(account|password) (is |has )?expired|account validation failure|is your account locked/i,
    what: ({ user }) => `sudo refuses ${user}, whose account or password has expired or is locked`,
    hint: ({ user }) => `as root on the host: chage -l ${user}`,
  },
  {
    pattern: /incorrect (password|authentication)|no password was provided|try again/i,
    what: () => 'sudo refused the password',
    hint: () => 'check sudo_password in the inventory',
  },
  {
    pattern: /(password|authentication) is required|terminal is required|no askpass program/i,
    what: () => 'sudo asks for a password',
    hint: () =>
      'set sudo_password in the inventory, or give the user NOPASSWD in /etc/sudoers.d; ' +
      'where sudo was narrowed, set init_user',
  },
  {
    pattern: /sudo.*(not found|No such file)/i,
    what: () => 'sudo is not installed',
    hint: () => 'install sudo on the host, or log in as root',
  },
  {
    pattern:
      /syntax error|parse error|no valid sudoers|invalid configuration|is owned by uid|world writable|setuid|no new privileges|effective uid/i,
    what: () => 'sudo does not work on the host',
    hint: () => 'as root on the host: visudo -c',
  },
];

/**
 * Why sudo did not start the command: called only when the command's marker never came. sudo has no
 * codes of its own (always 1), so its
 * text, in the C locale, is all there is; an unknown text still is a sudo failure.
 */
export function sudoFailure(target: SshTarget, words: string): FleetError {
  const meant = meaningOf(SUDO_MEANINGS, target, words);
  const what = meant?.what ?? 'sudo did not start the command';
  return new FleetError('sudo', `${target.host}: ${what} (${where(target)})${itSaid(words)}`, {
    hint: meant?.hint ?? `log in as ${target.user} and run: sudo -n true`,
    host: target.host,
    cause: words,
  });
}

function meaningOf(
  meanings: readonly Meaning[],
  target: SshTarget,
  text: string,
): { readonly what: string; readonly hint: string } | null {
  for (const { pattern, what, hint } of meanings) {
    const found = pattern.exec(text);
    if (found !== null) return { what: what(target, found), hint: hint(target, found) };
  }
  return null;
}

/**
 * Why a channel was not opened: the code and the words that the other side gave (RFC 4254, section
 * 5.1).
 */
interface ChannelRefusal {
  /**
   * 1 administratively prohibited, 2 connect failed, 3 unknown channel type, 4 resource shortage.
   */
  readonly reason?: number | string;
  readonly message?: string;
}

const channelWords = ({ message = '' }: ChannelRefusal): string =>
  lastWords(message.replace(/^\(SSH\) Channel open failure: /, ''));

interface HopMeaning {
  readonly pattern: RegExp;
  readonly code: FleetErrorCode;
  readonly what: string;
  readonly hint: string;
}

const HOP_MEANINGS: readonly HopMeaning[] = [
  {
    pattern: /refused/i,
    code: 'ssh-connect',
    what: 'nothing listens there',
    hint: 'check that sshd runs on the host and that the port is right, as seen from the jump host',
  },
  {
    pattern: /name or service|name resolution|not known|no address|nodename/i,
    code: 'ssh-resolve',
    what: 'the jump host does not know that name',
    hint: 'write a HostName or address that the jump host can resolve',
  },
  {
    pattern: /timed out/i,
    code: 'ssh-timeout',
    what: 'the host does not answer the jump host',
    hint: 'check that the server is up and that its firewall lets the jump host in',
  },
  {
    pattern: /no route|unreachable/i,
    code: 'ssh-connect',
    what: 'the jump host has no route to it',
    hint: 'check the address, and the network between the jump host and the host',
  },
];

/** A jump host opened no way to the target. */
export function hopFailure(target: SshTarget, jump: SshTarget, cause: unknown): FleetError {
  const refusal = (cause ?? {}) as ChannelRefusal;
  const words = channelWords(refusal);
  const way = `${target.address}:${target.port} from the jump host ${where(jump)}`;
  const fail = (code: FleetErrorCode, what: string, hint: string): FleetError =>
    new FleetError(code, `${target.host}: no way to ${way}: ${what}${itSaid(words)}`, {
      hint,
      host: target.host,
      cause,
    });
  if (refusal.reason === 1 || refusal.reason === 3) {
    const hint =
      'on the jump host allow it: AllowTcpForwarding, PermitOpen and DisableForwarding in ' +
      'its sshd config, "restrict" or permitopen in authorized_keys';
    return fail('ssh-refused', 'it forbids forwarding', hint);
  }
  const meant = HOP_MEANINGS.find(({ pattern }) => pattern.test(words));
  if (meant !== undefined) return fail(meant.code, meant.what, meant.hint);
  if (refusal.reason === 4)
    return fail(
      'ssh-refused',
      'it has no room for one more channel',
      'try again with a lower concurrency',
    );
  return fail(
    'ssh-connect',
    'it could not connect',
    'look at it from the jump host: nc -vz HOST PORT',
  );
}

/** sshd opens no session for a command, although it was asked several times. */
export const sessionRefused = (target: SshTarget, cause: unknown): FleetError =>
  new FleetError(
    'ssh-refused',
    `${target.host}: sshd opens no session for commands ` +
      `(${where(target)})${itSaid(channelWords((cause ?? {}) as ChannelRefusal))}`,
    {
      hint: 'check MaxSessions (0 or 1 is too few), ForceCommand and the login shell on the host',
      host: target.host,
      cause,
    },
  );

/**
 * The agent's socket was not reached by forwarding nor by a command; `words` is what the command
 * said.
 */
export const socketFailure = (
  target: SshTarget,
  path: string,
  words: string,
  cause?: unknown,
): FleetError =>
  new FleetError(
    'agent-unreachable',
    `${target.host}: nothing answers on ${path}${itSaid(words)}`,
    {
      hint:
        `run fleet init --limit ${target.host}; the agent’s own words: fleet exec ` +
        `${target.host} -- journalctl -u fleet-agent -n 20`,
      host: target.host,
      cause,
    },
  );

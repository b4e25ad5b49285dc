import { FleetError } from '../../model/errors.ts';
import { judgeFingerprint } from '../config/known-hosts.ts';
import type { KnownHost } from '../config/ssh-context.ts';
import type { SshTarget } from '../config/ssh-target.ts';
import {
  authFailure,
  connectFailure,
  hostKeyFailure,
  interruptedFailure,
  where,
} from '../session/ssh-errors.ts';
import { itSaid } from '../shared/host-words.ts';
import type { HandshakeLog } from './handshake-log.ts';

/** What is known about a login by OpenSSH that did not come through. */
export interface FailedLogin {
  readonly target: SshTarget;
  readonly log: HandshakeLog;
  readonly end: 'itself' | 'time' | 'interrupted';
  readonly known: KnownHost;
  /** What could not be offered, one line each. */
  readonly skipped: readonly string[];
}

/** What the system says in words, where ssh2 has its code. */
const SYSTEM_WORDS: readonly [RegExp, string][] = [
  [/Could not resolve hostname .*Temporary failure/i, 'EAI_AGAIN'],
  [/Could not resolve hostname/i, 'ENOTFOUND'],
  [/connect to .*: Connection refused/i, 'ECONNREFUSED'],
  [/connect to .*: (Connection|Operation) timed out/i, 'ETIMEDOUT'],
  [/connect to .*: No route to host|connect to .*: Host is down/i, 'EHOSTUNREACH'],
  [/connect to .*: Network is unreachable|Cannot assign requested address/i, 'ENETUNREACH'],
];

/** The same error for the same thing, whichever transport met it. Pure. */
export function explainLogin(failed: FailedLogin): FleetError {
  const { target, log, end } = failed;
  if (end === 'interrupted') return interruptedFailure(target.host);
  if (log.isHostKeyRefused) return refusedKey(failed);
  const words = log.words.join('\n');
  if (end === 'time' || /timed out during banner exchange|timeout before auth/i.test(words)) {
    const isLate = log.isConnected;
    const cause = isLate ? { level: 'client-timeout' } : { code: 'ETIMEDOUT' };
    return connectFailure(target, phaseOf(log), cause, log.greeting);
  }
  const system = SYSTEM_WORDS.find(([pattern]) => pattern.test(words));
  if (system !== undefined && !log.isLoggingIn) {
    return connectFailure(target, 'dial', { code: system[1] });
  }
  if (log.isLoggingIn) return refusedLogin(failed);
  if (/Unable to negotiate|no matching .* found/i.test(words)) return noCommonAlgorithm(failed);
  if (target.openSsh?.isProxied === true && log.greeting === '') return brokenProxy(failed);
  return connectFailure(target, 'handshake', undefined, log.greeting || unknownWords(log));
}

/** Whether the host dropped the connection before anything was done. Pure. */
export function wasDroppedEarly({ target, log, end }: FailedLogin): boolean {
  if (end !== 'itself' || log.hostKey !== null || log.isLoggingIn) return false;
  if (target.openSsh?.isProxied === true) return false;
  const isBusy = /MaxStartups|not allowed at this time/i.test(log.greeting);
  const isDrop = log.words.some((line) =>
    /^kex_exchange_identification: (Connection closed|read: Connection reset)/.test(line),
  );
  return isDrop && (log.greeting === '' || isBusy);
}

const phaseOf = ({ isConnected, isLoggingIn }: HandshakeLog) =>
  isLoggingIn ? 'auth' : isConnected ? 'handshake' : 'dial';

function refusedKey({ target, log, known }: FailedLogin): FleetError {
  const { hostKey } = log;
  if (hostKey === null) return connectFailure(target, 'handshake', undefined, log.words.join('\n'));
  const verdict = judgeFingerprint(hostKey.fingerprint, known.lines, target.pins, known.other);
  if (verdict.kind !== 'trusted') return hostKeyFailure(target, hostKey, verdict);
  const words = log.words.join('\n');
  const source = /revoked by file (.+?)\.?$/m.exec(words)?.[1] ?? 'the ssh config';
  return hostKeyFailure(target, hostKey, { kind: 'revoked', source });
}

/** Words of `ssh` about the end of the connection, which the error says itself. */
const ABOUT_END =
  /^(Disconnected from|Connection (to|closed)|debug|Warning: Identity file|Load key|.*: Permission denied \()/;

function refusedLogin({ target, log, skipped }: FailedLogin): FleetError {
  const said = log.words
    .filter((line) => !ABOUT_END.test(line))
    .map((line) => line.replace(/^Received disconnect from \S+ port \d+:\d+: /, ''))
    .join('\n');
  const { tried, accepted, wanted } = log;
  const offered = tried.filter((label) => label !== 'password' || target.password !== null);
  const isAnswered = (label: string) =>
    label !== 'keyboard-interactive' || target.password !== null;
  const story = { tried: offered.filter(isAnswered), accepted, wanted, skipped, said };
  return authFailure(target, story, log.words);
}

const noCommonAlgorithm = ({ target, log }: FailedLogin): FleetError => {
  const words = log.words.filter((line) => /negotiate|no matching/i.test(line)).join('\n');
  return connectFailure(target, 'handshake', { level: 'handshake', message: words });
};

const brokenProxy = ({ target, log }: FailedLogin): FleetError =>
  new FleetError(
    'ssh-connect',
    `${target.host}: the ProxyCommand of the ssh config opened no way (${where(target)})` +
      itSaid(log.words.filter((line) => !/UNKNOWN port|kex_exchange/.test(line)).join('\n')),
    { hint: `look at it: ssh -v ${target.destination} true`, host: target.host, cause: log.words },
  );

/** What `ssh` says that is no word about a connection which just ended. */
const unknownWords = ({ words }: HandshakeLog): string =>
  words
    .filter((line) => !/^(kex_exchange_identification|Connection (closed|reset))/.test(line))
    .join('\n');

import type { HostKey } from '../config/known-hosts.ts';

/** What `ssh -v` tells of a login, as far as it came. Texts are the other sides' own, unescaped. */
export interface HandshakeLog {
  /** TCP (or the ProxyCommand) brought a connection. */
  readonly isConnected: boolean;
  /** What came before SSH's own first line. */
  readonly greeting: string;
  /** Name of the key exchange; null: it was not agreed. */
  readonly keyExchange: string | null;
  /** The host's key: its type and `SHA256:...`; null: it was not seen. */
  readonly hostKey: { readonly type: HostKey['type']; readonly fingerprint: string } | null;
  readonly isHostKeyRefused: boolean;
  /** The host's key was accepted, and the login has begun. */
  readonly isLoggingIn: boolean;
  /** What was offered, in order, each once: key files, `ssh-agent`, `password`... */
  readonly tried: readonly string[];
  /** Those of them that were accepted, although that was not enough. */
  readonly accepted: readonly string[];
  /** Methods that the host would have gone on with. */
  readonly wanted: readonly string[];
  /** There is an agent named, and it does not answer. */
  readonly isAgentSilent: boolean;
  /** Words of `ssh`, ProxyCommand and host that are no part of its own log; banners, too. */
  readonly words: readonly string[];
}

/** Bytes of the log that are kept, the head: a host that says more is heard no longer. */
export const MAX_LOG_BYTES = 256 * 1024;

/** Only what `ssh` says itself before the host says anything, so that no banner can feign it. */
const KEX = /^debug1: kex: algorithm: (\S+)/;
const HOST_KEY = /^debug1: Server host key: (\S+) (SHA256:\S+)/;
const GREETING = /^debug1: kex_exchange_identification: banner line \d+: (.*)/;
const OFFERS = /^debug1: Offering public key: (.*)$/;
const TRIES = /^debug1: Trying private key: (.*)$/;
const GOES_ON = /^debug1: Authentications that can continue: (.*)$/;
const NEXT = /^debug1: Next authentication method: (\S+)/;
const PARTIAL = /^(?:debug1: )?Authenticated using "[^"]*" with partial success/;
/** Lines of `ssh` itself that say nothing that the log above does not. */
const OWN = /^(debug\d: |OpenSSH_|Authenticated |Warning: Permanently added|@{20,}|$)/;

/** Reads a log of OpenSSH 8.5 to 10. Pure. */
export function readHandshakeLog(text: string): HandshakeLog {
  const lines = text.split('\n').map((line) => line.replace(/\r$/, ''));
  const first = (pattern: RegExp) => firstMatch(lines, pattern);
  const [, type, fingerprint] = first(HOST_KEY) ?? [];
  return {
    isConnected: lines.some((line) => /^debug1: (Connection established|Local version)/.test(line)),
    greeting: lines.flatMap((line) => GREETING.exec(line)?.[1] ?? []).join('\n'),
    keyExchange: first(KEX)?.[1] ?? null,
    hostKey: type === undefined || fingerprint === undefined ? null : { type, fingerprint },
    isHostKeyRefused: lines.some((line) => line === 'Host key verification failed.'),
    isLoggingIn: lines.some((line) => /^debug1: SSH2_MSG_(NEWKEYS|SERVICE_ACCEPT) rec/.test(line)),
    isAgentSilent: lines.some((line) => /^debug1: .*ssh_get_authentication_socket: /.test(line)),
    ...attemptsIn(lines),
    words: lines.filter((line) => !OWN.test(line)),
  };
}

function firstMatch(lines: readonly string[], pattern: RegExp): RegExpExecArray | null {
  for (const line of lines) {
    const found = pattern.exec(line);
    if (found !== null) return found;
  }
  return null;
}

function attemptsIn(lines: readonly string[]): Pick<HandshakeLog, 'tried' | 'accepted' | 'wanted'> {
  const tried = new Set<string>();
  const accepted = new Set<string>();
  let wanted: readonly string[] = [];
  let last: string | null = null;
  for (const line of lines) {
    const label = labelOf(line);
    if (label !== null) {
      tried.add(label);
      last = label;
    }
    if (PARTIAL.test(line) && last !== null) accepted.add(last);
    wanted = GOES_ON.exec(line)?.[1]?.split(',') ?? wanted;
  }
  return { tried: [...tried], accepted: [...accepted], wanted };
}

/** What a line says is tried: `PATH TYPE FINGERPRINT explicit agent`, in OpenSSH's words. */
function labelOf(line: string): string | null {
  const offer = OFFERS.exec(line)?.[1];
  if (offer !== undefined) {
    const path = /^(.*) \S+ SHA256:\S+/.exec(offer)?.[1] ?? offer;
    const isAgent = /SHA256:\S+.* agent$/.test(offer);
    if (!isAgent) return path;
    return / explicit( token)? agent$/.test(offer) ? `${path} from ssh-agent` : 'ssh-agent';
  }
  const path = TRIES.exec(line)?.[1];
  if (path !== undefined) return path;
  const method = NEXT.exec(line)?.[1];
  return method === undefined || method === 'publickey' ? null : method;
}

import { isIP } from 'node:net';
import type { SshConfigLine } from './ssh-config-file.ts';

/**
 * Keywords that fleet follows. Their value is what it is for OpenSSH, and a value that OpenSSH
 * refuses is refused.
 */
const FOLLOWED = new Set(
  `host match include hostname user port identityfile identitiesonly identityagent userknownhostsfile globalknownhostsfile proxyjump proxycommand
  hostkeyalias addressfamily bindaddress ciphers macs kexalgorithms hostkeyalgorithms pubkeyacceptedalgorithms preferredauthentications
  pubkeyauthentication passwordauthentication kbdinteractiveauthentication canonicalizehostname canonicalizemaxdots
  canonicalizepermittedcnames revokedhostkeys ignoreunknown tag`.split(/\s+/),
);

/**
 * Keywords about terminals, forwarding, sharing or comfort of the `ssh` program: fleet has its own
 * way or no need.
 */
const OWN_WAY = new Set(
  `addkeystoagent batchmode canonicaldomains canonicalizefallbacklocal casignaturealgorithms checkhostip clearallforwardings compression
  connectionattempts connecttimeout controlmaster controlpath controlpersist dynamicforward enableescapecommandline enablesshkeysign escapechar
  exitonforwardfailure fingerprinthash forkafterauthentication forwardagent forwardx11 forwardx11timeout forwardx11trusted gatewayports
  gssapiauthentication gssapidelegatecredentials gssapikeyexchange gssapitrustdns gssapirenewalforcesrekey gssapiclientidentity
  gssapiserveridentity gssapikexalgorithms hashknownhosts hostbasedacceptedalgorithms ipqos kbdinteractivedevices localcommand localforward
  loglevel logverbose numberofpasswordprompts obscurekeystroketiming permitlocalcommand permitremoteopen proxyusefdpass rekeylimit
  remotecommand remoteforward requesttty sendenv serveralivecountmax serveraliveinterval sessiontype stdinnull streamlocalbindmask
  streamlocalbindunlink syslogfacility tcpkeepalive tunnel tunneldevice updatehostkeys usekeychain visualhostkey warnweakcrypto
  xauthlocation channeltimeout versionaddendum protocol cipher compressionlevel rhostsauthentication rsaauthentication rhostsrsaauthentication
  useprivilegedport usersh useroaming fallbacktorsh globalknownhostsfile2 userknownhostsfile2`.split(
    /\s+/,
  ),
);

/**
 * Keywords that matter to a login and that fleet does not follow, with the values that change
 * nothing.
 */
const IGNORED: Readonly<Record<string, readonly string[]>> = {
  hostbasedauthentication: ['no', 'false'],
  nohostauthenticationforlocalhost: ['no', 'false'],
  verifyhostkeydns: ['no', 'false', 'ask'],
  stricthostkeychecking: ['yes', 'true', 'ask', 'accept-new'],
  certificatefile: ['none'],
  knownhostscommand: ['none'],
  pkcs11provider: ['none'],
  securitykeyprovider: ['internal'],
  requiredrsasize: [],
  setenv: [],
};

/**
 * Keywords that decide where or how one connects, and that fleet cannot follow: an error, with the
 * way out.
 */
const REFUSED: Readonly<Record<string, string>> = {
  bindinterface:
    'set BindAddress instead, or write "Host" blocks that leave BindInterface out for this host',
  refuseconnection: 'the ssh config refuses this host: remove RefuseConnection to reach it',
};

/** Other names of the same keyword. */
const ALIASES: Readonly<Record<string, string>> = {
  identityfile2: 'identityfile',
  dsaauthentication: 'pubkeyauthentication',
  challengeresponseauthentication: 'kbdinteractiveauthentication',
  skeyauthentication: 'kbdinteractiveauthentication',
  tisauthentication: 'kbdinteractiveauthentication',
  pubkeyacceptedkeytypes: 'pubkeyacceptedalgorithms',
  hostbasedkeytypes: 'hostbasedacceptedalgorithms',
  keepalive: 'tcpkeepalive',
};

/** The keyword's own name, whatever older name stands in the file. */
export const canonicalKeyword = (keyword: string): string => ALIASES[keyword] ?? keyword;

/**
 * What fleet does about a directive that applies: `followed`; `own-way`, fleet ignores it;
 * `ignored`, which the operator is told; `unknown`; `refused`, with the way out.
 */
export type Treatment =
  | { readonly kind: 'followed' | 'own-way' | 'ignored' | 'neutral' | 'unknown' }
  | { readonly kind: 'refused'; readonly wayOut: string };

export function treatmentOf(keyword: string, argument: string): Treatment {
  if (FOLLOWED.has(keyword)) return { kind: 'followed' };
  if (OWN_WAY.has(keyword)) return { kind: 'own-way' };
  const neutral = IGNORED[keyword];
  if (neutral !== undefined)
    return { kind: neutral.includes(argument.toLowerCase()) ? 'neutral' : 'ignored' };
  const wayOut = REFUSED[keyword];
  return wayOut === undefined ? { kind: 'unknown' } : { kind: 'refused', wayOut };
}

/**
 * Whether a directive decides where or how one connects or whom one trusts: what no unsupported
 * condition may decide silently.
 */
export const decidesConnection = (keyword: string): boolean =>
  (FOLLOWED.has(keyword) && keyword !== 'ignoreunknown' && keyword !== 'tag') || keyword in REFUSED;

const YES = /^(yes|true)$/i;
const NO = /^(no|false)$/i;

/** How OpenSSH reads yes and no. */
export const isYes = (text: string | undefined): boolean => text !== undefined && YES.test(text);
export const isNo = (text: string | undefined): boolean => text !== undefined && NO.test(text);

const isFlag = (text: string): boolean => YES.test(text) || NO.test(text);

const CHECKS: Readonly<Record<string, (text: string) => boolean>> = {
  port: (text) => /^\d+$/.test(text) && Number(text) > 0 && Number(text) < 65_536,
  identitiesonly: isFlag,
  passwordauthentication: isFlag,
  kbdinteractiveauthentication: isFlag,
  pubkeyauthentication: (text) => isFlag(text) || /^(unbound|host-bound)$/i.test(text),
  addressfamily: (text) => /^(any|inet|inet6)$/i.test(text),
  canonicalizehostname: (text) => isFlag(text) || /^always$/i.test(text),
  stricthostkeychecking: (text) => isFlag(text) || /^(off|ask|accept-new)$/i.test(text),
  bindaddress: (text) => isIP(text) !== 0,
  canonicalizemaxdots: (text) => /^\d+$/.test(text),
};

const SINGLE = new Set([
  ...Object.keys(CHECKS),
  ...(
    'hostname user identityfile identityagent hostkeyalias ciphers macs kexalgorithms ' +
    'hostkeyalgorithms'
  ).split(' '),
  ...'pubkeyacceptedalgorithms preferredauthentications revokedhostkeys tag ignoreunknown'.split(
    ' ',
  ),
]);

/**
 * Why OpenSSH would refuse the line; null when it would not. Only for keywords that fleet follows.
 */
export function mistakeIn({
  keyword,
  values,
}: Pick<SshConfigLine, 'keyword' | 'values'>): string | null {
  const [value = ''] = values;
  if (keyword === 'userknownhostsfile' || keyword === 'globalknownhostsfile') {
    if (values.includes('')) return `${keyword} has an empty name`;
    return values.length > 1 && values.some((one) => one.toLowerCase() === 'none')
      ? `"none" must stand alone`
      : null;
  }
  if (!SINGLE.has(keyword)) return null;
  if (value === '') return `${keyword} has no value`;
  if (values.length > 1) return `${keyword} takes one value, "${values[1]}" is too much`;
  return CHECKS[keyword]?.(value) === false
    ? `${keyword} ${value} is not a value that fleet knows`
    : null;
}

import { wildcardMatches } from './known-hosts.ts';

/** One directive. `keyword` in lower case; `body` holds the directives below a `host` or `match` line. */
export interface SshConfigLine {
  readonly keyword: string;
  readonly values: readonly string[];
  readonly body: readonly SshConfigLine[];
}

/** What an ssh config says about one destination. Absent: not said. `~` and `%` tokens are not expanded yet. */
export interface SshOptions {
  /** First value per keyword, lower case, as OpenSSH decides. */
  readonly first: ReadonlyMap<string, readonly string[]>;
  readonly identityFiles: readonly string[];
  /** One line for every directive that applies, would change the connection, and is not supported. */
  readonly warnings: readonly string[];
  /** Directives that apply and that fleet does without, because it has its own way or no need: named when a host is met, and that is all. */
  readonly unused: readonly string[];
}

const SUPPORTED = new Set(
  'host match include hostname user port identityfile identitiesonly identityagent userknownhostsfile globalknownhostsfile proxyjump hostkeyalias addressfamily'.split(
    ' ',
  ),
);

/** Directives that concern terminals, forwarding, sharing or comfort of the `ssh` program: fleet has its own way or no need. */
const OWN_WAY = new Set(
  `addkeystoagent batchmode checkhostip clearallforwardings compression connectionattempts connecttimeout controlmaster controlpath
  controlpersist dynamicforward enableescapecommandline escapechar exitonforwardfailure fingerprinthash forkafterauthentication forwardagent forwardx11
  forwardx11timeout forwardx11trusted gatewayports gssapiauthentication gssapidelegatecredentials hashknownhosts ignoreunknown ipqos kbdinteractivedevices
  localforward loglevel logverbose numberofpasswordprompts obscurekeystroketiming permitlocalcommand
  permitremoteopen rekeylimit remotecommand remoteforward requesttty sendenv serveralivecountmax serveraliveinterval sessiontype stdinnull
  streamlocalbindmask streamlocalbindunlink syslogfacility tag tcpkeepalive tunnel tunneldevice updatehostkeys usekeychain visualhostkey warnweakcrypto
  xauthlocation`.split(/\s+/),
);

/** Values with which an otherwise unsupported directive changes nothing. */
const NEUTRAL: Readonly<Record<string, readonly string[]>> = {
  proxycommand: ['none'],
  canonicalizehostname: ['no'],
  stricthostkeychecking: ['yes', 'ask', 'accept-new'],
  pubkeyauthentication: ['yes'],
  passwordauthentication: ['yes'],
  kbdinteractiveauthentication: ['yes'],
  hostbasedauthentication: ['no'],
  nohostauthenticationforlocalhost: ['no'],
  verifyhostkeydns: ['no', 'ask'],
  certificatefile: ['none'],
  knownhostscommand: ['none'],
};

/**
 * Evaluates a config for `destination` (what one would type after `ssh`), as OpenSSH does: the first value of a keyword wins,
 * IdentityFile adds up. `user` is the user that is asked for, null when none is; `localUser` runs fleet.
 */
export function evaluateSshOptions(
  lines: readonly SshConfigLine[],
  destination: string,
  user: string | null,
  localUser: string,
): SshOptions {
  const first = new Map<string, readonly string[]>();
  const identityFiles: string[] = [];
  const warnings = new Set<string>();
  const unused = new Set<string>();
  const walk = (body: readonly SshConfigLine[]): void => {
    for (const line of body) {
      if (line.keyword === 'host') {
        if (hostLineMatches(line.values, destination)) walk(line.body);
      } else if (line.keyword === 'match') {
        const facts = { destination, hostName: first.get('hostname')?.[0], user: user ?? first.get('user')?.[0] ?? localUser, localUser };
        if (matchLineMatches(line.values, facts, warnings)) walk(line.body);
      } else if (line.keyword === 'identityfile') {
        identityFiles.push(...line.values);
      } else if (!first.has(line.keyword)) {
        first.set(line.keyword, line.values);
        const warning = warningOf(line);
        if (warning !== null) warnings.add(warning);
        if (OWN_WAY.has(line.keyword)) unused.add(line.keyword);
      }
    }
  };
  walk(lines);
  return { first, identityFiles, warnings: [...warnings], unused: [...unused] };
}

function warningOf(line: SshConfigLine): string | null {
  if (SUPPORTED.has(line.keyword) || OWN_WAY.has(line.keyword)) return null;
  const value = line.values.join(' ').toLowerCase();
  if (NEUTRAL[line.keyword]?.includes(value)) return null;
  if (line.keyword === 'stricthostkeychecking')
    return `ssh config: StrictHostKeyChecking ${value} is ignored, host keys are always verified`;
  return `ssh config: ${line.keyword} is not supported and ignored`;
}

function hostLineMatches(patterns: readonly string[], destination: string): boolean {
  if (patterns.some((pattern) => pattern.startsWith('!') && wildcardMatches(pattern.slice(1), destination))) return false;
  return patterns.some((pattern) => wildcardMatches(pattern, destination));
}

interface MatchFacts {
  readonly destination: string;
  readonly hostName: string | undefined;
  readonly user: string;
  readonly localUser: string;
}

/** Criteria: all, host, originalhost, user, localuser, each with `!`. Others do not match and are named in `warnings`. */
function matchLineMatches(values: readonly string[], facts: MatchFacts, warnings: Set<string>): boolean {
  const subjects: Readonly<Record<string, string>> = {
    host: facts.hostName ?? facts.destination,
    originalhost: facts.destination,
    user: facts.user,
    localuser: facts.localUser,
  };
  for (let index = 0; index < values.length; index += 1) {
    const word = (values[index] ?? '').toLowerCase();
    const negated = word.startsWith('!');
    const criterion = negated ? word.slice(1) : word;
    if (criterion === 'all') continue;
    const subject = subjects[criterion];
    if (subject === undefined) {
      warnings.add(`ssh config: Match ${criterion} is not supported, its block is skipped`);
      return false;
    }
    index += 1;
    if (hostLineMatches((values[index] ?? '').split(','), subject) === negated) return false;
  }
  return true;
}

import { isIP } from 'node:net';
import { badLine, type SshConfigLine } from './ssh-config-file.ts';
import { listMatches, nextWord, patternsMatch } from './ssh-config-words.ts';
import {
  canonicalKeyword,
  decidesConnection,
  isNo,
  mistakeIn,
  treatmentOf,
} from './ssh-keywords.ts';
import { expandTokens } from './ssh-tokens.ts';
import { UnsupportedConfig } from './unsupported.ts';

/** What is asked of a config: the rest of an `ssh` command line. Null: not given. */
export interface SshQuery {
  /** What one would type after `ssh`. */
  readonly destination: string;
  readonly user: string | null;
  readonly port: number | null;
  /** `-J`: hops before this one, which take the place of the config's ProxyJump. */
  readonly jump: string | null;
  /** Who runs fleet. */
  readonly localUser: string;
}

/**
 * What an ssh config says about one destination. Absent: not said. Tokens are not expanded yet, but
 * for those of HostName.
 */
export interface SshOptions {
  /** First value per keyword, lower case, as OpenSSH decides. */
  readonly first: ReadonlyMap<string, readonly string[]>;
  /** Address or name to connect to. */
  readonly hostName: string;
  /** Each once, in order. */
  readonly identityFiles: readonly string[];
  /** Where each keyword was decided: `FILE:LINE`. Absent: not by a config. */
  readonly sources: ReadonlyMap<string, string>;
  /** One line that names directives which apply, matter to a login, and are not followed. */
  readonly warnings: readonly string[];
  /**
   * Directives that apply and that fleet ignores, because it does the same in another way or has no
   * need: named when a host is met, and that is all.
   */
  readonly unused: readonly string[];
}

/**
 * Whether the lines below a Host or Match apply. `doubt`: a condition that fleet does not evaluate
 * decides; the text names it.
 */
type Activity =
  | { readonly kind: 'on' | 'off' }
  | { readonly kind: 'doubt'; readonly about: string };

const ON: Activity = { kind: 'on' };
const OFF: Activity = { kind: 'off' };

/**
 * Evaluates a config for one destination as `ssh -G` does: the first value of a keyword wins,
 * IdentityFile adds up, ProxyJump and ProxyCommand
 * exclude each other, and `Match final` or CanonicalizeHostname read everything a second time with
 * the final name. Throws `ssh-config` for what
 * OpenSSH refuses, and for what decides where or how one connects and is not supported.
 */
export function evaluateSshOptions(
  files: readonly (readonly SshConfigLine[])[],
  query: SshQuery,
): SshOptions {
  const walk = new Walk(query);
  for (const lines of files) walk.read(lines, ON, false);
  const canonicalize = walk.one('canonicalizehostname');
  walk.fixName(plainName(walk.hostName(), walk.one('addressfamily')?.toLowerCase()));
  refuseCanonicalDomain(walk, query.destination);
  if (walk.wantsFinal || !(canonicalize === undefined || isNo(canonicalize)))
    for (const lines of files) walk.read(lines, ON, false);
  return walk.result();
}

/**
 * Names in lower case; IP addresses as the system prints them, where more than the case of letters
 * differs and the family may be used.
 */
function plainName(name: string, family: string | undefined): string {
  const isSix = name.includes(':');
  const isAddress = isSix ? isIP(name) === 6 : /^[\d.]+$/.test(name);
  if (!isAddress || family === (isSix ? 'inet' : 'inet6')) return isSix ? name : name.toLowerCase();
  try {
    const address = new URL(`http://${isSix ? `[${name}]` : name}`).hostname.replace(
      /^\[|\]$/g,
      '',
    );
    return address === name.toLowerCase() || (isSix && name.includes('.')) ? name : address;
  } catch {
    return name;
  }
}

/**
 * Where OpenSSH would add a domain or follow a CNAME, only a name server can tell what it connects
 * to.
 */
function refuseCanonicalDomain(walk: Walk, destination: string): void {
  const text = walk.one('canonicalizehostname');
  const name = walk.hostName();
  if (text === undefined || isNo(text) || /^[\d.]+$|:/.test(name)) return;
  const dots = name.split('.').length - 1;
  const isWhole = dots > Number(walk.one('canonicalizemaxdots') ?? '1');
  const followsCnames =
    walk.one('canonicalizepermittedcnames') !== undefined &&
    walk.one('canonicalizepermittedcnames') !== 'none';
  if (isWhole && !followsCnames) return;
  throw new UnsupportedConfig(
    `CanonicalizeHostname ${text} applies to ${destination}, and fleet does not ask name ` +
      'servers for domains',
    {
      hint:
        'set "CanonicalizeHostname no" and a whole HostName for this host, or write its ' +
        'whole name as address in the inventory',
    },
  );
}

class Walk {
  wantsFinal = false;
  /** The name of the second reading. */
  #finalName: string | null = null;
  readonly #query: SshQuery;
  readonly #first = new Map<string, readonly string[]>();
  readonly #identityFiles = new Set<string>();
  readonly #sources = new Map<string, string>();
  readonly #ignored = new Set<string>();
  readonly #unknown = new Set<string>();
  readonly #unused = new Set<string>();

  constructor(query: SshQuery) {
    this.#query = query;
    if (query.user !== null) this.#first.set('user', [query.user]);
    if (query.port !== null) this.#first.set('port', [String(query.port)]);
    if (query.jump !== null) this.#setJump(query.jump);
  }

  one(keyword: string): string | undefined {
    return this.#first.get(keyword)?.[0];
  }

  /** The name to connect to, as far as it is known. */
  hostName(): string {
    const { destination } = this.#query;
    if (this.#finalName !== null) return this.#finalName;
    const text = this.one('hostname');
    return text === undefined ? destination : expandTokens(text, { h: destination }, 'HostName');
  }

  /** From here on HostName is decided: what is read now is the second reading. */
  fixName(name: string): void {
    this.#finalName = name;
    this.#first.set('hostname', [name]);
  }

  result(): SshOptions {
    const ignored =
      this.#ignored.size === 0
        ? []
        : [`ignored ssh_config options: ${[...this.#ignored].join(', ')}`];
    const unknown =
      this.#unknown.size === 0
        ? []
        : [`ssh_config options that fleet does not know: ${[...this.#unknown].join(', ')}`];
    return {
      first: this.#first,
      hostName: this.hostName(),
      identityFiles: [...this.#identityFiles],
      sources: this.#sources,
      warnings: [...ignored, ...unknown],
      unused: [...this.#unused],
    };
  }

  /** `never`: an included file below a block that does not apply. */
  read(lines: readonly SshConfigLine[], activity: Activity, never: boolean): void {
    let now = activity;
    for (const line of lines) {
      if (line.keyword === 'host') now = never ? OFF : this.#hostLine(line);
      else if (line.keyword === 'match') {
        const decided = this.#matchLine(line);
        now = never ? OFF : decided;
      } else if (line.keyword === 'include')
        for (const file of line.included) this.read(file, now, never || now.kind === 'off');
      else this.#directive({ ...line, keyword: canonicalKeyword(line.keyword) }, now);
    }
  }

  #directive(line: SshConfigLine, activity: Activity): void {
    const mistake = mistakeIn(line);
    if (mistake !== null) throw badLine(line.source, mistake);
    if (activity.kind === 'off' || this.#isSet(line)) return;
    if (activity.kind === 'doubt') {
      if (!decidesConnection(line.keyword)) return;
      throw new UnsupportedConfig(
        `${line.source}: ${activity.about} is not supported, and it decides ` +
          `${line.keyword} for ${this.#query.destination}`,
        {
          hint: `say ${line.keyword} for this host in a "Host" block above it, or in the inventory`,
        },
      );
    }
    this.#take(line);
  }

  #isSet({ keyword, values }: SshConfigLine): boolean {
    if (keyword === 'identityfile') return this.#identityFiles.has(values[0] ?? '');
    return this.#first.has(keyword) || (keyword === 'proxyjump' && this.#first.has('proxycommand'));
  }

  #take(line: SshConfigLine): void {
    const { keyword, values } = line;
    if (!this.#sources.has(keyword)) this.#sources.set(keyword, line.source);
    const argument =
      keyword === 'proxycommand' || keyword === 'proxyjump'
        ? line.argument.replace(/^[ \t\r\n=]+/, '')
        : line.argument;
    if (keyword === 'identityfile') this.#identityFiles.add(values[0] ?? '');
    else if (keyword === 'proxyjump') this.#setJump(argument.replace(/\s*#.*$/, ''));
    else this.#first.set(keyword, keyword === 'proxycommand' ? [argument] : values);
    this.#note(line);
  }

  /**
   * ProxyJump leaves no place for a ProxyCommand, and the other way round, also when it says none.
   */
  #setJump(text: string): void {
    this.#first.set('proxyjump', [text]);
    this.#first.set('proxycommand', ['none']);
  }

  #note(line: SshConfigLine): void {
    const treatment = treatmentOf(line.keyword, line.values.join(' '));
    if (treatment.kind === 'own-way') this.#unused.add(line.keyword);
    if (treatment.kind === 'ignored')
      this.#ignored.add(
        line.keyword === 'setenv' ? line.keyword : `${line.keyword} ${line.values.join(' ')}`,
      );
    if (
      treatment.kind === 'unknown' &&
      !listMatches((this.one('ignoreunknown') ?? '').toLowerCase(), line.keyword)
    )
      this.#unknown.add(line.keyword);
    if (treatment.kind !== 'refused') return;
    throw new UnsupportedConfig(
      `${line.source}: ${line.keyword} applies to ${this.#query.destination} and is not supported`,
      {
        hint: treatment.wayOut,
      },
    );
  }

  #hostLine({ values, source }: SshConfigLine): Activity {
    if (values.includes('')) throw badLine(source, 'Host has an empty pattern');
    return patternsMatch(values, this.#finalName ?? this.#query.destination) ? ON : OFF;
  }

  #matchLine({ argument, source }: SshConfigLine): Activity {
    let doubt: string | null = null;
    let matches = true;
    let count = 0;
    for (let rest: string | null = argument; rest !== null && rest !== ''; ) {
      const taken = nextWord(rest);
      if (taken === null) throw badLine(source, 'a quote has no end');
      if (taken.word.startsWith('#')) break;
      const negated = taken.word.startsWith('!');
      const criterion = taken.word.slice(negated ? 1 : 0).toLowerCase();
      count += 1;
      if (criterion === 'all') {
        const more = nextWord(taken.rest ?? '')?.word ?? '';
        if (count > 1 || (more !== '' && !more.startsWith('#')))
          throw badLine(source, 'Match all stands alone');
        return negated ? OFF : ON;
      }
      if (criterion === 'final' || criterion === 'canonical') {
        if (criterion === 'final') this.wantsFinal = true;
        if ((this.#finalName !== null) === negated) matches = false;
        rest = taken.rest;
        continue;
      }
      const value = nextWord(taken.rest ?? '');
      if (value === null || value.word === '' || value.word.startsWith('#'))
        throw badLine(source, `Match ${criterion} has no value`);
      rest = value.rest;
      const holds = this.#criterion(criterion, value.word);
      if (holds === null) {
        if (matches) doubt ??= `Match ${criterion}`;
      } else if (holds === negated) matches = false;
    }
    if (count === 0) throw badLine(source, 'Match has no condition');
    if (!matches) return OFF;
    return doubt === null ? ON : { kind: 'doubt', about: doubt };
  }

  /** Null: fleet cannot tell. */
  #criterion(criterion: string, value: string): boolean | null {
    const { destination, localUser } = this.#query;
    const lower = value.toLowerCase();
    switch (criterion) {
      case 'host':
        return listMatches(lower, this.hostName().toLowerCase());
      case 'originalhost':
        return listMatches(lower, destination.toLowerCase());
      case 'user':
        return listMatches(value, this.one('user') ?? localUser);
      case 'localuser':
        return listMatches(value, localUser);
      case 'tagged':
        return listMatches(value, this.one('tag') ?? '');
      default:
        return null;
    }
  }
}

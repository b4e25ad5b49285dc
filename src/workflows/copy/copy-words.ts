/** What the words of `fleet cp` mean. Pure. */
import { selectHosts } from '../../inventory/select-hosts.ts';
import { FleetError } from '../../model/errors.ts';
import type { HostSpec, Inventory } from '../../model/inventory.ts';
import { visibleLine } from '../../model/visible.ts';

/** Bytes of a path, and of one name in it, at most: what Linux takes. */
export const pathBytes = 4_095;
export const nameBytes = 255;

/** A place on hosts or here. */
export interface CopyPlace {
  /** Without a slash at its end; on hosts absolute. */
  readonly path: string;
  /** It is the folder into which things go, and not their own new name. */
  readonly isInto: boolean;
}

export type CopyRequest =
  | {
      readonly way: 'up';
      readonly sources: readonly string[];
      readonly hosts: readonly HostSpec[];
      readonly target: CopyPlace;
    }
  | {
      readonly way: 'down';
      readonly host: HostSpec;
      readonly source: string;
      readonly target: CopyPlace;
    };

/** What was understood, and what was not, one sentence each. */
export interface ReadWords {
  readonly request: CopyRequest | null;
  /** Paths of this machine that are to be sent; they are looked at beside the mistakes. */
  readonly sources: readonly string[];
  readonly mistakes: readonly string[];
}

/** A name in a message: whole, in one line, without what a terminal obeys. */
export const named = (path: string): string => visibleLine(path);

interface OnHosts {
  readonly pattern: string;
  readonly path: string;
}

/** Null: a path of this machine. `./a:b` is one, too, and so is what no host answers to. */
function onHosts(word: string, inventory: Inventory): OnHosts | null {
  const colon = word.indexOf(':');
  const pattern = word.slice(0, Math.max(0, colon));
  if (pattern.trim() === '' || pattern.includes('/')) return null;
  try {
    selectHosts(inventory, [pattern]);
  } catch (error) {
    if (error instanceof FleetError) return null;
    throw error;
  }
  return { pattern, path: word.slice(colon + 1) };
}

const looksRemote = (word: string): boolean => /^[^/:]+:/.test(word);

/** `word` with what stands before its colon as no host. */
const noSuchHost = (word: string): string =>
  `${named(word)}: no host matches "${named(word.slice(0, word.indexOf(':')))}"; a file with a ` +
  `colon in its name is ./${named(word)}`;

/** The rule for both ends: a slash, `.` or `..` at the end means the folder itself. */
export const placeOf = (path: string): CopyPlace => ({
  path: path.length > 1 ? path.replace(/(?<=.)\/+(?:\.\/*)*$/, '') || '/' : path,
  isInto: /(?:^|\/)(?:\.{0,2})$/.test(path),
});

/** The folder that takes what is sent, and the name of the only thing; null: everything's own. */
export const baseOf = ({
  path,
  isInto,
}: CopyPlace): { readonly base: CopyPlace; readonly name: string | null } => {
  const slash = path.lastIndexOf('/');
  return isInto
    ? { base: { path, isInto }, name: null }
    : { base: { path: path.slice(0, slash) || '/', isInto }, name: path.slice(slash + 1) };
};

/** Why a path of a host cannot be meant; null: it can. */
function hostPathMistake(word: string, path: string): string | null {
  if (!path.startsWith('/'))
    return `${named(word)}: the path on a host begins with / (got "${named(path)}")`;
  if (path.split('/').includes('..')) return `${named(word)}: write the path without ..`;
  const isLong = (text: string, most: number): boolean => Buffer.byteLength(text) > most;
  if (isLong(path, pathBytes) || path.split('/').some((name) => isLong(name, nameBytes)))
    return `${named(word.slice(0, 100))}...: the path is too long`;
  return null;
}

/** The same path without empty parts and `.`. */
const plainPath = (path: string): string =>
  `/${path
    .split('/')
    .filter((name) => name !== '' && name !== '.')
    .join('/')}`;

function upwards(
  sources: readonly string[],
  last: string,
  place: OnHosts,
  inventory: Inventory,
  limit: readonly string[],
): ReadWords {
  const mistakes: string[] = [];
  const mistake = hostPathMistake(last, place.path);
  if (mistake !== null) mistakes.push(mistake);
  for (const source of sources)
    if (onHosts(source, inventory) !== null)
      mistakes.push(
        `${named(source)}: both ends are on hosts; fetch it here first, then send it (a file ` +
          `here is ./${named(source)})`,
      );
  let hosts: readonly HostSpec[] = [];
  try {
    hosts = selectHosts(inventory, [place.pattern, ...limit]);
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    mistakes.push(error.message);
  }
  const isInto = placeOf(place.path).isInto || sources.length > 1;
  const target = { path: plainPath(place.path), isInto };
  const request = mistakes.length > 0 ? null : ({ way: 'up', sources, hosts, target } as const);
  const here = sources.filter((source) => onHosts(source, inventory) === null);
  return { request, sources: here, mistakes };
}

function downwards(
  remote: readonly { readonly word: string; readonly place: OnHosts }[],
  sources: readonly string[],
  last: string,
  inventory: Inventory,
  limit: readonly string[],
): ReadWords {
  const mistakes: string[] = [];
  for (const { word, place } of remote) {
    const mistake = hostPathMistake(word, place.path);
    if (mistake !== null) mistakes.push(mistake);
    else if (plainPath(place.path) === '/')
      mistakes.push(`${named(word)}: name a file or a folder below /`);
  }
  if (sources.length > 1)
    mistakes.push('only one file or folder of one host can be fetched at a time');
  const [first] = remote;
  if (first === undefined) return { request: null, sources: [], mistakes };
  let hosts: readonly HostSpec[] = [];
  try {
    hosts = selectHosts(inventory, [first.place.pattern, ...limit]);
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    mistakes.push(error.message);
  }
  const [host] = hosts;
  if (hosts.length > 1)
    mistakes.push(
      `${named(first.word)}: "${named(first.place.pattern)}" means ${hosts.length} hosts; a file ` +
        'is fetched from one',
    );
  if (last === '') mistakes.push('the target is empty: name a file, or . for this folder');
  if (mistakes.length > 0 || host === undefined) return { request: null, sources: [], mistakes };
  const source = plainPath(first.place.path);
  return { request: { way: 'down', host, source, target: placeOf(last) }, sources: [], mistakes };
}

/**
 * The sources and, last, the target. What has a colon is HOST:PATH where a host or pattern of the
 * inventory stands before it, and otherwise a file of this machine.
 */
export function readWords(
  words: readonly string[],
  inventory: Inventory,
  limit: readonly string[],
): ReadWords {
  const last = words.at(-1) ?? '';
  const sources = words.slice(0, -1);
  if (sources.length === 0)
    return {
      request: null,
      sources: [],
      mistakes: [
        `${named(last)}: the target is missing; fleet cp FILE... HOST:/PATH, or fleet cp ` +
          'HOST:/PATH FILE',
      ],
    };
  const place = onHosts(last, inventory);
  if (place !== null) return upwards(sources, last, place, inventory, limit);
  const remote = sources.flatMap((word) => {
    const its = onHosts(word, inventory);
    return its === null ? [] : [{ word, place: its }];
  });
  if (remote.length > 0) return downwards(remote, sources, last, inventory, limit);
  const strangers = words.filter(looksRemote);
  return {
    request: null,
    sources: [],
    mistakes:
      strangers.length > 0
        ? strangers.map(noSuchHost)
        : [`${named(last)}: neither the target nor a source is on a host (HOST:/PATH)`],
  };
}

/** All mistakes of the command line at once. */
export function refuseMistakes(mistakes: readonly string[]): void {
  const [first] = mistakes;
  if (first === undefined) return;
  throw new FleetError(
    'usage',
    mistakes.length === 1 ? first : `nothing was copied: ${mistakes.length} mistakes`,
    {
      hint: "for example fleet cp site.conf 'eu-*:/etc/nginx/', or fleet cp h2:/var/log/syslog .",
      ...(mistakes.length === 1 ? {} : { problems: mistakes }),
    },
  );
}

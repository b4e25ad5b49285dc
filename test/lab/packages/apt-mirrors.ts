import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** One suite of one mirror, as the machine's own package sources name it. */
export interface AptSource {
  readonly uri: string;
  readonly suite: string;
  readonly components: readonly string[];
}

/**
 * Reads the one-line format (`deb [options] URI SUITE COMPONENT...`). Sources of source packages
 * are left out.
 */
export function parseSourcesList(text: string): AptSource[] {
  return text.split('\n').flatMap((line) => {
    const words = line
      .replace(/#.*/, '')
      .replace(/\[[^\]]*\]/, ' ')
      .trim()
      .split(/\s+/);
    const [kind, uri, suite, ...components] = words;
    return kind === 'deb' && uri !== undefined && suite !== undefined
      ? [{ uri, suite, components }]
      : [];
  });
}

/**
 * Reads the deb822 format (stanzas of `Key: value`). Disabled stanzas and source packages are left
 * out.
 */
export function parseSourcesStanzas(text: string): AptSource[] {
  return text.split(/\n\s*\n/).flatMap((stanza) => {
    const fields = stanzaFields(stanza);
    const words = (key: string) =>
      (fields.get(key) ?? '').split(/\s+/).filter((word) => word !== '');
    if (!words('types').includes('deb') || fields.get('enabled')?.toLowerCase() === 'no') return [];
    return words('uris').flatMap((uri) =>
      words('suites').map((suite) => ({ uri, suite, components: words('components') })),
    );
  });
}

function stanzaFields(stanza: string): Map<string, string> {
  const fields = new Map<string, string>();
  let key = '';
  for (const line of stanza.split('\n')) {
    if (line.startsWith('#')) continue;
    const field = /^([A-Za-z0-9-]+):\s*(.*)$/.exec(line);
    if (field) key = (field[1] ?? '').toLowerCase();
    const value = field ? (field[2] ?? '') : line;
    if (key !== '') fields.set(key, `${fields.get(key) ?? ''} ${value}`.trim());
  }
  return fields;
}

/**
 * The sources from which a tree of the release can be built: those whose suite is the release or
 * one of its pockets (`release-updates`,
 * `release-security`), fetched over http or https, release first. Empty when the machine has none
 * of that release.
 */
export function sourcesOfRelease(sources: readonly AptSource[], release: string): AptSource[] {
  const usable = sources.filter(
    (source) =>
      /^https?:/.test(source.uri) &&
      (source.suite === release || source.suite.startsWith(`${release}-`)),
  );
  return usable.some((source) => source.suite === release)
    ? usable.toSorted((a, b) => a.suite.length - b.suite.length)
    : [];
}

/**
 * All package sources of this machine. A machine without any (not Debian, not Ubuntu) has an empty
 * list.
 */
export async function readMachineSources(directory = '/etc/apt'): Promise<AptSource[]> {
  const parts = await readdir(join(directory, 'sources.list.d')).catch(() => []);
  const files = ['sources.list', ...parts.toSorted().map((name) => join('sources.list.d', name))];
  const found = await Promise.all(
    files.map(async (name) => {
      const text = await readFile(join(directory, name), 'utf8').catch(() => '');
      return name.endsWith('.sources') ? parseSourcesStanzas(text) : parseSourcesList(text);
    }),
  );
  return found.flat();
}

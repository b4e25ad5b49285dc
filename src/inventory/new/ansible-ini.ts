import {
  type AnsibleFile,
  type AnsibleProblem,
  type AnsibleVariables,
  emptyInventory,
  groupOf,
  hostOf,
  isVaultText,
  splitPort,
  tooManyIn,
  vaulted,
} from './ansible-data.ts';
import { expandRanges } from './ranges.ts';

/**
 * The words of a line of hosts: quotes join, `#` at the start of a word ends it. Null where a quote
 * has no end.
 */
function words(line: string): readonly string[] | null {
  const found: string[] = [];
  let word: string | null = null;
  let quote = '';
  for (let at = 0; at < line.length; at += 1) {
    const letter = line[at] ?? '';
    if (quote !== '') {
      if (letter === quote) quote = '';
      else if (letter === '\\' && quote === '"' && /["\\]/.test(line[at + 1] ?? ''))
        word += line[++at] ?? '';
      else word += letter;
    } else if (letter === '"' || letter === "'") {
      quote = letter;
      word ??= '';
    } else if (/\s/.test(letter)) {
      if (word !== null) found.push(word);
      word = null;
    } else if (letter === '#' && word === null) break;
    else word = (word ?? '') + (letter === '\\' ? (line[++at] ?? '') : letter);
  }
  if (word !== null) found.push(word);
  return quote === '' ? found : null;
}

/**
 * What stands behind `=` in a section of variables: to the end of the line, without the quotes
 * around it.
 */
const literal = (text: string): string => {
  const quoted = /^(["'])(.*)\1(?:\s+#.*)?$/.exec(text);
  return quoted === null ? text : (quoted[2] ?? '');
};

const plainOrVaulted = (text: string): unknown => (isVaultText(text) ? vaulted : text);

/** Enough to see what is wrong with a file. */
const mostProblems = 1_000;

type Kind = 'hosts' | 'children' | 'vars';

class IniReader {
  readonly inventory = emptyInventory();
  readonly problems: AnsibleProblem[] = [];
  readonly #named = new Set<string>(['all', 'ungrouped']);
  readonly #children: { readonly source: string; readonly name: string }[] = [];
  #group = 'ungrouped';
  #kind: Kind = 'hosts';

  read(line: string, source: string): void {
    if (line.startsWith('[') && !/^\[[0-9A-Fa-f.%]*:[0-9A-Fa-f:.%]*\](?::\d+)?(?:\s|$)/.test(line))
      this.#section(line, source);
    else if (this.#kind === 'vars') this.#variable(line, source);
    else if (this.#kind === 'children') this.#child(line, source);
    else this.#hosts(line, source);
  }

  end(): AnsibleFile {
    for (const { source, name } of this.#children)
      if (!this.#named.has(name))
        this.problems.push({ source, text: `no group is called "${name.slice(0, 60)}"` });
    return { inventory: this.inventory, problems: this.problems };
  }

  #problem(source: string, text: string): void {
    this.problems.push({ source, text });
  }

  #section(line: string, source: string): void {
    const found = /^\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?$/.exec(line);
    const kind = found?.[2] ?? 'hosts';
    if (found === null || !['hosts', 'children', 'vars'].includes(kind)) {
      this.#problem(source, 'this is no section: write [group], [group:children] or [group:vars]');
      return;
    }
    this.#group = found[1] ?? '';
    this.#kind = kind as Kind;
    groupOf(this.inventory, this.#group);
    // Variables of a group alone do not make it one.
    if (kind !== 'vars') this.#named.add(this.#group);
  }

  #variable(line: string, source: string): void {
    const equals = line.indexOf('=');
    if (equals < 1) {
      this.#problem(
        source,
        `no variable: a line of [${this.#group.slice(0, 60)}:vars] is name=value`,
      );
      return;
    }
    const value = plainOrVaulted(literal(line.slice(equals + 1).trim()));
    groupOf(this.inventory, this.#group).variables.set(line.slice(0, equals).trim(), {
      value,
      source,
    });
  }

  #child(line: string, source: string): void {
    const [name = '', ...more] = words(line) ?? [];
    if (name === '' || more.length > 0) {
      this.#problem(
        source,
        `a line of [${this.#group.slice(0, 60)}:children] is the name of one group`,
      );
      return;
    }
    groupOf(this.inventory, this.#group).children.add(name);
    groupOf(this.inventory, name);
    this.#children.push({ source, name });
  }

  #hosts(line: string, source: string): void {
    const [pattern = '', ...assigned] = words(line) ?? [];
    if (pattern === '') {
      this.#problem(source, 'a quote has no end');
      return;
    }
    const { name, port } = splitPort(pattern);
    const names = expandRanges(name);
    if (names === null) this.#problem(source, 'this range is none: write web[01:10] or db-[a:f]');
    const excess = tooManyIn(this.inventory, names?.length);
    if (excess !== null) this.#problem(source, excess);
    if (excess !== null) return;
    const variables: AnsibleVariables = new Map();
    for (const word of assigned) {
      const equals = word.indexOf('=');
      // Never repeated: it may be a part of a password.
      if (equals < 1)
        this.#problem(
          source,
          'a word behind a host is not name=value; a value with blanks needs quotes',
        );
      else
        variables.set(word.slice(0, equals), {
          value: plainOrVaulted(word.slice(equals + 1)),
          source,
        });
    }
    for (const each of names ?? []) {
      const own = hostOf(this.inventory, each, source, port);
      for (const [key, value] of variables) own.set(key, value);
      groupOf(this.inventory, this.#group).hosts.add(each);
    }
  }
}

/** An INI inventory of Ansible. */
export function parseAnsibleIni(text: string, path: string): AnsibleFile {
  const reader = new IniReader();
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = raw.trim();
    if (line !== '' && !line.startsWith('#') && !line.startsWith(';'))
      reader.read(line, `${path}:${index + 1}`);
    if (reader.problems.length >= mostProblems) break;
  }
  return reader.end();
}

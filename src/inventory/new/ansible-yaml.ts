import type { YamlDocument } from '../rules/yaml-document.ts';
import { parseYamlDocument } from '../rules/yaml-document.ts';
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

type Path = readonly string[];
type Raw = Readonly<Record<string, unknown>>;

const isRaw = (value: unknown): value is Raw =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Tags that Ansible gives to texts: one that its vault has encrypted, and one that is no template.
 */
const tags = {
  '!vault': () => vaulted,
  '!vault-encrypted': () => vaulted,
  '!unsafe': (text: string) => text,
};

const openDocument = (text: string): YamlDocument => parseYamlDocument(text, tags);

const sourceOf = (document: YamlDocument, path: string, at: Path): string =>
  `${path}:${document.locate(at, 'key').line}`;

const syntaxProblems = (document: YamlDocument, path: string): readonly AnsibleProblem[] =>
  document.problems.map(({ position, text }) => ({ source: `${path}:${position.line}`, text }));

const plainOrVaulted = (value: unknown): unknown =>
  typeof value === 'string' && isVaultText(value) ? vaulted : value;

function addVariables(
  into: AnsibleVariables,
  raw: Raw,
  document: YamlDocument,
  path: string,
  above: Path,
): void {
  for (const [name, value] of Object.entries(raw))
    into.set(name, {
      value: plainOrVaulted(value),
      source: sourceOf(document, path, [...above, name]),
    });
}

/** Variables of a file in group_vars or host_vars. */
export function parseAnsibleVariables(
  text: string,
  path: string,
): {
  readonly variables: AnsibleVariables;
  readonly problems: readonly AnsibleProblem[];
  readonly isVaulted: boolean;
} {
  const variables: AnsibleVariables = new Map();
  if (isVaultText(text)) return { variables, problems: [], isVaulted: true };
  const document = openDocument(text);
  const problems = [...syntaxProblems(document, path)];
  if (isRaw(document.value)) addVariables(variables, document.value, document, path, []);
  else if (problems.length === 0 && document.value !== null)
    problems.push({ source: `${path}:1`, text: 'it must be a mapping of variables' });
  return { variables, problems, isVaulted: false };
}

class YamlReader {
  readonly inventory = emptyInventory();
  readonly problems: AnsibleProblem[] = [];
  readonly #document: YamlDocument;
  readonly #path: string;

  constructor(document: YamlDocument, path: string) {
    this.#document = document;
    this.#path = path;
  }

  group(name: string, raw: unknown, at: Path): void {
    const group = groupOf(this.inventory, name);
    if (raw === null) return;
    const known = ['hosts', 'vars', 'children'];
    for (const key of isRaw(raw) ? Object.keys(raw) : [])
      if (!known.includes(key))
        this.#problem(
          [...at, key],
          `a group has hosts, vars and children, not "${key.slice(0, 60)}"`,
        );
    if (!isRaw(raw)) this.#problem(at, 'a group is a mapping of hosts, vars and children');
    const part = (key: string): Raw =>
      this.#mapping(isRaw(raw) ? raw[key] : undefined, [...at, key]);
    for (const [pattern, variables] of Object.entries(part('hosts'))) {
      for (const host of this.#hosts(pattern, variables, [...at, 'hosts', pattern]))
        group.hosts.add(host);
    }
    addVariables(group.variables, part('vars'), this.#document, this.#path, [...at, 'vars']);
    for (const [child, inner] of Object.entries(part('children'))) {
      group.children.add(child);
      this.group(child, inner, [...at, 'children', child]);
    }
  }

  #hosts(pattern: string, raw: unknown, at: Path): readonly string[] {
    const { name, port } = splitPort(pattern);
    const names = expandRanges(name);
    if (names === null) this.#problem(at, 'this range is none: write web[01:10] or db-[a:f]');
    const excess = tooManyIn(this.inventory, names?.length);
    if (excess !== null) this.#problem(at, excess);
    if (excess !== null) return [];
    const variables = this.#mapping(raw, at);
    for (const each of names ?? []) {
      const own = hostOf(this.inventory, each, sourceOf(this.#document, this.#path, at), port);
      addVariables(own, variables, this.#document, this.#path, at);
    }
    return names ?? [];
  }

  #mapping(raw: unknown, at: Path): Raw {
    if (raw === undefined || raw === null) return {};
    if (isRaw(raw)) return raw;
    this.#problem(at, 'this must be a mapping');
    return {};
  }

  #problem(at: Path, text: string): void {
    this.problems.push({ source: sourceOf(this.#document, this.#path, at), text });
  }
}

/** A YAML inventory of Ansible, which is also what `ansible-inventory --list --yaml` prints. */
export function parseAnsibleYaml(text: string, path: string): AnsibleFile {
  const document = openDocument(text);
  const reader = new YamlReader(document, path);
  reader.problems.push(...syntaxProblems(document, path));
  if (isRaw(document.value))
    for (const [name, raw] of Object.entries(document.value)) reader.group(name, raw, [name]);
  else if (document.problems.length === 0)
    reader.problems.push({
      source: `${path}:1`,
      text: 'an inventory is a mapping of groups, such as all:',
    });
  return { inventory: reader.inventory, problems: reader.problems };
}

import { dirname, isAbsolute, join } from 'node:path';
import {
  type AnsibleFile,
  type AnsibleProblem,
  type AnsibleVariables,
  tooManyIn,
} from './ansible-data.ts';
import { AnsibleHostReader } from './ansible-host.ts';
import { parseAnsibleIni } from './ansible-ini.ts';
import {
  circleIn,
  effectiveVariables,
  membersOf,
  type VariablesBeside,
} from './ansible-variables.ts';
import { parseAnsibleVariables, parseAnsibleYaml } from './ansible-yaml.ts';
import type { Draft, DraftGroup, DraftHost, DraftOutcome } from './draft.ts';
import { nameSecrets } from './name-secrets.ts';
import { groupNameFrom } from './names.ts';

/** A file, read; `path` is how messages call it. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** A file of group_vars or host_vars; `owner`: the group or host that it is about. */
export interface VariablesFile extends SourceFile {
  readonly owner: string;
}

export interface AnsibleSource {
  readonly inventory: SourceFile;
  readonly groupVariables: readonly VariablesFile[];
  readonly hostVariables: readonly VariablesFile[];
}

/**
 * By its ending, else by its first line that says something: a section or a host of INI, or a group
 * with a colon.
 */
function isYaml({ path, text }: SourceFile): boolean {
  if (/\.(?:ya?ml|json)$/i.test(path)) return true;
  if (/\.(?:ini|cfg)$/i.test(path)) return false;
  const first =
    text.split(/\r?\n/).find((line) => line.trim() !== '' && !/^\s*[#;]/.test(line)) ?? '';
  return /^(?:---|\{|[\w.-]+:\s*(?:#.*)?$)/.test(first);
}

interface Beside extends VariablesBeside {
  readonly problems: readonly AnsibleProblem[];
  readonly vaultedFiles: readonly string[];
}

function readBeside({ groupVariables, hostVariables }: AnsibleSource): Beside {
  const problems: AnsibleProblem[] = [];
  const vaultedFiles: string[] = [];
  const read = (files: readonly VariablesFile[]): ReadonlyMap<string, AnsibleVariables> => {
    const found = new Map<string, AnsibleVariables>();
    for (const { owner, path, text } of files) {
      const { variables, problems: own, isVaulted } = parseAnsibleVariables(text, path);
      problems.push(...own);
      if (isVaulted) vaultedFiles.push(path);
      found.set(owner, new Map([...(found.get(owner) ?? []), ...variables]));
    }
    return found;
  };
  return { groups: read(groupVariables), hosts: read(hostVariables), problems, vaultedFiles };
}

/**
 * Groups as fleet calls them, by Ansible's name. One that has the name of a host is called
 * NAME-group: patterns could not tell them apart.
 */
function groupNames(
  { inventory }: AnsibleFile,
  hosts: ReadonlySet<string>,
): ReadonlyMap<string, string> {
  const members = membersOf(inventory);
  const names = [...inventory.groups.keys()].flatMap(
    (group): readonly (readonly [string, string])[] => {
      const name =
        group === 'ungrouped' || (members.get(group)?.size ?? 0) === 0
          ? null
          : groupNameFrom(group);
      return name === null ? [] : [[group, hosts.has(name) ? `${name}-group`.slice(0, 63) : name]];
    },
  );
  return new Map(names);
}

function groupsOf(
  { inventory }: AnsibleFile,
  names: ReadonlyMap<string, string>,
): readonly DraftGroup[] {
  const parents = new Map<string, Set<string>>(
    [...names.values()].map((name) => [name, new Set()]),
  );
  for (const [group, { children }] of inventory.groups)
    for (const child of children) {
      const [above, below] = [names.get(group), names.get(child)];
      if (above !== undefined && below !== undefined && above !== below)
        parents.get(below)?.add(above);
    }
  return [...parents].map(([name, above]) => ({ name, parents: [...above] }));
}

const format = ({ source, text }: AnsibleProblem): string => `${source}: ${text}`;

/**
 * Servers of an Ansible inventory, INI or YAML, with the variables beside it, by Ansible's own
 * order of precedence. Passwords become secret references; what is
 * encrypted, a template that needs more than the host's variables, and every variable without a
 * counterpart is named as not read.
 */
export function draftFromAnsible(source: AnsibleSource): DraftOutcome {
  const { path, text } = source.inventory;
  if (text.startsWith('#!'))
    return {
      problems: [
        `${path}:1: this is a program: run ansible-inventory -i ${path} --list --yaml > ` +
          'hosts.yml, and name hosts.yml',
      ],
    };
  if (text.startsWith('$ANSIBLE_VAULT;'))
    return {
      problems: [
        `${path}:1: Ansible's vault has encrypted this file: decrypt it, or list the ` +
          'servers yourself',
      ],
    };
  const file = isYaml(source.inventory)
    ? parseAnsibleYaml(text, path)
    : parseAnsibleIni(text, path);
  const beside = readBeside(source);
  const excess = tooManyIn(file.inventory);
  if (excess !== null) return { problems: [`${path}: ${excess}`] };
  const circle = circleIn(file.inventory);
  const before = [
    ...[...file.problems, ...beside.problems].map(format),
    ...(circle === null ? [] : [`${path}: the group "${circle.slice(0, 60)}" contains itself`]),
  ];
  // What a group that contains itself passes on to its hosts cannot be told.
  if (circle !== null) return { problems: before };
  const outcome = draftOf(file, beside, path);
  const problems = [...before, ...(outcome.problems ?? [])];
  return problems.length > 0 ? { problems } : outcome;
}

function draftOf(file: AnsibleFile, beside: Beside, path: string): DraftOutcome {
  const { inventory } = file;
  const variables = effectiveVariables(inventory, beside);
  const reader = new AnsibleHostReader((key) =>
    isAbsolute(key) || key.startsWith('~') ? key : join(dirname(path), key),
  );
  const read = [...inventory.hosts].flatMap(([name, { source, port }]) => {
    const host = reader.read({ name, source, port, variables: variables.get(name) ?? new Map() });
    return host === null ? [] : [{ ansible: name, host }];
  });
  if (reader.problems.length > 0) return { problems: reader.problems.map(format) };
  const names = groupNames(file, new Set(read.map(({ host }) => host.name)));
  const references = {
    password: nameSecrets('SSH_PASSWORD', reader.secrets.password),
    passphrase: nameSecrets('SSH_PASSPHRASE', reader.secrets.passphrase),
    sudoPassword: nameSecrets('SUDO_PASSWORD', reader.secrets.sudoPassword),
  };
  const hosts = read.map(({ ansible, host }): DraftHost => {
    const groups = [...inventory.groups]
      .filter(([, group]) => group.hosts.has(ansible))
      .flatMap(([group]) => names.get(group) ?? []);
    const secret = (key: keyof typeof references): Partial<DraftHost> => {
      const reference = references[key].get(host.name);
      return reference === undefined ? {} : { [key]: reference };
    };
    return {
      ...host,
      groups: [...new Set(groups)],
      ...secret('password'),
      ...secret('passphrase'),
      ...secret('sudoPassword'),
    };
  });
  const vaultedNotes = beside.vaultedFiles.map(
    (each) => `${each}: Ansible's vault has encrypted it`,
  );
  const draft: Draft = {
    hosts,
    groups: groupsOf(file, names),
    strategy: null,
    notRead: [...vaultedNotes, ...reader.notes()],
  };
  return { draft };
}

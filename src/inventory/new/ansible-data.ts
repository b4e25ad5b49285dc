/** The value of a variable, and where it is written: `FILE:LINE`. */
export interface AnsibleValue {
  readonly value: unknown;
  readonly source: string;
}

export type AnsibleVariables = Map<string, AnsibleValue>;

/** Stands for a value that only the vault's password opens. */
export const vaulted = Symbol('vaulted');

export interface AnsibleGroup {
  readonly hosts: Set<string>;
  readonly children: Set<string>;
  readonly variables: AnsibleVariables;
}

/**
 * An inventory of Ansible as one file says it, before group_vars and host_vars. Every host and
 * group that is named has an entry; `all` too.
 */
export interface AnsibleInventory {
  readonly hosts: Map<
    string,
    { readonly source: string; readonly variables: AnsibleVariables; readonly port: string | null }
  >;
  readonly groups: Map<string, AnsibleGroup>;
}

/** `source` of a problem: `FILE:LINE`. */
export interface AnsibleProblem {
  readonly source: string;
  readonly text: string;
}

export interface AnsibleFile {
  readonly inventory: AnsibleInventory;
  readonly problems: readonly AnsibleProblem[];
}

export function groupOf({ groups }: AnsibleInventory, name: string): AnsibleGroup {
  const known = groups.get(name);
  if (known !== undefined) return known;
  const group: AnsibleGroup = { hosts: new Set(), children: new Set(), variables: new Map() };
  groups.set(name, group);
  return group;
}

/**
 * Adds the host where it is new, and gives its variables. `port`: as it was written behind the
 * name.
 */
export function hostOf(
  { hosts }: AnsibleInventory,
  name: string,
  source: string,
  port: string | null = null,
): AnsibleVariables {
  const known = hosts.get(name);
  if (known !== undefined) return known.variables;
  const variables: AnsibleVariables = new Map();
  hosts.set(name, { source, variables, port });
  return variables;
}

/**
 * Hosts and groups at most; fleet is made for far fewer, and the rest of the reading takes time and
 * stack in proportion.
 */
const mostHosts = 10_000;
const mostGroups = 2_000;

/** A mistake, and how many hosts or groups have it; null: nothing. Asked before more are added. */
export function tooManyIn({ hosts, groups }: AnsibleInventory, more = 0): string | null {
  if (hosts.size + more > mostHosts) return `these are more than ${mostHosts} hosts`;
  return groups.size > mostGroups ? `these are more than ${mostGroups} groups` : null;
}

export const emptyInventory = (): AnsibleInventory => {
  const inventory: AnsibleInventory = { hosts: new Map(), groups: new Map() };
  groupOf(inventory, 'all');
  return inventory;
};

/** A whole file, or a text in it, that Ansible's vault has encrypted. */
export const isVaultText = (text: string): boolean => /^\s*\$ANSIBLE_VAULT;/.test(text);

/** `name:port` as Ansible reads it: an IPv6 address needs brackets for a port. */
export function splitPort(text: string): { readonly name: string; readonly port: string | null } {
  const found =
    /^(?:\[([0-9A-Fa-f.%]*:[0-9A-Fa-f.%]*:[0-9A-Fa-f:.%]*)\]|((?:[^:[\]]|\[[^\]]*\])+)):(\d{1,5})$/.exec(
      text,
    );
  return found === null
    ? { name: text.replace(/^\[([0-9A-Fa-f:.%]+)\]$/, '$1'), port: null }
    : { name: found[1] ?? found[2] ?? '', port: found[3] ?? null };
}

import {
  type AnsibleInventory,
  type AnsibleValue,
  type AnsibleVariables,
  vaulted,
} from './ansible-data.ts';

/**
 * Variables that stand beside an inventory: in `group_vars` and `host_vars`, by the name of the
 * group or host.
 */
export interface VariablesBeside {
  readonly groups: ReadonlyMap<string, AnsibleVariables>;
  readonly hosts: ReadonlyMap<string, AnsibleVariables>;
}

/**
 * Groups that a group belongs to, from far to near, each once; `all` is the first. Null: a group
 * contains itself.
 */
function parentsOf(inventory: AnsibleInventory): ReadonlyMap<string, readonly string[]> {
  const parents = new Map<string, string[]>();
  for (const [name, { children }] of inventory.groups)
    for (const child of children) parents.set(child, [...(parents.get(child) ?? []), name]);
  return parents;
}

/** A group that contains itself, or null. */
export function circleIn(inventory: AnsibleInventory): string | null {
  const state = new Map<string, 'open' | 'done'>();
  const visit = (name: string): boolean => {
    if (state.get(name) === 'done') return false;
    if (state.get(name) === 'open') return true;
    state.set(name, 'open');
    for (const child of inventory.groups.get(name)?.children ?? []) if (visit(child)) return true;
    state.set(name, 'done');
    return false;
  };
  for (const name of inventory.groups.keys()) if (visit(name)) return name;
  return null;
}

/**
 * How deep each group lies below `all`: of several ways the longest, as Ansible counts. Expects no
 * circle.
 */
function depths(inventory: AnsibleInventory): ReadonlyMap<string, number> {
  const parents = parentsOf(inventory);
  const known = new Map<string, number>([['all', 0]]);
  const depth = (name: string): number => {
    const before = known.get(name);
    if (before !== undefined) return before;
    const above = (parents.get(name) ?? []).map(depth);
    const own = Math.max(0, ...above) + 1;
    known.set(name, own);
    return own;
  };
  for (const name of inventory.groups.keys()) depth(name);
  return known;
}

/** Hosts of each group, its children's included. Expects no circle. */
export function membersOf(inventory: AnsibleInventory): ReadonlyMap<string, ReadonlySet<string>> {
  const members = new Map<string, ReadonlySet<string>>();
  const of = (name: string): ReadonlySet<string> => {
    const known = members.get(name);
    if (known !== undefined) return known;
    const group = inventory.groups.get(name);
    const all = new Set([
      ...(group?.hosts ?? []),
      ...[...(group?.children ?? [])].flatMap((child) => [...of(child)]),
    ]);
    members.set(name, all);
    return all;
  };
  for (const name of inventory.groups.keys()) of(name);
  return members;
}

/**
 * The variables of every host, by Ansible's order: groups of the inventory, group_vars, the host in
 * the inventory, host_vars; deeper groups count more. Expects no circle.
 */
export function effectiveVariables(
  inventory: AnsibleInventory,
  beside: VariablesBeside,
): ReadonlyMap<string, AnsibleVariables> {
  const [members, deep] = [membersOf(inventory), depths(inventory)];
  const priority = (name: string): number =>
    Number(inventory.groups.get(name)?.variables.get('ansible_group_priority')?.value ?? 1) || 1;
  const ordered = [...inventory.groups.keys()]
    .filter((name) => name !== 'all')
    .toSorted(
      (a, b) =>
        (deep.get(a) ?? 0) - (deep.get(b) ?? 0) || priority(a) - priority(b) || (a < b ? -1 : 1),
    );
  const effective = [...inventory.hosts].map(
    ([host, { variables }]): readonly [string, AnsibleVariables] => {
      const groups = ordered.filter((name) => members.get(name)?.has(host));
      const layers = [
        ...['all', ...groups].map((name) => inventory.groups.get(name)?.variables),
        ...['all', ...groups].map((name) => beside.groups.get(name)),
        variables,
        beside.hosts.get(host),
      ];
      return [host, new Map(layers.flatMap((layer) => [...(layer ?? [])]))];
    },
  );
  return new Map(effective);
}

/**
 * What a variable says once its templates are filled in. `env`: the environment variable of this
 * name has it.
 */
export type AnsibleText =
  | { readonly kind: 'text'; readonly text: string; readonly source: string }
  | { readonly kind: 'env'; readonly name: string; readonly source: string }
  | { readonly kind: 'vaulted' | 'template'; readonly source: string };

const mostSteps = 20;

/**
 * Fills `{{ name }}` in, where the host has a variable of that name; what else a template may do is
 * not evaluated.
 */
export function textOf(
  host: string,
  variables: AnsibleVariables,
  { value, source }: AnsibleValue,
): AnsibleText {
  if (value === vaulted) return { kind: 'vaulted', source };
  let text =
    typeof value === 'string'
      ? value
      : typeof value === 'number' || typeof value === 'boolean'
        ? String(value)
        : '';
  const env =
    /^\s*\{\{\s*(?:lookup|query)\(\s*(["'])(?:ansible\.builtin\.)?env\1\s*,\s*(["'])([A-Za-z_][A-Za-z0-9_]*)\2\s*\)\s*\}\}\s*$/.exec(
      text,
    );
  if (env !== null) return { kind: 'env', name: env[3] ?? '', source };
  for (let step = 0; step < mostSteps; step += 1) {
    const found = /\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}/.exec(text);
    if (found === null) break;
    const name = found[1] ?? '';
    const own: Readonly<Record<string, string>> = {
      inventory_hostname: host,
      inventory_hostname_short: host.split('.')[0] ?? host,
    };
    const inner = own[name] ?? variables.get(name)?.value;
    if (inner === vaulted) return { kind: 'vaulted', source };
    if (typeof inner !== 'string' && typeof inner !== 'number') return { kind: 'template', source };
    text = text.replace(found[0], () => String(inner));
    if (text.length > 10_000) return { kind: 'template', source };
  }
  return /\{\{|\{%/.test(text) ? { kind: 'template', source } : { kind: 'text', text, source };
}

import picomatch from 'picomatch';
import { FleetError } from '../model/errors.ts';
import type { HostSpec, Inventory } from '../model/inventory.ts';
import { nearest } from './rules/nearest.ts';

type HostTest = (host: HostSpec) => boolean;

/** Commas part patterns, but not inside the braces of a glob. */
const partsOf = (pattern: string): readonly string[] => {
  const parts: string[] = [];
  let part = '';
  let depth = 0;
  for (const character of pattern) {
    if (character === '{') depth += 1;
    if (character === '}') depth = Math.max(0, depth - 1);
    if (character === ',' && depth === 0) {
      parts.push(part);
      part = '';
    } else part += character;
  }
  return [...parts, part].map((each) => each.trim()).filter((each) => each !== '');
};

const glob = (pattern: string): ((text: string) => boolean) =>
  pattern === ''
    ? () => false
    : picomatch(pattern, { dot: true, nonegate: true, noextglob: true, bash: true });

const labelTest = (key: string, value: string): HostTest => {
  const matches = glob(value);
  return (host) => Object.hasOwn(host.labels, key) && matches(host.labels[key] ?? '');
};

/**
 * What one pattern without `!` selects: `@group`, `label=value`, `all`, a name, a group, or a glob
 * over names.
 */
const testOf = (pattern: string): HostTest => {
  if (pattern.startsWith('@')) {
    const matches = glob(pattern.slice(1));
    return (host) => pattern === '@all' || host.groups.some((group) => matches(group));
  }
  const equals = pattern.indexOf('=');
  if (equals > 0) return labelTest(pattern.slice(0, equals), pattern.slice(equals + 1));
  if (pattern === 'all') return () => true;
  const matches = glob(pattern);
  return (host) => host.name === pattern || host.groups.includes(pattern) || matches(host.name);
};

/** The pattern that was probably meant, among what exists. */
const suggestion = (pattern: string, hosts: readonly HostSpec[]): string | null => {
  const groups = hosts.flatMap((host) => host.groups);
  if (pattern.startsWith('@')) {
    const group = nearest(pattern.slice(1), groups);
    return group === null ? null : `@${group}`;
  }
  if (pattern.includes('='))
    return nearest(
      pattern,
      hosts.flatMap((host) => Object.entries(host.labels).map(([key, value]) => `${key}=${value}`)),
    );
  return nearest(pattern, [...hosts.map((host) => host.name), ...groups]);
};

const matchesNothing = (pattern: string, hosts: readonly HostSpec[]): FleetError => {
  const near = suggestion(pattern, hosts);
  return new FleetError('usage', `No host matches "${pattern}"`, {
    hint:
      near === null
        ? 'A pattern is a host, a glob such as eu-*, a group (@eu), label=value, or one of ' +
          'these after !.'
        : `Did you mean "${near}"?`,
  });
};

/**
 * The hosts that `patterns` select, in the order of the inventory; all hosts when there is no
 * pattern. Each pattern may hold several, separated by
 * commas: a name, a glob over names (`eu-*`, `web-{1,2}`), a group (`@eu` or `eu`), a label
 * (`tier=small`, `tier=*`), `all`. `!` before any of them takes hosts away,
 * wherever it stands; exclusions alone start from all hosts. Throws `usage` when a pattern matches
 * no host or nothing is left.
 */
export const selectHosts = (
  inventory: Inventory,
  patterns: readonly string[],
): readonly HostSpec[] => {
  const parts = patterns.flatMap(partsOf);
  if (patterns.length > 0 && parts.length === 0)
    throw new FleetError('usage', 'The pattern for hosts is empty', {
      hint: 'Name hosts, or leave the option out to mean all of them.',
    });
  const tests = parts.map((part) => {
    const excludes = part.startsWith('!');
    const pattern = excludes ? part.slice(1).trim() : part;
    const test = testOf(pattern);
    if (pattern === '' || !inventory.hosts.some(test))
      throw matchesNothing(pattern, inventory.hosts);
    return { excludes, test };
  });
  const included = tests.filter(({ excludes }) => !excludes);
  const excluded = tests.filter(({ excludes }) => excludes);
  const selected = inventory.hosts.filter(
    (host) =>
      (included.length === 0 || included.some(({ test }) => test(host))) &&
      !excluded.some(({ test }) => test(host)),
  );
  if (selected.length === 0 && parts.length > 0)
    throw new FleetError('usage', `No host is left by "${patterns.join(',')}"`, {
      hint: 'The exclusions take away all that the rest selects.',
    });
  return selected;
};

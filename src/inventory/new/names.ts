import { hostPattern } from '../../model/names.ts';

/**
 * `text` as the inventory can call a host: lower case, `-` for every other character. Null where
 * nothing is left.
 */
export function hostNameFrom(text: string): string | null {
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9.-]+/g, '-')
    .slice(0, 63)
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, '');
  return hostPattern.test(name) ? name : null;
}

/**
 * `text` as the inventory can call a group. Null where nothing is left, and for `all`, which is
 * every host.
 */
export function groupNameFrom(text: string): string | null {
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9_-]+/g, '-')
    .replace(/^[^a-z]+/, '')
    .slice(0, 63);
  return name === '' || name === 'all' ? null : name;
}

/** `text` as the inventory can call a fleet. */
export function fleetNameFrom(text: string): string | null {
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 32);
  return /^[a-z0-9]/.test(name) ? name : null;
}

/** What an address may look like in the inventory. */
export const isAddress = (text: string): boolean =>
  /^[A-Za-z0-9_][A-Za-z0-9._:%-]{0,252}$|^::[A-Fa-f0-9:.]*$/.test(text);

export const isUserName = (text: string): boolean => /^[^\s@:-][^\s@:]{0,31}$/.test(text);

/** 1-65535, or null. */
export function portFrom(text: string): number | null {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? port : null;
}

/**
 * Name of an environment variable for a secret of `owner`; the variable is shared where `owner` is
 * null.
 */
export const variableFor = (what: string, owner: string | null): string =>
  `FLEET_${what}${owner === null ? '' : `_${owner.toUpperCase().replace(/[^A-Z0-9]+/g, '_')}`}`;

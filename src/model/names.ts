declare const brand: unique symbol;
type Brand<T, B extends string> = T & { readonly [brand]: B };

/** Name of a host in the inventory: 1-63 characters, lower-case letters, digits, `-`, `.`. */
export type HostName = Brand<string, 'HostName'>;
/** Name of an account: 1-63 characters, lower-case letters, digits, `-`, `_`, `.`. */
export type AccountName = Brand<string, 'AccountName'>;
/**
 * 32 hex digits: the head of SHA-256("fleet session key v1\0" + 256-byte key). Names claims and
 * units on hosts.
 */
export type KeyId = Brand<string, 'KeyId'>;

export const hostPattern = /^[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?$/;
export const accountPattern = /^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/;

export const isHostName = (text: string): text is HostName => hostPattern.test(text);
export const isAccountName = (text: string): text is AccountName => accountPattern.test(text);

/** What a token may see and name that is limited to some hosts. Pure. */
import { FleetError } from '../../model/errors.ts';
import type { Fields } from '../../verbs/input.ts';

/** Names of a fleet, parted by what a limited token may see. */
export interface HostScope {
  readonly hosts: ReadonlySet<string>;
  /** On those hosts, or on none. */
  readonly accounts: ReadonlySet<string>;
  /** Hosts, accounts, addresses and display names that it must not see. */
  readonly hidden: ReadonlySet<string>;
}

export interface ScopedFacts {
  /** Those that the pattern selects. */
  readonly allowed: readonly string[];
  readonly hosts: readonly { readonly name: string; readonly address: string | null }[];
  readonly accounts: readonly {
    readonly name: string;
    readonly displayName: string | null;
    readonly host: string | null;
  }[];
}

export function hostScope({ allowed, hosts, accounts }: ScopedFacts): HostScope {
  const mine = new Set(allowed);
  const seen = accounts.filter(({ host }) => host === null || mine.has(host));
  const names = new Set(seen.map(({ name }) => name));
  const others = hosts.filter(({ name }) => !mine.has(name));
  const otherAccounts = accounts.filter(({ name }) => !names.has(name));
  const hidden = [
    ...others.flatMap(({ name, address }) => [name, ...(address === null ? [] : [address])]),
    ...otherAccounts.flatMap(({ name, displayName }) => [
      name,
      ...(displayName === null ? [] : [displayName]),
    ]),
  ];
  return { hosts: mine, accounts: names, hidden: new Set(hidden) };
}

/** Words of a text, as names are written; a name may end a sentence. */
function* wordsOf(text: string): Generator<string> {
  for (const [word] of text.matchAll(/[\p{L}\p{N}][\p{L}\p{N}._-]*/gu)) {
    yield word;
    yield word.replace(/[._-]+$/, '');
  }
}

function mentions(text: string, { hidden }: HostScope): boolean {
  if (hidden.has(text)) return true;
  for (const word of wordsOf(text)) if (hidden.has(word)) return true;
  // Addresses with colons and names for people are no words.
  for (const name of hidden) if (/[^\w.-]/.test(name) && text.includes(name)) return true;
  return false;
}

const gone = Symbol('gone');

function seenIn(value: unknown, scope: HostScope, isEntry: boolean): unknown {
  if (typeof value === 'string') return mentions(value, scope) ? gone : value;
  if (Array.isArray(value)) {
    const entries = value.map((entry) => seenIn(entry, scope, true));
    return entries.filter((entry) => entry !== gone);
  }
  if (typeof value !== 'object' || value === null) return value;
  const kept: [string, unknown][] = [];
  for (const [key, inner] of Object.entries(value)) {
    if (mentions(key, scope)) continue;
    const seen = seenIn(inner, scope, false);
    // An entry that is about others is none; elsewhere only what names them is left out.
    if (seen === gone && isEntry) return gone;
    kept.push([key, seen === gone ? null : seen]);
  }
  return Object.fromEntries(kept);
}

/** Data as a token of that scope may see it: without a word about others. */
export function seenBy(data: unknown, scope: HostScope | null): unknown {
  if (scope === null) return data;
  const seen = seenIn(data, scope, false);
  return seen === gone ? null : seen;
}

/** Whether there is a word about others in it. */
export const isAboutOthers = (data: unknown, scope: HostScope | null): boolean =>
  scope !== null && JSON.stringify(seenBy(data, scope)) !== JSON.stringify(data);

const named = (input: object, key: string): readonly string[] => {
  const value: unknown = Reflect.get(input, key);
  return value === undefined ? [] : [value].flat().map(String);
};

/** In the same words for what is not there and for what is not this token's. */
const notYours = (): FleetError =>
  new FleetError('usage', "this names what is not among this token's hosts and their accounts", {
    hint: 'name hosts and accounts one by one, without patterns, as GET /v1/status shows them',
  });

/**
 * An act has to name what it is about, and only what is the token's own. Errors: `usage`. A pattern
 * is refused: what it means may change.
 */
export function refuseOthers(
  fields: Fields,
  input: object,
  scope: HostScope | null,
  isAct: boolean,
): void {
  if (scope === null) return;
  let count = 0;
  for (const [key, { of }] of Object.entries(fields)) {
    const words = named(input, key);
    if (of === 'host' || of === 'pattern') {
      if (!words.every((word) => scope.hosts.has(word))) throw notYours();
    } else if (of === 'account') {
      if (!words.every((word) => scope.accounts.has(word))) throw notYours();
    } else {
      if (words.some((word) => mentions(word, scope))) throw notYours();
      continue;
    }
    count += words.length;
  }
  if (isAct && count === 0)
    throw new FleetError('usage', "this act is about more than this token's hosts", {
      hint: 'use a token without a pattern of hosts',
    });
}

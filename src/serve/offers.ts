/** Which verbs the API offers, and which of their fields. Pure. */
import type { Fields } from '../verbs/input.ts';
import { effectsOf, type Route, routeOf } from '../verbs/route.ts';
import type { Verb } from '../verbs/verb.ts';

/** What a token may do; each includes those before it. */
export const scopes = ['look', 'plan', 'act'] as const;
export type Scope = (typeof scopes)[number];

export const mayDo = (has: Scope, needs: Scope): boolean =>
  scopes.indexOf(has) >= scopes.indexOf(needs);

/** A verb as the API offers it. */
export interface Offer {
  readonly verb: Verb;
  readonly route: Route;
  /** Those that a client may give. */
  readonly fields: Fields;
  /** What a token needs to begin: an act that is planned first needs `act` for its second step. */
  readonly scope: Scope;
}

/** What only somebody at the machine itself may do, with the reason: it stands in docs/api.md. */
export const withheldVerbs: Readonly<Record<string, string>> = {
  'vault create-key': 'it makes the key of the vault',
  'vault rotate-key': 'it changes the key of the vault',
  'hosts add': 'it writes the inventory',
  'hosts trust': 'somebody has to compare fingerprints',
  'hosts take-over': 'somebody has to know whose host it was',
  init: 'it asks for passwords and can cut the way in',
  uninstall: 'it takes fleet off hosts',
  exec: 'it runs any command on hosts',
  cp: 'it reads and writes files of this machine',
  'accounts import': 'it reads files of this machine: a session is uploaded instead',
  'accounts login': 'it talks with a person',
  'accounts export': 'it writes a session in clear',
  apply: 'it reads a file of this machine: POST /v1/plans/ID/apply carries out a plan',
  'scripts test': 'it reads files of this machine',
  'alerts test': 'it is a look that sends messages',
  restore: 'it replaces the ledger',
  'ledger move': 'the inventory has to be changed with it, on every machine',
  adopt: 'somebody has to know what happened to the ledger',
};

/**
 * No path and no secret of the machine comes from a client; and what has no end is none of a
 * request.
 */
const withheldKinds = ['file', 'folder', 'secret'];
const endless = ['follow', 'once', 'interval', 'raw', 'waitUntilSafe'];

const fieldsOf = (verb: Verb): Fields =>
  Object.fromEntries(
    Object.entries(verb.input).filter(
      ([name, { of }]) =>
        !withheldKinds.includes(of) && !endless.includes(name) && name !== 'dryRun',
    ),
  );

/** In the order of help. */
export const offersOf = (verbs: readonly Verb[]): readonly Offer[] =>
  verbs.flatMap((verb): Offer[] => {
    const route = routeOf(verb);
    if (route === null || Object.hasOwn(withheldVerbs, verb.name)) return [];
    const scope =
      effectsOf(verb) === 'nothing' ? 'look' : route.steps === 'direct' ? 'act' : 'plan';
    return [{ verb, route, fields: fieldsOf(verb), scope }];
  });

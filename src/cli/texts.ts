import type { Verb, VerbGroup } from '../verbs/verb.ts';
import type { VerbText } from './verb-text.ts';

/** The texts of a group's verbs, by the verbs' names. Loaded by the verb that is called. */
const files: Readonly<
  Partial<Record<VerbGroup, () => Promise<{ readonly texts: Readonly<Record<string, VerbText>> }>>>
> = {
  setup: () => import('./texts/setup.ts'),
  accounts: () => import('./texts/accounts.ts'),
  talk: () => import('./texts/talk.ts'),
  hosts: () => import('./texts/hosts.ts'),
  moves: () => import('./texts/moves.ts'),
  looks: () => import('./texts/looks.ts'),
  alerts: () => import('./texts/alerts.ts'),
  upkeep: () => import('./texts/upkeep.ts'),
  ledger: () => import('./texts/ledger.ts'),
  about: () => import('./texts/about.ts'),
};

/** What the verb says to people. One without a text says its result as JSON. */
export async function textOf({ name, group }: Verb): Promise<VerbText> {
  const loaded = await files[group]?.();
  return loaded?.texts[name] ?? plainText;
}

const plainText: VerbText = {
  plan: (plan) => JSON.stringify(plan, null, 2),
  done: (done) => JSON.stringify(done, null, 2),
};

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type {
  Behaviour,
  ChatPolicy,
  ChatSharing,
  Script,
  TestMessage,
} from '../../../hostside/protocol/behaviour.ts';
import { accountSpecFor } from '../../inventory/account-spec.ts';
import { listAccounts, type PlacedAccount } from '../../ledger/queries/accounts.ts';
import { FleetError } from '../../model/errors.ts';
import type { Inventory } from '../../model/inventory.ts';
import type { AccountName } from '../../model/names.ts';
import { packageRoot } from '../../release/package-root.ts';
import { composeBehaviour, type FleetMember, misfitsOf } from '../../scripts/compose-behaviour.ts';
import type { ParsedScript } from '../../scripts/parse-script.ts';
import { readScript } from '../../scripts/read-script.ts';
import type { FleetContext } from '../context.ts';
import { type Held, readHeld } from './held-behaviours.ts';

/** An account that the ledger knows, and how it is to answer. */
export interface AnsweringAccount {
  readonly account: PlacedAccount;
  readonly member: FleetMember;
  readonly script: ParsedScript | null;
  /** What a trial holds it at; null: it answers as the operator's files say. */
  readonly held: Behaviour | null;
}

/**
 * Where scripts are looked for, in this order: the operator's folder (without an inventory: the one
 * called so), then fleet's own.
 */
export const scriptFolders = (inventory: Inventory | null): readonly string[] => [
  inventory?.paths.scripts ?? 'scripts',
  join(packageRoot(), 'templates', 'scripts'),
];

/**
 * All accounts of the ledger; a script that several have is read once. `held`: what a trial holds
 * back, by default all of it. Error `inventory`: a script is not
 * there, has mistakes, or could never answer where it is used.
 */
export async function readAnsweringAccounts(
  { inventory, ledger }: Pick<FleetContext, 'inventory' | 'ledger'>,
  held?: Held,
): Promise<readonly AnsweringAccount[]> {
  const kept = held ?? (await readHeld(ledger.db));
  const scripts = new Map<string, Promise<ParsedScript>>();
  const scriptOf = (name: string): Promise<ParsedScript> => {
    const known = scripts.get(name) ?? readScript(scriptFolders(inventory), name);
    scripts.set(name, known);
    return known;
  };
  const accounts = await listAccounts(ledger.db);
  const answering = await Promise.all(
    accounts.map(async (account): Promise<AnsweringAccount> => {
      const spec = accountSpecFor(inventory, account.name as AccountName);
      const own = { keyId: account.key_id, userId: account.user_id, username: account.username };
      const before = kept.get(account.name);
      if (before !== undefined) return heldAccount(account, before, { spec, ...own });
      const member = { spec, ...own };
      // A label for placement alone needs no file: who answers nowhere needs no script.
      const name = spec.chats.length === 0 ? null : (account.script ?? spec.script);
      return { account, member, script: name === null ? null : await scriptOf(name), held: null };
    }),
  );
  const problems = answering
    .filter(answersAnywhere)
    .flatMap((own) => misfitsOf(renderBehaviour(inventory, own, answering)));
  if (problems.length === 0) return answering;
  throw new FleetError('inventory', 'scripts do not fit the accounts that have them', {
    hint:
      'shorten the delay in the script or raise answer_slot; give the inventory a model, or ' +
      'choose a script that asks none',
    problems,
  });
}

/**
 * Its chats are those of what it is held at, too: who shares one has to be the same for all who
 * share it.
 */
function heldAccount(
  account: PlacedAccount,
  held: Behaviour,
  { spec, ...own }: FleetMember,
): AnsweringAccount {
  const chats = held.chats.map(({ id, name }) => ({ id, name }));
  const script =
    held.script === null
      ? null
      : { script: held.script, description: null, systemPrompt: held.model?.systemPrompt ?? '' };
  return { account, member: { spec: { ...spec, chats }, ...own }, script, held };
}

/** The behaviour of one account. `fleet`: all accounts, this one among them. Pure. */
export function renderBehaviour(
  inventory: Inventory,
  { account, member, script, held }: AnsweringAccount,
  fleet: readonly AnsweringAccount[],
  test?: TestMessage,
): Behaviour {
  const members = fleet.map((other) => other.member);
  const composed = composeBehaviour(inventory, member, members, script, account.paused === 1);
  const behaviour =
    held === null ? composed : { ...composed, model: held.model, limits: held.limits };
  return test === undefined ? behaviour : { ...behaviour, test };
}

/** As it is sent: one line. */
export const formatBehaviour = (behaviour: Behaviour): string => `${JSON.stringify(behaviour)}\n`;

/**
 * What the ledger remembers of a behaviour that a host was given. What passes is no part of it: a
 * test message, and how chats were shared before.
 */
export function behaviourHash({ test: _, ...behaviour }: Behaviour): string {
  const lasting = { ...behaviour, chats: behaviour.chats.map(({ former: __, ...chat }) => chat) };
  return createHash('sha256').update(JSON.stringify(lasting)).digest('hex');
}

const isSharedAlike = (one: ChatSharing, other: ChatSharing): boolean =>
  one.slotMs === other.slotMs &&
  JSON.stringify(one.colleagues) === JSON.stringify(other.colleagues);

/**
 * The behaviours `afters` of accounts whose hosts have `befores`, so that a chat which is shared
 * out in another way is so for all of them from the same
 * message on, the first that is sent after `untilMs`; until then as the hosts have it now. Whoever
 * is new in a chat waits for that moment too. Pure.
 */
export function changeOver(
  befores: readonly Behaviour[],
  afters: readonly Behaviour[],
  untilMs: number,
): readonly Behaviour[] {
  const known = befores.flatMap(({ account, chats }) => chats.map((chat) => ({ account, chat })));
  return afters.map((after) => ({
    ...after,
    chats: after.chats.map((chat): ChatPolicy => {
      const here = known.filter((before) => before.chat.id === chat.id);
      const own = here.find(({ account }) => account === after.account);
      const former = (own ?? here.find((before) => !isSharedAlike(before.chat, chat)))?.chat;
      if (former === undefined || isSharedAlike(former, chat)) return chat;
      return { ...chat, former: { slotMs: former.slotMs, colleagues: former.colleagues, untilMs } };
    }),
  }));
}

/**
 * Whether any account of this inventory answers anywhere. Where none does, placing accounts costs
 * nothing more; taking the last group away is pushed by hand.
 */
export const isAnsweringFleet = ({ accounts, accountDefaults }: Inventory): boolean =>
  accountDefaults.chats.length > 0 || accounts.some(({ chats }) => chats.length > 0);

/** Whether the account has anything to do with answering; otherwise its host needs no file. */
export const answersAnywhere = ({ member }: AnsweringAccount): boolean =>
  member.spec.chats.length > 0;

/**
 * What is different, in words, the most important first; empty: nothing. `before` null: the host
 * has no behaviour of it. Pure.
 */
export function describeChange(before: Behaviour | null, after: Behaviour): readonly string[] {
  if (before === null)
    return [
      `new: ${scriptName(after.script)}, ${countOf(after.chats.length, 'chat')}` +
        `${after.isPaused ? ', paused' : ''}`,
    ];
  const differs = (read: (behaviour: Behaviour) => unknown): boolean =>
    JSON.stringify(read(before)) !== JSON.stringify(read(after));
  const [left, joined] = [missing(before.chats, after.chats), missing(after.chats, before.chats)];
  const same = (behaviour: Behaviour) =>
    behaviour.chats.filter(({ id }) => !left.includes(id) && !joined.includes(id));
  return [
    ...(before.isPaused === after.isPaused ? [] : [after.isPaused ? 'paused' : 'resumed']),
    ...(scriptName(before.script) === scriptName(after.script)
      ? scriptChanges(before.script, after.script)
      : [`${scriptName(before.script)} → ${scriptName(after.script)}`]),
    ...joined.map((id) => `answers in ${id}`),
    ...left.map((id) => `no longer in ${id}`),
    ...(differs((behaviour) => same(behaviour).map(({ colleagues }) => colleagues))
      ? ['other colleagues']
      : []),
    ...(differs((behaviour) => same(behaviour).map(({ name, slotMs }) => [name, slotMs]))
      ? ['names or slots of chats']
      : []),
    ...(differs(({ model }) => model)
      ? [`model: ${before.model?.model ?? 'none'} → ${after.model?.model ?? 'none'}`]
      : []),
    ...(differs(({ limits }) => limits) ? ['other limits'] : []),
    ...(differs(({ fleetUserIds }) => fleetUserIds) ? ['other accounts of the fleet'] : []),
  ];
}

const scriptName = (script: Script | null): string =>
  script === null ? 'no script' : `script ${script.name}`;
const countOf = (count: number, noun: string): string =>
  `${count} ${noun}${count === 1 ? '' : 's'}`;
const missing = (these: readonly ChatPolicy[], those: readonly ChatPolicy[]): readonly string[] =>
  these.map(({ id }) => id).filter((id) => !those.some((other) => other.id === id));

/** Of a script that kept its name: rules by name, then whatever else. */
function scriptChanges(before: Script | null, after: Script | null): readonly string[] {
  if (before === null || after === null || JSON.stringify(before) === JSON.stringify(after))
    return [];
  const text = (script: Script, name: string): string | undefined => {
    const rule = script.rules.find((each) => each.name === name);
    return rule === undefined ? undefined : JSON.stringify(rule);
  };
  const names = [...new Set([...before.rules, ...after.rules].map(({ name }) => name))];
  const changed = names.filter((name) => text(before, name) !== text(after, name));
  return changed.length === 0
    ? [`script ${after.name} changed`]
    : [`script ${after.name}: ${changed.map((name) => `rule ${name}`).join(', ')}`];
}

/** One run of a verb for the server, in a process of its own. */
import { selectHosts } from '../../inventory/select-hosts.ts';
import { accessTo, openLedger } from '../../ledger/ledger.ts';
import { listAccounts } from '../../ledger/queries/accounts.ts';
import { listHosts } from '../../ledger/queries/hosts.ts';
import { FleetError } from '../../model/errors.ts';
import type { Inventory } from '../../model/inventory.ts';
import { inputSchemaOf } from '../../verbs/input-schema.ts';
import { secretReader } from '../../verbs/open-context.ts';
import type { Json, Outcome } from '../../verbs/outcome.ts';
import { runVerb } from '../../verbs/run-verb.ts';
import type { Change, Verb } from '../../verbs/verb.ts';
import { fleetMark } from '../../workflows/moves/plan-moves.ts';
import type { Offer } from '../offers.ts';
import { type Lists, listOf } from '../pages.ts';
import { problemOf } from '../problem.ts';
import { type HostScope, hostScope, isAboutOthers, refuseOthers, seenBy } from './host-scope.ts';
import { planDigest } from './plan-digest.ts';
import type { RunAnswer, RunRequest } from './protocol.ts';
import type { RunCircumstances } from './run-circumstances.ts';
import { runDesk } from './run-desk.ts';
import { takeUpload } from './take-upload.ts';

type Input = Parameters<typeof runVerb>[1];
type AnyChange = Change<Verb['input'], unknown, unknown>;

/** Errors: `usage`, with every mistake at once. */
function inputFor({ verb, fields }: Offer, given: unknown): Input {
  const whole = typeof given === 'object' && given !== null ? given : {};
  const withheld = Object.keys(whole).filter(
    (name) => name !== 'limit' && !Object.hasOwn(fields, name),
  );
  const parsed = inputSchemaOf(verb).safeParse(given);
  // Unknown names are said once.
  const issues = parsed.success
    ? []
    : parsed.error.issues.filter(({ code }) => code !== 'unrecognized_keys');
  const wrong = issues.map(({ path, message }) => `${path.join('.') || 'input'}: ${message}`);
  const problems = [...withheld.map((name) => `${name}: unknown`), ...wrong];
  if (parsed.success && problems.length === 0) return parsed.data as Input;
  throw new FleetError('usage', `${verb.name} does not take this input`, {
    hint: 'GET /v1/openapi.json says what it takes',
    problems,
  });
}

/** What a limited token may see; null: everything. */
async function scopeOf(inventory: Inventory, pattern: string | null): Promise<HostScope | null> {
  if (pattern === null) return null;
  const ledger = await openLedger(accessTo(inventory.ledger, secretReader(inventory)));
  try {
    const [rows, accounts] = [await listHosts(ledger.db), await listAccounts(ledger.db)];
    const listed = inventory.hosts.map(({ name, ssh }) => ({ name, address: ssh.address }));
    const known = new Set<string>(listed.map(({ name }) => name));
    const others = rows.filter(({ name }) => !known.has(name));
    return hostScope({
      allowed: selectHosts(inventory, [pattern]).map(({ name }) => name),
      hosts: [...listed, ...others.map(({ name }) => ({ name, address: null }))],
      accounts: accounts.map(({ name, host, display_name: displayName }) => ({
        ...{ name, host, displayName },
      })),
    });
  } finally {
    await ledger.close();
  }
}

/** Only the token's hosts, whatever of them was asked for. Errors: `usage`. */
function limited(inventory: Inventory, input: Input, scope: HostScope | null): Input {
  if (scope === null) return input;
  const asked = input.limit.length === 0 ? null : selectHosts(inventory, input.limit);
  const names = asked === null ? [...scope.hosts] : asked.map(({ name }) => name as string);
  if (names.every((name) => scope.hosts.has(name))) return { ...input, limit: names };
  throw new FleetError('usage', "limit selects what is not among this token's hosts", {
    hint: 'leave it out: all of the token are meant',
  });
}

/** Carried by an error out of the verb: what would be done is known, and nothing is. */
class Planned extends Error {
  readonly data: Json;
  readonly question: string | null;
  readonly input: unknown;

  constructor(data: Json, question: string | null, input: unknown) {
    super('planned');
    this.data = data;
    this.question = question;
    this.input = input;
  }
}

interface Run {
  readonly offer: Offer;
  readonly input: Input;
  readonly scope: HostScope | null;
  readonly inventory: Inventory;
  readonly about: RunCircumstances;
}

async function digestOf({ offer, inventory }: Run, input: unknown, data: Json): Promise<string> {
  const ledger = await openLedger(accessTo(inventory.ledger, secretReader(inventory)));
  try {
    const mark = await fleetMark(ledger.db, inventory);
    const asked = { ...(input as object), dryRun: false };
    return planDigest(offer.verb.name, asked, mark, data);
  } finally {
    await ledger.close();
  }
}

const listsIn = (data: Json): Lists =>
  Object.fromEntries(
    Object.entries(data).flatMap(([name, value]) =>
      Array.isArray(value) ? [[name, listOf(value)] as const] : [],
    ),
  );

/** What is found or done. Looks have their lists apart, for pages. */
function answerOf(run: Run, outcome: Outcome, isLook: boolean): RunAnswer {
  const { scope, offer } = run;
  const errors = outcome.errors.map(problemOf).filter((error) => !isAboutOthers(error, scope));
  const data = (seenBy(plain(outcome.data), scope) ?? {}) as Json;
  const lists = isLook ? listsIn(data) : {};
  const rest = Object.entries(data).filter(([name]) => !Object.hasOwn(lists, name));
  const ok = outcome.errors.length === 0 && (outcome.exitCode ?? 0) === 0;
  const head = { version: 1, command: offer.verb.name, ok, ...Object.fromEntries(rest), errors };
  return { head, lists, plan: null };
}

const plain = (data: Json): Json => JSON.parse(JSON.stringify(data)) as Json;

function refusePlanOfOthers(data: Json, { scope }: Run): void {
  if (!isAboutOthers(plain(data), scope)) return;
  throw new FleetError('usage', "this plan is about more than this token's hosts", {
    hint: 'use a token whose pattern has all hosts that the plan may use',
  });
}

/** The plan, and nothing is done. */
async function plan(run: Run): Promise<RunAnswer> {
  const { offer, input, about } = run;
  const verb = offer.verb as AnyChange;
  const hasDryRun = Object.hasOwn(verb.input, 'dryRun');
  const desk = runDesk({
    ...about,
    agree: async (question, proposal) => {
      const data = verb.toJson(proposal?.plan, null, proposal?.input ?? input);
      throw new Planned(data, question, proposal?.input ?? input);
    },
  });
  try {
    const outcome = await runVerb(verb, { ...input, dryRun: hasDryRun } as Input, desk);
    refusePlanOfOthers(outcome.data, run);
    const asked = { ...outcome.input, dryRun: false } as Input;
    const isEmpty = !hasDryRun || (await verb.isEmpty?.(outcome.plan, asked)) === true;
    const question = verb.question?.(outcome.plan, asked) ?? null;
    const digest = await digestOf(run, outcome.input, outcome.data);
    return { ...answerOf(run, outcome, false), plan: isEmpty ? null : { digest, question } };
  } catch (error) {
    if (!(error instanceof Planned)) throw error;
    refusePlanOfOthers(error.data, run);
    const digest = await digestOf(run, error.input, error.data);
    const head = { version: 1, command: verb.name, ok: true, ...plain(error.data), errors: [] };
    return { head, lists: {}, plan: { digest, question: error.question } };
  }
}

/** Carries out what is still what was planned. Errors: `plan-stale`. */
async function apply(run: Run, digest: string | null): Promise<RunAnswer> {
  const verb = run.offer.verb as AnyChange;
  const stale = (): FleetError =>
    new FleetError('plan-stale', 'the fleet has changed since this plan was made', {
      hint: 'make a new plan and look at it',
    });
  let isAgreed = false;
  const desk = runDesk({
    ...run.about,
    agree: async (_, proposal) => {
      const asked = proposal?.input ?? run.input;
      const data = verb.toJson(proposal?.plan, null, asked);
      refusePlanOfOthers(data, run);
      if (digest !== (await digestOf(run, asked, data))) throw stale();
      await run.about.ready();
      isAgreed = true;
    },
  });
  const outcome = await runVerb(verb, { ...run.input, dryRun: false } as Input, desk);
  // There is nothing left to do: somebody else has done it.
  if (!isAgreed && verb.kind === 'change') throw stale();
  return answerOf(run, outcome, false);
}

async function runInMode(run: Run, { mode, digest }: RunRequest): Promise<RunAnswer> {
  if (mode === 'plan') return plan(run);
  if (mode === 'apply') return apply(run, digest);
  const refuse = (): Promise<never> => Promise.reject(new Error('a look asked'));
  if (mode === 'act') await run.about.ready();
  const desk = runDesk({ ...run.about, agree: mode === 'look' ? refuse : async () => undefined });
  return answerOf(run, await runVerb(run.offer.verb, run.input, desk), mode === 'look');
}

/**
 * Errors: all those of the verb; `usage`, for an input that it does not take, or that is not the
 * token's.
 */
export async function runRequest(
  offers: readonly Offer[],
  request: RunRequest,
  about: RunCircumstances,
): Promise<RunAnswer> {
  const inventory = await about.readInventory(about.inventory);
  if (request.mode === 'facts')
    return { head: { ledger: { ...inventory.ledger } }, lists: {}, plan: null };
  const { bytes, input: asked } = request;
  if (request.mode === 'upload' && bytes !== undefined) return takeUpload(bytes, asked, about);
  const scope = await scopeOf(inventory, request.hosts);
  if (request.mode === 'words')
    return { head: { hidden: [...(scope?.hidden ?? [])] }, lists: {}, plan: null };
  const offer = offers.find(({ verb }) => verb.name === request.verb);
  if (offer === undefined) throw new Error(`there is no route to ${request.verb}`);
  const given = inputFor(offer, request.input);
  refuseOthers(offer.fields, given, scope, offer.scope !== 'look');
  const input = limited(inventory, given, scope);
  try {
    return await runInMode({ offer, input, scope, inventory, about }, request);
  } catch (error) {
    throw isAboutOthers(problemOf(error), scope) ? hiddenError(error) : error;
  }
}

const hiddenError = (error: unknown): FleetError =>
  new FleetError(error instanceof FleetError ? error.code : 'bug', 'this concerns other hosts', {
    hint: 'use a token without a pattern of hosts',
  });

import { isDeepStrictEqual } from 'node:util';
import type { HostAct, HostSurvey } from '../../../hostside/protocol/host-acts.ts';
import { askHost } from '../../facts/ask-host.ts';
import type { LedgerDb } from '../../ledger/ledger.ts';
import { highestEpoch, listAccounts } from '../../ledger/queries/accounts.ts';
import { ensureHosts, listHosts } from '../../ledger/queries/hosts.ts';
import { listOpenMoves } from '../../ledger/queries/moves.ts';
import type { Run } from '../../ledger/queries/runs.ts';
import { lastSerial, readStaleness } from '../../ledger/queries/staleness.ts';
import { FleetError } from '../../model/errors.ts';
import type { HostSpec } from '../../model/inventory.ts';
import type { AccountName } from '../../model/names.ts';
import { findCutOff, readClaims } from '../../ownership/adopt-claims.ts';
import type { AdoptionPlan, ClosedClaim } from '../../ownership/adoption-plan.ts';
import type { JournaledMove } from '../../ownership/ended-moves.ts';
import { findMissing } from '../../ownership/missing-hosts.ts';
import { detached } from '../../ownership/phases.ts';
import { type KnownAccount, planAdoption } from '../../ownership/plan-adoption.ts';
import { forEachHost } from '../../remote/for-each-host.ts';
import type { FleetContext } from '../context.ts';
import {
  askAsAuthority,
  contactHost,
  helperTimeoutMs,
  onlineTimeoutMs,
} from '../hosts/ask-as-authority.ts';
import { keptState } from '../ownership/carry-state.ts';
import { readConduct } from './adopt-conduct.ts';
import { doubtsOf, refuseNeedless } from './adopt-replaced.ts';
import type { Adoption, AskedHost, StoredSession } from './adoption.ts';
import { keepLastState } from './keep-states.ts';
import { recordAdoption } from './record-adoption.ts';

/**
 * Looks at every host and at the vault. `without`: hosts of which the operator says that they run
 * nothing, although others remember them; `replaced`: hosts whose former machine the operator
 * states to be this one, or to be gone. Changes nothing anywhere. Errors: `vault`, `vault-key`,
 * `usage`.
 */
export async function prepareAdoption(
  context: FleetContext,
  without: readonly string[] = [],
  replaced: readonly string[] = [],
): Promise<Adoption> {
  const { inventory, ledger } = context;
  const look = async (host: HostSpec): Promise<HostSurvey | null> => {
    const replies = await askHost(
      context.remoteFor(host),
      { format: 1, acts: [{ act: 'survey' }] },
      { timeoutMs: helperTimeoutMs },
    );
    return replies === null ? null : surveyIn(host, replies[0]?.result);
  };
  const outcomes = await forEachHost(inventory.hosts, inventory.concurrency, look, context.signal);
  const hosts = outcomes.map((outcome): AskedHost => {
    if (!outcome.ok) return { host: outcome.host, survey: null, problem: outcome.error };
    const fleet = outcome.value?.config?.fleet ?? inventory.fleet;
    const problem =
      fleet === inventory.fleet ? null : foreign(outcome.host.name, fleet, inventory.fleet);
    return { host: outcome.host, survey: problem === null ? outcome.value : null, problem };
  });
  const vault = await readVault(context);
  const heard = hosts.flatMap(({ survey }) =>
    survey?.authority?.id === ledger.authorityId ? [survey.authority.serial] : [],
  );
  const heardSerial = Math.max(0, ...heard);
  const takenOver = hosts.flatMap(({ host, survey }) =>
    survey?.authority && survey.authority.id !== ledger.authorityId ? [host.name as string] : [],
  );
  const isEmpty = (await listAccounts(ledger.db)).length === 0;
  const kept = ledger.serialCopy.read(ledger.authorityId) ?? 0;
  const isBehind = Math.max(heardSerial, kept) > (await lastSerial(ledger.db));
  const isOld =
    isEmpty || isBehind || takenOver.length > 0 || (await readStaleness(ledger.db)) !== null;
  const rows = await listHosts(ledger.db);
  const known = new Set<string>([
    ...inventory.hosts.map(({ name }) => name),
    ...rows.map(({ name }) => name),
  ]);
  const remembering = hosts.flatMap(({ host, survey }) =>
    survey === null
      ? []
      : [{ host: host.name as string, instanceId: survey.instanceId, hosts: survey.hosts ?? [] }],
  );
  const missing = findMissing(remembering, known, new Set(without));
  const lost = rows.filter(({ off_at, destroyed_at }) => off_at !== null || destroyed_at !== null);
  const forgotten = isOld ? lost.map(({ name }) => name) : [];
  await refuseNeedless(context, hosts, replaced);
  const plan = await planFrom(context, { hosts, vault, isOld, replaced });
  const answering = hosts.filter(({ survey }) => survey !== null).map(({ host }) => host);
  const conduct = isOld ? await readConduct(context, plan, answering) : [];
  return {
    plan,
    hosts,
    takenOver,
    isOld,
    forgotten,
    heardSerial,
    missing,
    without,
    replaced,
    conduct,
    vault,
  };
}

const foreign = (name: string, theirs: string, ours: string): FleetError =>
  new FleetError(
    'host-foreign',
    `${name} belongs to the fleet "${theirs}", this inventory is "${ours}"`,
    {
      host: name,
      hint: 'take it out of this inventory, or use the inventory of that fleet',
    },
  );

function surveyIn(
  host: HostSpec,
  result: { readonly kind: string; readonly survey?: HostSurvey } | undefined,
): HostSurvey {
  if (result?.survey !== undefined) return result.survey;
  throw new FleetError('agent-reply', `${host.name}: the survey failed`, {
    host: host.name,
    hint: `run: fleet init --limit ${host.name}`,
  });
}

async function readVault({ vault }: FleetContext): Promise<StoredSession[]> {
  const sessions: StoredSession[] = [];
  for (const account of await vault.list()) {
    const { session, ...record } = await vault.get(account);
    session.authKey.fill(0);
    const { authKey: _, ...rest } = session;
    sessions.push({ ...record, session: rest });
  }
  return sessions;
}

async function planFrom(
  context: FleetContext,
  { hosts, vault, isOld, replaced }: Pick<Adoption, 'hosts' | 'vault' | 'isOld' | 'replaced'>,
): Promise<AdoptionPlan> {
  const { ledger } = context;
  const rows = await listAccounts(ledger.db);
  const inVault = new Set(vault.map(({ keyId }) => keyId as string));
  const inLedger = new Set(rows.map(({ key_id }) => key_id));
  const highest = new Map(
    await Promise.all(
      rows.map(async ({ key_id }) => [key_id, await highestEpoch(ledger.db, key_id)] as const),
    ),
  );
  const accounts: KnownAccount[] = [
    ...rows.map(({ name, key_id, host, epoch, state }) => ({
      account: name,
      keyId: key_id,
      ledger: { host, epoch, isDetached: state === 'detached', highest: highest.get(key_id) ?? 0 },
      isInVault: inVault.has(key_id),
    })),
    ...vault
      .filter(
        ({ keyId, account }) => !inLedger.has(keyId) && !rows.some(({ name }) => name === account),
      )
      .map(({ account, keyId }) => ({ account, keyId, ledger: null, isInVault: true })),
  ];
  const openMoves: JournaledMove[] = [];
  for (const move of await listOpenMoves(ledger.db)) {
    const { id, account, key_id: keyId, epoch, to_host: to, from_host, phase } = move;
    const isReleased = from_host !== null && phase === 'released' && to !== detached;
    const released = isReleased
      ? { released: { from: from_host, isKept: (await keptState(context, move)) !== null } }
      : {};
    openMoves.push({ id, account, keyId, epoch, to, ...released });
  }
  const answering = hosts.filter(({ problem }) => problem === null);
  const evidence = answering.map(({ host, survey }) => ({ host: host.name, survey }));
  return planAdoption({
    ...{ truths: readClaims(evidence, new Set(replaced)), cutOff: findCutOff(evidence) },
    doubted: await doubtsOf(context, hosts, replaced),
    accounts: accounts.toSorted((a, b) => (a.account < b.account ? -1 : 1)),
    openMoves,
    destroyed: new Set(
      (await listHosts(ledger.db))
        .filter(({ destroyed_at }) => destroyed_at !== null)
        .map(({ name }) => name),
    ),
    answering: new Set(answering.map(({ host }) => host.name)),
    equipped: new Set(
      answering.flatMap(({ host, survey }) =>
        survey !== null && survey.release !== '' ? [host.name] : [],
      ),
    ),
    isOld,
  });
}

/**
 * Carries the plan out: every host that answered hears a serial above all that it has heard, so
 * that no other copy of the ledger can act there any more; is
 * asked once more; torn claims are closed; and then the ledger is changed in one transaction.
 * Killed anywhere, the same command does it again. Errors:
 * `plan-stale` when a host says something else by now, `authority-refused`, `claim-refused`, and
 * those of the Remote.
 */
export async function executeAdoption(
  context: FleetContext,
  run: Run,
  shown: Adoption,
): Promise<void> {
  const { inventory, ledger } = context;
  await ensureHosts(
    ledger.db,
    inventory.hosts.map(({ name }) => name),
  );
  const stamp = async ({ host, survey, problem }: AskedHost): Promise<AskedHost> => {
    if (survey === null) return { host, survey, problem };
    const takeOver = shown.takenOver.includes(host.name);
    // Asked before it is stamped, and stamped without a roster: what this ledger believes is what
    // is to be put right.
    const contacted = await contactHost(context, run, host, [{ act: 'survey' }], {
      takeOver,
      withoutRoster: true,
    });
    if (contacted !== null && contacted.refusal === null)
      return { host, survey: surveyIn(host, contacted.replies[0]?.result), problem: null };
    throw new FleetError(
      'authority-refused',
      `${host.name} did not accept this ledger: ` +
        `${contacted?.refusal?.message ?? 'no reason given'}`,
      {
        host: host.name,
        hint: 'another fleet command may be at work there: run fleet adopt again',
      },
    );
  };
  const byName = new Map(shown.hosts.map((asked) => [asked.host.name, asked]));
  const outcomes = await forEachHost(
    shown.hosts.map(({ host }) => host),
    inventory.concurrency,
    (host) => stamp(byName.get(host.name) ?? { host, survey: null, problem: null }),
    context.signal,
  );
  const hosts = outcomes.map((outcome) => {
    if (outcome.ok) return outcome.value;
    throw outcome.error;
  });
  const isStillTrue = async (db: LedgerDb): Promise<boolean> => {
    const now = { ...context, ledger: { ...ledger, db: db as FleetContext['ledger']['db'] } };
    return isDeepStrictEqual(await planFrom(now, { ...shown, hosts }), shown.plan);
  };
  if (!(await isStillTrue(ledger.db))) {
    throw new FleetError('plan-stale', 'the hosts have changed since they were asked', {
      hint: 'run fleet adopt again',
    });
  }
  for (const { host } of hosts)
    for (const claim of shown.plan.closedClaims.filter((each) => each.host === host.name))
      await closeClaim(context, run, host, claim, isUnownedIn(shown.plan, claim.keyId));
  await recordAdoption(context, { ...shown, hosts }, isStillTrue);
}

/** Nobody owns it, and it has not left the fleet. */
const isUnownedIn = ({ accounts }: AdoptionPlan, key: string): boolean =>
  accounts.some(({ keyId, after, isDetached }) => keyId === key && after === null && !isDetached);

const isKept = async (
  { states }: FleetContext,
  { name, key_id }: { readonly name: string; readonly key_id: string },
): Promise<boolean> => (await states.get(name as AccountName))?.keyId === key_id;

/**
 * The host writes the claim anew, stops what may still run, and answers when none of it can be
 * heard any more.
 */
async function closeClaim(
  context: FleetContext,
  run: Run,
  host: HostSpec,
  { account, keyId, epoch, stagedEpochs, moveId = `adopt-${run.serial}` }: ClosedClaim,
  isUnowned: boolean,
): Promise<void> {
  const owner = (await listAccounts(context.ledger.db)).find(({ key_id }) => key_id === keyId);
  const acts: HostAct[] = [
    { act: 'revoke', keyId, account, epoch, moveId, settle: true },
    { act: 'copy-state', keyId, epoch },
    ...stagedEpochs.map((staged): HostAct => ({ act: 'wipe', keyId, epoch: staged })),
  ];
  const replies = await askAsAuthority(context, run, host, acts, {
    timeoutMs: helperTimeoutMs + onlineTimeoutMs,
    withoutRoster: true,
  });
  const refused = replies.find(({ ok }, index) => !ok && acts[index]?.act !== 'copy-state');
  if (refused === undefined) {
    // What the account remembers is final now, and its next start goes on from it. A ledger that
    // was lost knows of no owner: this one is the last that shows.
    const isLast =
      owner !== undefined &&
      (owner.host === host.name ||
        (owner.host === null && isUnowned && !(await isKept(context, owner))));
    if (isLast) await keepLastState(context, run, { owner, epoch }, replies[1]);
    return;
  }
  throw new FleetError(
    'claim-refused',
    `${host.name} did not close its claim on ${account}: ${refused.message ?? 'no reason given'}`,
    {
      ...{ host: host.name, account },
      hint: 'correct that on the host, then run fleet adopt again',
    },
  );
}

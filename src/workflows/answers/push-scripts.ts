import type { Behaviour, TestMessage } from '../../../hostside/protocol/behaviour.ts';
import type { HostAct } from '../../../hostside/protocol/host-acts.ts';
import { hostPaths } from '../../../hostside/protocol/paths.ts';
import { parseBehaviour } from '../../facts/answering-schemas.ts';
import { setBehaviourHash } from '../../ledger/queries/accounts.ts';
import { recordEvent } from '../../ledger/queries/events.ts';
import type { Run } from '../../ledger/queries/runs.ts';
import type { MoveRow } from '../../ledger/schema.ts';
import { FleetError } from '../../model/errors.ts';
import type { HostSpec } from '../../model/inventory.ts';
import { forEachHost, type HostOutcome } from '../../remote/for-each-host.ts';
import type { FleetContext } from '../context.ts';
import { askAsAuthority } from '../hosts/ask-as-authority.ts';
import { unlessInterrupted } from '../interrupted.ts';
import {
  type AnsweringAccount,
  answersAnywhere,
  behaviourHash,
  changeOver,
  describeChange,
  formatBehaviour,
  isAnsweringFleet,
  readAnsweringAccounts,
  renderBehaviour,
} from './answer-behaviour.ts';
import type { Held } from './held-behaviours.ts';

/** What one host is to be told about one account. */
export interface BehaviourChange {
  readonly account: string;
  readonly keyId: string;
  readonly host: HostSpec;
  readonly behaviour: Behaviour;
  /** In words; empty: nothing but what the host has already. */
  readonly changes: readonly string[];
}

export interface PushPlan {
  readonly changes: readonly BehaviourChange[];
  /** What the hosts have now. */
  readonly befores: readonly Behaviour[];
  readonly errors: readonly FleetError[];
}

/** The act that gives a host a behaviour. */
const configureAct = (
  keyId: string,
  behaviour: Behaviour,
): Extract<HostAct, { readonly act: 'configure' }> => ({
  ...{ act: 'configure', keyId, account: behaviour.account, behaviour: formatBehaviour(behaviour) },
});

/** Behaviours beside the files that moves bring to new hosts. */
export interface StagedBehaviours {
  /** None for an account that answers nowhere. */
  acts(move: Pick<MoveRow, 'account' | 'key_id'>): readonly HostAct[];
  /** The hosts took what {@link acts} gave. */
  noteStaged(moves: readonly Pick<MoveRow, 'account'>[]): Promise<void>;
}

/**
 * A script with mistakes holds up no move: the accounts come online and say nothing there until it
 * is right and was pushed, which is reported.
 */
export async function behavioursToStage(context: FleetContext): Promise<StagedBehaviours> {
  if (!isAnsweringFleet(context.inventory)) return { acts: () => [], noteStaged: async () => {} };
  const fleet = await readAnsweringAccounts(context).catch((error: unknown) => {
    if (!(error instanceof FleetError)) throw error;
    context.report({
      kind: 'phase',
      text: `${error.message}: accounts that are placed now say nothing until fleet scripts push`,
    });
    return [];
  });
  const behaviours = new Map(
    fleet.filter(answersAnywhere).map((own) => {
      return [own.account.name, renderBehaviour(context.inventory, own, fleet)] as const;
    }),
  );
  return {
    acts: ({ account, key_id }) => {
      const behaviour = behaviours.get(account);
      return behaviour === undefined ? [] : [configureAct(key_id, behaviour)];
    },
    noteStaged: async (moves) => {
      for (const { account } of moves) {
        const behaviour = behaviours.get(account);
        const known =
          fleet.find((own) => own.account.name === account)?.account.behaviour_hash ?? null;
        if (behaviour === undefined && known === null) continue;
        await setBehaviourHash(
          context.ledger.db,
          account,
          behaviour === undefined ? null : behaviourHash(behaviour),
        );
      }
    },
  };
}

/**
 * Compares what hosts have with what the operator's files say, for the accounts in `names` (empty:
 * all) that are on a host. Asks the hosts; one that does not answer is
 * an error and stands in no change. `test`: a message that its account is to say once. `held`: what
 * a trial holds back, by default all of it.
 */
export async function planPush(
  context: FleetContext,
  names: readonly string[],
  { test, held }: { readonly test?: TestMessage; readonly held?: Held } = {},
): Promise<PushPlan> {
  const fleet = await readAnsweringAccounts(context, held);
  for (const name of names.filter((each) => !fleet.some(({ account }) => account.name === each))) {
    throw new FleetError('usage', `no such account: ${name}`, {
      account: name,
      hint: 'fleet accounts list shows those that were imported',
    });
  }
  const chosen = fleet.filter(
    ({ account }) => account.host !== null && (names.length === 0 || names.includes(account.name)),
  );
  const hosts = context.inventory.hosts.filter(({ name }) =>
    chosen.some(({ account }) => account.host === name),
  );
  const outcomes = await forEachHost(
    hosts,
    context.inventory.concurrency,
    (host) => readBehaviours(context, host),
    context.signal,
  );
  const changes = outcomes.flatMap((outcome) => {
    if (!outcome.ok) return [];
    return chosen
      .filter(({ account }) => account.host === outcome.host.name)
      .map((own): BehaviourChange => {
        const { name, key_id: keyId } = own.account;
        const before = outcome.value.get(name) ?? null;
        const behaviour = renderBehaviour(context.inventory, own, fleet, test);
        const isNeeded = before !== null || answersAnywhere(own);
        const words = isNeeded ? describeChange(before, behaviour) : [];
        return {
          account: name,
          keyId,
          host: outcome.host,
          behaviour,
          changes: test === undefined ? words : [...words, 'says a test message'],
        };
      });
  });
  return {
    changes,
    befores: behavioursIn(outcomes),
    errors: outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.error])),
  };
}

/** By name of the account. A file that cannot be parsed counts as absent. */
export async function readBehaviours(
  context: FleetContext,
  host: HostSpec,
): Promise<ReadonlyMap<string, Behaviour>> {
  const command = `cat ${hostPaths.behaviour}/*.json 2>/dev/null || true`;
  // As root: nobody else may list that folder.
  const replyLimit = { bytes: behaviourBytes * (host.maxAccounts + 1) };
  const how = { asRoot: true, narrow: ['behaviours'], replyLimit };
  const reading = context.remoteFor(host).run({ command, ...how });
  const { stdout } = await unlessInterrupted(context.signal, host.name, reading);
  const lines = new TextDecoder()
    .decode(stdout)
    .split('\n')
    .filter((line) => line !== '');
  const behaviours = lines.map(parseBehaviour).filter((behaviour) => behaviour !== null);
  return new Map(behaviours.map((behaviour) => [behaviour.account, behaviour]));
}

/** The helper takes no longer behaviour. */
const behaviourBytes = 1024 * 1024;

/** Of the hosts that answered. */
const behavioursIn = (
  outcomes: readonly HostOutcome<HostSpec, ReadonlyMap<string, Behaviour>>[],
): readonly Behaviour[] =>
  outcomes.flatMap((outcome) => (outcome.ok ? [...outcome.value.values()] : []));

/** Until all hosts have been told and all workers, which look every 2 s, have taken it up. */
const changeOverMs = 8_000;

export interface Pushed {
  /** What failed. */
  readonly errors: readonly FleetError[];
  /** From when chats are shared out in another way, ms since the epoch; null: none is. */
  readonly changeOverAtMs: number | null;
}

/**
 * Gives hosts what `changes` say, hosts side by side, one request each. Accounts that share a chat
 * change over at the same message, a few seconds from now. Safe
 * to repeat.
 */
export async function pushBehaviours(
  context: FleetContext,
  run: Run,
  { changes: wanted, befores }: Pick<PushPlan, 'changes' | 'befores'>,
): Promise<Pushed> {
  const changeOverAtMs = context.now() + changeOverMs;
  const behaviours = changeOver(
    befores,
    wanted.map(({ behaviour }) => behaviour),
    changeOverAtMs,
  );
  const changes = wanted.map((change, index) => ({
    ...change,
    behaviour: behaviours[index] ?? change.behaviour,
  }));
  const hosts = [...new Set(changes.map(({ host }) => host))];
  const outcomes = await forEachHost(
    hosts,
    context.inventory.concurrency,
    (host) =>
      pushToHost(
        context,
        run,
        host,
        changes.filter((change) => change.host === host),
      ),
    context.signal,
  );
  const isChangedOver = behaviours.some(({ chats }) =>
    chats.some(({ former }) => former !== undefined),
  );
  return {
    errors: outcomes.flatMap((outcome) => (outcome.ok ? outcome.value : [outcome.error])),
    changeOverAtMs: isChangedOver ? changeOverAtMs : null,
  };
}

async function pushToHost(
  context: FleetContext,
  run: Run,
  host: HostSpec,
  changes: readonly BehaviourChange[],
): Promise<FleetError[]> {
  const acts = changes.map(({ keyId, behaviour }) => configureAct(keyId, behaviour));
  const replies = await askAsAuthority(context, run, host, acts, { endsBySignal: true });
  const errors: FleetError[] = [];
  for (const [index, { account, behaviour, changes: words }] of changes.entries()) {
    const reply = replies[index];
    if (reply?.ok === true) {
      await setBehaviourHash(context.ledger.db, account, behaviourHash(behaviour));
      await recordEvent(context.ledger.db, {
        at: context.now(),
        kind: 'account-configured',
        host: host.name,
        account,
        changes: words,
      });
      continue;
    }
    const why = reply?.message ?? 'no reason given';
    const hint =
      reply?.refusal === 'request'
        ? `its release is older than scripts: fleet init --limit ${host.name}`
        : `fleet accounts show ${account} tells where it is; then run this again`;
    errors.push(
      new FleetError(
        'claim-refused',
        `${host.name} did not take the behaviour of ${account}: ${why}`,
        { host: host.name, account, hint },
      ),
    );
  }
  return errors;
}

/**
 * Brings hosts up to date whose accounts' behaviour is not what the ledger says they were given:
 * another account has joined a shared group, or Telegram has told who one
 * is. Asks no host for anything else.
 */
export async function pushStaleBehaviours(context: FleetContext, run: Run): Promise<Pushed> {
  const nothing = { errors: [], changeOverAtMs: null };
  if (!isAnsweringFleet(context.inventory)) return nothing;
  let fleet: readonly AnsweringAccount[];
  try {
    fleet = await readAnsweringAccounts(context);
  } catch (error) {
    if (error instanceof FleetError) return { ...nothing, errors: [error] };
    throw error;
  }
  const changes = fleet.flatMap((own): BehaviourChange[] => {
    const { account } = own;
    const host = context.inventory.hosts.find(({ name }) => name === account.host);
    if (host === undefined || (account.behaviour_hash === null && !answersAnywhere(own))) return [];
    const behaviour = renderBehaviour(context.inventory, own, fleet);
    if (behaviourHash(behaviour) === account.behaviour_hash) return [];
    return [
      {
        account: account.name,
        keyId: account.key_id,
        host,
        behaviour,
        changes: ['what it shares with other accounts has changed'],
      },
    ];
  });
  if (changes.length === 0) return nothing;
  const hosts = [...new Set(changes.map(({ host }) => host))];
  const outcomes = await forEachHost(
    hosts,
    context.inventory.concurrency,
    (host) => readBehaviours(context, host),
    context.signal,
  );
  const befores = behavioursIn(outcomes);
  return pushBehaviours(context, run, { changes, befores });
}

/**
 * Before accounts are placed: those that run learn with whom they will share their groups, and have
 * changed over when the first of the new ones comes
 * online. What fails is tried again once they are.
 */
export async function announceColleagues(context: FleetContext, run: Run): Promise<void> {
  const { changeOverAtMs } = await pushStaleBehaviours(context, run);
  if (changeOverAtMs === null) return;
  const leftMs = Math.max(0, changeOverAtMs - context.now());
  context.report({
    kind: 'phase',
    text:
      `waiting ${(leftMs / 1000).toFixed(0)} s until the accounts that share groups with the ` +
      'new ones know them',
  });
  await context.pause(leftMs);
}

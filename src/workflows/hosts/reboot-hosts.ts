import { randomUUID } from 'node:crypto';
import type { ActReply, AwaitedAccount } from '../../../hostside/protocol/host-acts.ts';
import { awaitedState } from '../../facts/account-state.ts';
import { changeAccountState, recordEvent } from '../../ledger/queries/events.ts';
import { endAnnouncement, recordAnnouncement } from '../../ledger/queries/hosts.ts';
import type { Run } from '../../ledger/queries/runs.ts';
import { FleetError, isUnreachable } from '../../model/errors.ts';
import { judgeReturn } from '../../ownership/announced-reboot.ts';
import { forEachHost } from '../../remote/for-each-host.ts';
import type { FleetContext } from '../context.ts';
import { askAsAuthority, helperTimeoutMs, onlineTimeoutMs } from './ask-as-authority.ts';
import { lookAt, type PlannedReboot, type RebootPlan } from './plan-reboots.ts';

/** What ends the boot of a host. It answers before it goes. */
export const rebootCommand = 'systemctl --no-block reboot';

export interface RebootOutcome {
  readonly host: string;
  readonly state: 'rebooted' | 'failed' | 'not-begun';
  /** From the command until the host was up and its boot judged, ms; null: it is not back. */
  readonly downMs: number | null;
  /** From the command until every account that was online is again, ms; null: not all are. */
  readonly offlineMs: number | null;
  readonly accounts: readonly {
    readonly account: string;
    readonly state: string;
    readonly reason: string;
  }[];
  readonly problem: FleetError | null;
}

const lookEveryMs = 2_000;
/**
 * How often accounts are waited for, {@link onlineTimeoutMs} each: they rest after their stop, and
 * connect one by one.
 */
const waits = 5;

/**
 * Reboots as planned: side by side, or one host after the other until one does not come back as it
 * was. Each announcement is in the ledger before it leaves,
 * and on the host before it reboots. Outcomes in the order of the plan.
 */
export async function executeReboots(
  context: FleetContext,
  run: Run,
  plan: RebootPlan,
): Promise<RebootOutcome[]> {
  if (!plan.isRolling) {
    const byHost = new Map(plan.reboots.map((reboot) => [reboot.host, reboot]));
    const act = async (host: PlannedReboot['host']): Promise<RebootOutcome> => {
      const reboot = byHost.get(host);
      return reboot === undefined
        ? notBegun(host.name)
        : rebootHost(context, run, reboot, plan.withinMs);
    };
    const outcomes = await forEachHost(
      [...byHost.keys()],
      context.inventory.concurrency,
      act,
      context.signal,
    );
    return outcomes.map((outcome) =>
      outcome.ok ? outcome.value : { ...notBegun(outcome.host.name), problem: outcome.error },
    );
  }
  const outcomes: RebootOutcome[] = [];
  for (const reboot of plan.reboots) {
    const isOver = context.signal.aborted || outcomes.some(({ problem }) => problem !== null);
    outcomes.push(
      isOver ? notBegun(reboot.host.name) : await rebootHost(context, run, reboot, plan.withinMs),
    );
  }
  return outcomes;
}

const notBegun = (host: string): RebootOutcome => ({
  host,
  state: 'not-begun',
  downMs: null,
  offlineMs: null,
  accounts: [],
  problem: null,
});

/**
 * Announces and reboots one host, then waits until it answers from a new boot, has judged it, and
 * what was online there is again. What fails is a value. A run
 * that ends in between leaves the announcement open until its end; safe to repeat.
 */
export async function rebootHost(
  context: FleetContext,
  run: Run,
  reboot: PlannedReboot,
  withinMs: number,
): Promise<RebootOutcome> {
  const { host } = reboot;
  const said = (text: string, status: 'working' | 'done' | 'failed'): void =>
    context.report({ kind: 'host', host: host.name, text, status });
  let downMs: number | null = null;
  try {
    said('announcing its reboot', 'working');
    const untilMs = await announceReboot(context, run, reboot, withinMs);
    said('rebooting', 'working');
    const beganMs = context.now();
    await sendReboot(context, reboot, untilMs);
    await untilBack(context, reboot, untilMs);
    downMs = context.now() - beganMs;
    await endAnnouncement(context.ledger.db, host.name);
    await recordEvent(context.ledger.db, {
      ...{ at: context.now(), kind: 'host-rebooted', host: host.name, downMs },
    });
    said('back, waiting for its accounts', 'working');
    const accounts = await untilOnline(context, run, reboot);
    const problem = stillAway(host.name, accounts);
    said(problem?.message ?? 'rebooted', problem === null ? 'done' : 'failed');
    const offlineMs = problem === null ? context.now() - beganMs : null;
    return {
      host: host.name,
      state: problem === null ? 'rebooted' : 'failed',
      downMs,
      offlineMs,
      accounts,
      problem,
    };
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    said(error.message, 'failed');
    return {
      host: host.name,
      state: 'failed',
      downMs,
      offlineMs: null,
      accounts: [],
      problem: error,
    };
  }
}

/**
 * Journal first, then the host. Gives the end of the announcement, ms since the epoch. Errors:
 * those of the Remote, `host-not-ready`, `claim-refused`,
 * `authority-refused`, `ledger-stale`.
 */
async function announceReboot(
  context: FleetContext,
  run: Run,
  { host, bootId }: PlannedReboot,
  withinMs: number,
): Promise<number> {
  const { db } = context.ledger;
  const untilMs = context.now() + withinMs;
  await recordAnnouncement(db, host.name, { untilMs, bootId });
  await recordEvent(db, {
    ...{ at: context.now(), kind: 'reboot-announced', host: host.name, untilMs },
  });
  const [reply] = await askAsAuthority(context, run, host, [
    { act: 'announce', id: randomUUID(), untilMs },
  ]).catch(async (error: unknown) => {
    // It did nothing, and said so; whatever else was lost may have arrived.
    if (error instanceof FleetError && error.code === 'host-not-ready')
      await endAnnouncement(db, host.name);
    throw error;
  });
  if (reply?.ok === true) return untilMs;
  await endAnnouncement(db, host.name);
  throw refusedBy(host.name, reply);
}

const refusedBy = (host: string, reply: ActReply | undefined): FleetError =>
  new FleetError(
    reply?.refusal === 'authority' ? 'authority-refused' : 'claim-refused',
    `${host} did not take the announcement of its reboot: ` +
      `${reply?.message ?? reply?.refusal ?? 'no reason given'}`,
    { host, hint: 'nothing was rebooted; run this again once the cause is gone' },
  );

const openUntil = (untilMs: number): string =>
  `its announced reboot stays open until ${new Date(untilMs).toISOString()}`;

/**
 * The connection may end before the answer. Errors: those of the Remote but a lost link, `sudo`,
 * `command-failed`, `interrupted`.
 */
async function sendReboot(
  context: FleetContext,
  { host }: PlannedReboot,
  untilMs: number,
): Promise<void> {
  if (context.signal.aborted)
    throw new FleetError(
      'interrupted',
      `${host.name}: interrupted before its reboot; ${openUntil(untilMs)}`,
      {
        host: host.name,
        hint: 'nothing was rebooted; a failover of this host waits until then',
      },
    );
  const result = await context
    .remoteFor(host)
    .run({ command: rebootCommand, asRoot: true, timeoutMs: helperTimeoutMs })
    .catch((error: unknown) => {
      if (error instanceof FleetError && isUnreachable(error)) return null;
      throw error;
    });
  if (result === null || result.exitCode === 0 || result.exitCode === null) return;
  throw new FleetError(
    'command-failed',
    `${host.name} does not reboot: ${Buffer.from(result.stderr).toString('utf8').trim()}`,
    {
      host: host.name,
      hint: `${openUntil(untilMs)}; reboot it by hand until then, or run this again`,
    },
  );
}

/**
 * Looks without authority until a new boot has its verdict. Errors: `ssh-timeout` after the
 * announcement, `interrupted`.
 */
async function untilBack(
  context: FleetContext,
  { host, bootId }: PlannedReboot,
  untilMs: number,
): Promise<void> {
  let last = 'it did not go down';
  while (context.now() < untilMs) {
    if (context.signal.aborted)
      throw new FleetError(
        'interrupted',
        `${host.name}: interrupted while it reboots; ${openUntil(untilMs)}`,
        {
          host: host.name,
          hint: 'its accounts come back by themselves; fleet sweep looks after it',
        },
      );
    await context.pause(lookEveryMs);
    const seen = await lookAt(context, host).then(
      (survey) => judgeReturn(bootId, survey),
      (error: unknown) => {
        if (!(error instanceof FleetError)) throw error;
        last = error.message;
        return null;
      },
    );
    if (seen === 'back') return;
    if (seen === 'judging') last = 'it is up, and has not judged its boot yet (fleet-hold.service)';
  }
  throw new FleetError('ssh-timeout', `${host.name} is not back from its reboot: ${last}`, {
    host: host.name,
    hint:
      'its accounts are held if it comes back now: fleet sweep ends that. If it does not: ' +
      `fleet failover ${host.name} --powered-off`,
  });
}

/**
 * The first contact of the new boot, and as many as it takes. Errors: those of {@link
 * askAsAuthority}, `interrupted`.
 */
async function untilOnline(
  context: FleetContext,
  run: Run,
  { host, accounts }: Pick<PlannedReboot, 'host' | 'accounts'>,
): Promise<RebootOutcome['accounts']> {
  let awaited: readonly AwaitedAccount[] = [];
  const keyIds = accounts.map(({ keyId }) => keyId);
  const timeoutMs = helperTimeoutMs + onlineTimeoutMs;
  for (let wait = 0; wait < waits && !context.signal.aborted; wait += 1) {
    const acts =
      keyIds.length === 0 ? [] : [{ act: 'await', keyIds, timeoutMs: onlineTimeoutMs } as const];
    const result = (await askAsAuthority(context, run, host, acts, { timeoutMs }))[0]?.result;
    awaited = result?.kind === 'awaited' ? result.accounts : [];
    if (keyIds.length === 0 || (awaited.length > 0 && awaited.every(({ settled }) => settled)))
      break;
  }
  // Without an answer their states are what they were.
  if (keyIds.length > 0 && awaited.length === 0 && context.signal.aborted)
    throw new FleetError(
      'interrupted',
      `${host.name}: interrupted before its accounts were asked whether they are online`,
      {
        host: host.name,
        hint: 'fleet status --live shows them; fleet sweep looks after them',
      },
    );
  const states = accounts.map(({ name, keyId }) => {
    const found = awaited.find((each) => each.keyId === keyId);
    return {
      account: name,
      state: found === undefined ? ('offline' as const) : awaitedState(found),
      reason: found?.reason ?? 'the host did not say',
    };
  });
  for (const { account, state, reason } of states) {
    const report = { account, host: host.name, state, reason };
    await changeAccountState(context.ledger.db, report, context.now());
    context.report({ kind: 'account', ...report });
  }
  return states;
}

/**
 * Whether what was online before is online again, without a reboot. Errors: those of {@link
 * askAsAuthority}.
 */
export async function awaitAccounts(
  context: FleetContext,
  run: Run,
  before: Pick<PlannedReboot, 'host' | 'accounts'>,
): Promise<Pick<RebootOutcome, 'accounts' | 'problem'>> {
  const accounts = await untilOnline(context, run, before);
  return { accounts, problem: stillAway(before.host.name, accounts) };
}

const stillAway = (host: string, accounts: RebootOutcome['accounts']): FleetError | null => {
  const away = accounts.filter(({ state }) => state !== 'online' && state !== 'flood-wait');
  if (away.length === 0) return null;
  const words = away
    .map(
      ({ account, state, reason }) =>
        `${account} is ${state}${reason === '' ? '' : ` (${reason})`}`,
    )
    .join(', ');
  return new FleetError('account-offline', `${host} is back, and ${words}`, {
    host,
    hint: away.some(({ state }) => state === 'held')
      ? 'fleet sweep gives back what it holds'
      : `look: fleet logs --host ${host}`,
  });
};

import { recordEvent } from '../../ledger/queries/events.ts';
import { listHosts, setCordon } from '../../ledger/queries/hosts.ts';
import type { Run } from '../../ledger/queries/runs.ts';
import { FleetError } from '../../model/errors.ts';
import type { HostSpec } from '../../model/inventory.ts';
import { rebootWanted } from '../../steps/patch.ts';
import type { FleetContext } from '../context.ts';
import { planReboots } from '../hosts/plan-reboots.ts';
import { awaitAccounts, rebootHost } from '../hosts/reboot-hosts.ts';
import type { HostInitOutcome } from '../init/init.ts';
import { executeMoves } from './move-accounts.ts';
import { planDrain } from './plan-moves.ts';

/** What the operator wants of the accounts, and of the host. */
export interface PatchWishes {
  /** Accounts move away first; otherwise they stay and go on. */
  readonly drain: boolean;
  /** Reboots hosts that need it after their upgrade, announced. */
  readonly reboot: boolean;
  /** How long a reboot may take, ms. */
  readonly withinMs: number;
}

export interface PlannedPatch {
  readonly host: HostSpec;
  /**
   * As apt says by the index that the host has now; empty: nothing to upgrade as far as is known.
   */
  readonly pending: readonly string[];
  readonly wantsReboot: boolean;
  /** Online there now. */
  readonly accounts: readonly string[];
  readonly notOnline: readonly string[];
}

/** What `fleet patch` will do, one host after the other. With errors nothing is done. */
export interface PatchPlan {
  readonly patches: readonly PlannedPatch[];
  readonly wishes: PatchWishes;
  readonly errors: readonly FleetError[];
}

/** Runs the patch program on one host; in check mode it changes nothing. */
export type RunPatch = (host: HostSpec, check: boolean) => Promise<HostInitOutcome>;

export interface PatchOutcome {
  readonly host: string;
  readonly state: 'patched' | 'unchanged' | 'failed' | 'not-begun';
  readonly changes: readonly string[];
  readonly moved: readonly string[];
  readonly rebooted: boolean;
  /** Upgraded, and still running what was installed before. */
  readonly wantsReboot: boolean;
  readonly accounts: readonly {
    readonly account: string;
    readonly state: string;
    readonly reason: string;
  }[];
  readonly problem: FleetError | null;
}

const wantsReboot = ({ warnings }: HostInitOutcome): boolean =>
  warnings.some((warning) => warning.endsWith(rebootWanted));

/**
 * Looks at every host, without authority: reachable, no move open, what apt would do. Errors are in
 * the plan, all at once.
 */
export async function planPatches(
  context: FleetContext,
  hosts: readonly HostSpec[],
  wishes: PatchWishes,
  run: RunPatch,
): Promise<PatchPlan> {
  const { reboots, errors } = await planReboots(context, hosts, {
    withinMs: wishes.withinMs,
    isRolling: true,
  });
  const patches: PlannedPatch[] = [];
  const problems = [...errors];
  for (const { host, accounts, others } of reboots) {
    const outcome = await run(host, true);
    if (outcome.error !== null) problems.push(outcome.error);
    const names = (of: readonly { readonly name: string }[]): string[] =>
      of.map(({ name }) => name);
    const pending = outcome.steps.flatMap(({ what }) => what);
    patches.push({
      host,
      pending,
      wantsReboot: wantsReboot(outcome),
      accounts: names(accounts),
      notOnline: names(others),
    });
  }
  return { patches, wishes, errors: problems };
}

/**
 * One host at a time, in the order of the plan; the first one that is not well again ends it. Safe
 * to repeat.
 */
export async function executePatches(
  context: FleetContext,
  run: Run,
  { patches, wishes }: PatchPlan,
  program: RunPatch,
): Promise<PatchOutcome[]> {
  const outcomes: PatchOutcome[] = [];
  for (const { host } of patches) {
    const isOver = context.signal.aborted || outcomes.some(({ problem }) => problem !== null);
    outcomes.push(isOver ? bare(host) : await patchHost(context, run, host, wishes, program));
  }
  return outcomes;
}

const bare = ({ name }: HostSpec): PatchOutcome => ({
  ...{
    host: name,
    state: 'not-begun',
    changes: [],
    moved: [],
    rebooted: false,
    wantsReboot: false,
    accounts: [],
    problem: null,
  },
});

async function patchHost(
  context: FleetContext,
  run: Run,
  host: HostSpec,
  wishes: PatchWishes,
  program: RunPatch,
): Promise<PatchOutcome> {
  let outcome = bare(host);
  try {
    const wasCordoned = (await listHosts(context.ledger.db)).some(
      ({ name, cordoned }) => name === host.name && cordoned === 1,
    );
    if (wishes.drain) outcome = { ...outcome, moved: await drain(context, run, host) };
    const { reboots, errors } = await planReboots(context, [host], {
      withinMs: wishes.withinMs,
      isRolling: true,
    });
    const [before] = reboots;
    if (before === undefined)
      throw (
        errors[0] ?? new FleetError('bug', `${host.name}: no plan`, { hint: 'please report this' })
      );
    context.report({
      kind: 'host',
      host: host.name,
      text: 'upgrading packages',
      status: 'working',
    });
    const done = await program(host, false);
    const changes = done.steps
      .filter(({ state }) => state === 'changed')
      .flatMap(({ what }) => what);
    outcome = {
      ...outcome,
      state: changes.length > 0 ? 'patched' : 'unchanged',
      changes,
      wantsReboot: wantsReboot(done),
    };
    if (done.error !== null) throw done.error;
    if (changes.length > 0)
      await recordEvent(context.ledger.db, {
        at: context.now(),
        kind: 'host-patched',
        host: host.name,
        changes,
      });
    if (wishes.reboot && outcome.wantsReboot && !context.signal.aborted) {
      const { accounts, problem, downMs } = await rebootHost(context, run, before, wishes.withinMs);
      outcome = { ...outcome, accounts, rebooted: downMs !== null, wantsReboot: downMs === null };
      if (problem !== null) throw problem;
    } else {
      const { accounts, problem } = await awaitAccounts(context, run, before);
      outcome = { ...outcome, accounts };
      if (problem !== null) throw problem;
    }
    // What was cordoned before stays so; accounts that moved stay where they are.
    if (wishes.drain && !wasCordoned) await setCordon(context.ledger.db, host.name, null);
    return outcome;
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    return { ...outcome, state: 'failed', problem: error };
  }
}

/**
 * Every account leaves, or nothing is upgraded. Gives who moved. Errors: those of a drain,
 * `placement` when one has no other place.
 */
async function drain(context: FleetContext, run: Run, { name }: HostSpec): Promise<string[]> {
  const prepared = await planDrain(context, name);
  const [staying] = prepared.plan.staying;
  if (staying !== undefined)
    throw new FleetError('placement', `${name} cannot be drained: ${staying.reason}`, {
      ...{ host: name, account: staying.account, problems: staying.problems },
      hint:
        'add a host or raise max_accounts, or patch without --drain: accounts go on while ' +
        'packages are upgraded',
    });
  const outcomes = await executeMoves(context, run, prepared);
  const problem = outcomes.find((each) => each.problem !== null)?.problem;
  if (problem) throw problem;
  return outcomes.map(({ account }) => account);
}

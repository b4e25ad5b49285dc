import { findingsIn } from '../../facts/host-findings.ts';
import { listAccounts, type PlacedAccount } from '../../ledger/queries/accounts.ts';
import { recordEvent } from '../../ledger/queries/events.ts';
import { recordReached } from '../../ledger/queries/host-logins.ts';
import {
  ensureHosts,
  listHosts,
  recordUnreachable,
  setHealth,
} from '../../ledger/queries/hosts.ts';
import { listMovedKeys, listOpenMoves } from '../../ledger/queries/moves.ts';
import { pruneSamples } from '../../ledger/queries/records.ts';
import type { Run } from '../../ledger/queries/runs.ts';
import { clearDoubt, readDoubt } from '../../ledger/queries/staleness.ts';
import type { HostRow } from '../../ledger/schema.ts';
import { FleetError, isUnreachable } from '../../model/errors.ts';
import { isExpectedAway } from '../../ownership/announced-reboot.ts';
import type { HostEvidence } from '../../ownership/evidence.ts';
import { judgeHealth } from '../../planning/fleet/host-health.ts';
import { isLoginRefused } from '../../remote/shared/login-pause.ts';
import { type Telling, tellFleet } from '../alerts/tell-fleet.ts';
import { pushStaleBehaviours } from '../answers/push-scripts.ts';
import type { FleetContext } from '../context.ts';
import { keepStates } from '../custody/keep-states.ts';
import { type HostReading, readSamples } from '../hosts/read-samples.ts';
import { recordStates } from '../hosts/record-states.ts';
import { nameShutOut } from '../hosts/shut-out.ts';
import type { SweptHost } from '../hosts/swept-host.ts';
import { wasCut } from '../interrupted.ts';
import { executeAllocation, isEmptyPlan, planAllocation } from '../moves/allocate.ts';
import { failOverDown } from '../moves/auto-failover.ts';
import type { MoveOutcome } from '../moves/carry-move.ts';
import { carryMoves, movesToResume } from '../moves/move-accounts.ts';
import { isGiveBackSure } from '../ownership/give-back.ts';
import type { GrantOutcome } from '../ownership/grant-outcome.ts';
import { meetDestroyed } from '../ownership/meet-destroyed.ts';
import { retireClaims } from '../ownership/retire-claims.ts';
import { type SurveyResult, surveyHosts } from '../ownership/survey.ts';
import { wipeOrphans } from '../ownership/wipe.ts';

export interface SweepResult {
  /**
   * This ledger has no account and never sent one to a host, so it has looked and changed nothing
   * there.
   */
  readonly isObserver: boolean;
  readonly hosts: readonly SweptHost[];
  /** Changes of owner that were carried on. */
  readonly moves: readonly MoveOutcome[];
  /** First placements that were carried on, and accounts that their hosts had held since a boot. */
  readonly grants: readonly GrantOutcome[];
  /** What could not be carried on. */
  readonly problems: readonly FleetError[];
  readonly prunedSamples: number;
  /** Hosts that were switched off and failed over by this sweep. */
  readonly failedOver: readonly string[];
  /** What was told of it; null: the inventory has no `alerts:`, or the sweep was interrupted. */
  readonly told: Telling | null;
}

/**
 * One pass over all hosts: looks at each over a fresh connection, keeps samples, states and health,
 * carries on what earlier runs left
 * open, tells hosts that came back what has moved on, gives back what hosts held since a boot, and
 * keeps a copy of what accounts remember. The same as often as it is called. `begin` takes the
 * run's serial; a ledger that has no account and never had one on a host is an observer and never
 * takes it. `isAutomatic`: hosts that are down are failed over where a fence can switch
 * them off.
 */
export async function sweepFleet(
  context: FleetContext,
  begin: () => Promise<Run>,
  isAutomatic = false,
): Promise<SweepResult> {
  const { inventory, ledger } = context;
  await ensureHosts(
    ledger.db,
    inventory.hosts.map(({ name }) => name),
  );
  const rows = new Map((await listHosts(ledger.db)).map((row) => [row.name, row]));
  const ready = inventory.hosts.filter(({ name }) => isReady(rows.get(name)));
  // One whose last account was removed still has to wipe what killed runs left of it.
  const isObserver =
    (await listAccounts(ledger.db)).length === 0 && (await listMovedKeys(ledger.db)).length === 0;
  const run = isObserver ? null : await begin();
  const [readings, survey, returned] = await Promise.all([
    readSamples(context, ready, 0).then((found) => nameShutOut(context, found)),
    run === null ? null : surveyHosts(context, run),
    run === null ? [] : meetDestroyed(context, run),
  ]);
  await recordStates(context, readings);
  const problems: FleetError[] = [...returned, ...(survey?.identityProblems ?? [])];
  let [moves, grants]: [MoveOutcome[], GrantOutcome[]] = [[], []];
  if (run !== null && survey !== null) {
    problems.push(...(await retireClaims(context, run, survey.evidence)));
    await endDoubt(context, survey.evidence);
    await wipeOrphans(context, run, survey.evidence);
    moves = await carryMoves(context, run, await movesToResume(context));
    if (context.signal.aborted) problems.push(await sweepInterrupted(context));
    else {
      grants = await giveBack(context, run, survey.evidence, problems);
      problems.push(...(await keepStates(context, run, survey.evidence)));
      problems.push(...(await pushStaleBehaviours(context, run)).errors);
    }
  }
  const hosts: SweptHost[] = [];
  const accounts = await listAccounts(ledger.db);
  for (const reading of readings)
    hosts.push(await judge(context, reading, survey, rows.get(reading.host.name), accounts));
  const failedOver =
    run !== null && isAutomatic && !context.signal.aborted
      ? await failOverDown(context, run, hosts, { grants, problems })
      : [];
  const prunedSamples = await pruneSamples(
    ledger.db,
    context.now() - inventory.sweep.keepSamplesMs,
  );
  const told =
    inventory.alerts === null || context.signal.aborted
      ? null
      : await tellFleet(context, inventory.alerts, hosts, readings);
  return { isObserver, hosts, moves, grants, problems, prunedSamples, failedOver, told };
}

async function sweepInterrupted({ ledger }: FleetContext): Promise<FleetError> {
  const held = (await listAccounts(ledger.db))
    .filter(({ state, wanted }) => state === 'held' && wanted === 1)
    .map(({ name }) => name);
  const what =
    held.length === 0
      ? 'no copy was made of what accounts remember'
      : `${held.join(', ')} was not given back`;
  return new FleetError('interrupted', `interrupted: ${what}`, {
    hint: 'the next fleet sweep does it',
  });
}

const isReady = (row: HostRow | undefined): boolean =>
  row !== undefined && row.release !== null && row.destroyed_at === null;

/** A host is reached when its agent or its helper answered: both speak over one connection. */
async function judge(
  context: FleetContext,
  { host, sample, problem }: HostReading,
  survey: SurveyResult | null,
  row: HostRow | undefined,
  accounts: readonly PlacedAccount[],
): Promise<SweptHost> {
  const { db } = context.ledger;
  const ofHelper = survey?.problems.get(host.name) ?? null;
  const isCut = wasCut([problem, ofHelper]);
  const isSilent =
    !isCut &&
    problem !== null &&
    isUnreachable(problem) &&
    (survey === null || (ofHelper !== null && isUnreachable(ofHelper)));
  const nowMs = context.now();
  if (isSilent) await recordUnreachable(db, host.name, nowMs);
  // One that refuses in words is there: earlier failures do not count towards a later silence.
  else if (!isCut && row?.unreachable_since != null) await recordReached(db, host.name);
  const unreachableSinceMs = isSilent ? (row?.unreachable_since ?? nowMs) : null;
  const announcedMs = row?.announced_until ?? null;
  const awayUntilMs = isSilent && isExpectedAway(announcedMs, nowMs) ? announcedMs : null;
  // A host that was not asked keeps the health that is recorded.
  const known = isCut
    ? (['healthy', 'suspect', 'down'] as const).find((health) => health === row?.health)
    : undefined;
  const health =
    known ??
    judgeHealth(unreachableSinceMs, nowMs, context.inventory.sweep.downAfterMs, awayUntilMs);
  if (await setHealth(db, host.name, health)) {
    const about = { at: nowMs, host: host.name };
    await recordEvent(
      db,
      health === 'healthy'
        ? { ...about, kind: 'host-healthy' }
        : { ...about, kind: `host-${health}`, reason: problem?.message ?? '' },
    );
  }
  const here = accounts.filter((account) => account.host === host.name);
  return {
    host: host.name,
    health,
    unreachableSinceMs,
    awayUntilMs,
    online:
      isSilent || isCut || (problem !== null && isLoginRefused(problem))
        ? null
        : here.filter(({ state }) => state === 'online').length,
    accounts: here.length,
    findings:
      problem === null && sample !== null
        ? findingsIn(sample, row?.release ?? null, context.inventory.hold.requireClockSync)
        : [],
    problem: awayUntilMs === null ? (problem ?? ofHelper) : null,
  };
}

/**
 * Every known host has answered, is fenced, and knows of nothing that this ledger does not: it has
 * forgotten nothing, whatever happened to it.
 */
async function endDoubt(
  { ledger }: FleetContext,
  evidence: readonly HostEvidence[],
): Promise<void> {
  if ((await readDoubt(ledger.db)) === null) return;
  const isComplete = evidence.every(
    ({ survey, isUnfenced }) => survey !== null && isUnfenced !== true,
  );
  const owners = (await listAccounts(ledger.db)).map(
    ({ key_id, epoch }) => [key_id, epoch ?? 0] as const,
  );
  const known = new Map(owners);
  const knowsMore = evidence.some(({ survey }) =>
    survey?.accounts.some(
      ({ keyId, claim, claimFault }) =>
        claimFault !== null || (claim?.state === 'active' && claim.epoch > (known.get(keyId) ?? 0)),
    ),
  );
  if (isComplete && !knowsMore) await clearDoubt(ledger.db);
}

/**
 * First placements that are under way, and accounts held since a boot: both need every known host
 * to answer, unless it is sure that a hold is
 * of nobody else's account. */
async function giveBack(
  context: FleetContext,
  run: Run,
  evidence: readonly HostEvidence[],
  problems: FleetError[],
): Promise<GrantOutcome[]> {
  const { db } = context.ledger;
  const open = await listOpenMoves(db);
  const begun = open
    .filter(({ from_host, phase }) => from_host === null && phase !== 'planned')
    .map(({ account }) => account);
  const held = (await listAccounts(db)).filter(
    ({ state, wanted, host }) => state === 'held' && wanted === 1 && host !== null,
  );
  let names = [...new Set([...begun, ...held.map(({ name }) => name)])];
  if (names.length === 0) return [];
  const silent = evidence.filter(
    ({ survey, isUnfenced, isOff }) => (survey === null && isOff !== true) || isUnfenced === true,
  );
  if (silent.length > 0) {
    const hosts = silent.map(({ host }) => host).join(', ');
    const sure = new Set<string>();
    for (const { name, key_id, host, epoch } of held)
      if (host !== null && epoch !== null && (await isGiveBackSure(db, key_id, host, epoch)))
        sure.add(name);
    const waiting = names.filter((name) => !sure.has(name));
    names = names.filter((name) => sure.has(name));
    if (waiting.length > 0)
      problems.push(
        new FleetError(
          'survey-incomplete',
          `${waiting.join(', ')} cannot be started: ${hosts} did not answer and might be ` +
            'running them',
          {
            hint:
              `bring ${hosts} back; the next sweep goes on. If it will never boot again: ` +
              `fleet failover ${silent[0]?.host} --destroyed`,
          },
        ),
      );
    if (names.length === 0) return [];
  }
  const plan = await planAllocation(context, names, null);
  return isEmptyPlan(plan) ? [] : executeAllocation(context, run, plan);
}

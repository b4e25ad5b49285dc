import { statfsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { readClaim, writeClaim } from '../../claims/claim-file.ts';
import { completeRelease, decideRelease, decideRevoke } from '../../claims/decide.ts';
import { bootMs } from '../../machine/boot.ts';
import type { Claim } from '../../protocol/claim.ts';
import type { HostAct } from '../../protocol/host-acts.ts';
import { accountUsers, countLeft, recordUser } from '../processes.ts';
import { runLockHolder } from '../run-lock.ts';
import { settleLeftMs } from '../settle.ts';
import { isIdle, type UnitFacts } from '../units.ts';
import {
  type ActOutcome,
  countProcesses,
  done,
  type HostWorld,
  readFacts,
  refused,
} from '../world.ts';
import { hashState } from './state.ts';

/**
 * Closes the gate durably, stops, proves, records: the reply carries the receipt. A failure after
 * the gate was closed leaves
 * `releasing`, which starts nothing; the same act again goes on from there.
 */
export const release = async (
  world: HostWorld,
  act: Extract<HostAct, { readonly act: 'release' }>,
): Promise<ActOutcome> => {
  const { reading, facts, unit } = readFacts(world, act.keyId);
  const decision = decideRelease(reading, act, facts);
  if (decision.kind === 'refuse') return refused(decision, reading.claim);
  if (decision.kind === 'done')
    return { ...done({ kind: 'claim', claim: decision.claim }), claim: decision.claim };
  const fault = killFault(unit);
  if (fault !== null) return notStopped(fault, reading.claim);
  if (decision.kind === 'write' && !hasRoomToStop(world)) return noRoomToStop;
  if (decision.kind === 'write') writeClaim(world.places, reading, decision.next);
  const left = await stopAndProve(world, act.keyId, unit);
  const closed = readClaim(world.places, act.keyId);
  if (left !== null || closed.claim === null)
    return notStopped(left ?? 'the claim is gone', closed.claim);
  if (act.successor === leavesTheFleet) await passSettleFloor(world, act.keyId);
  const stateHash = hashState(world.places, act.keyId);
  const receipt = completeRelease(closed.claim, stateHash, world.now().toISOString());
  writeClaim(world.places, closed, receipt);
  return { ...done({ kind: 'claim', claim: receipt }), claim: receipt };
};

/**
 * Refuses everything up to an epoch, durably, then stops what a grant that nobody heard of may have
 * started.
 */
export const revoke = async (
  world: HostWorld,
  act: Extract<HostAct, { readonly act: 'revoke' }>,
): Promise<ActOutcome> => {
  const { reading, facts, unit } = readFacts(world, act.keyId);
  const decision = decideRevoke(reading, act, facts);
  if (decision.kind === 'refuse') return refused(decision, reading.claim);
  const claim = decision.kind === 'write' ? decision.next : decision.claim;
  if (decision.kind === 'write') writeClaim(world.places, reading, claim);
  const left = killFault(unit) ?? (await stopAndProve(world, act.keyId, unit));
  if (left !== null) return notStopped(left, claim);
  if (act.settle === true) await passSettleFloor(world, act.keyId);
  return { ...done({ kind: 'claim', claim }), claim };
};

/** Stops what still runs of a claim that the roster has closed. Null, or what is left. */
export const endRevoked = async (world: HostWorld, keyId: string): Promise<string | null> => {
  const unit = world.units.show(keyId);
  return killFault(unit) ?? (await stopAndProve(world, keyId, unit));
};

/**
 * The successor of an account that is exported or removed: then nobody of fleet waits before the
 * session is used elsewhere.
 */
const leavesTheFleet = 'detached';

/**
 * A killed worker's orphan socket may still send what was queued (docs/exclusivity.md, row 17). The
 * receipt says that the session may be used elsewhere, so it
 * is written only afterwards. A helper that is killed in here has not answered, and the next one
 * waits for the rest.
 */
const passSettleFloor = async ({ places, bootId }: HostWorld, keyId: string): Promise<void> => {
  const waitMs = settleLeftMs(places, keyId, { bootId, bootMs: bootMs() });
  if (waitMs > 0) await sleep(waitMs);
};

/** What a worker may write at its end, bytes. */
const lastWordsBytes = 1024 ** 2;

/** A worker that is stopped on a full disk would lose what it writes last. */
const hasRoomToStop = ({ places }: HostWorld): boolean => {
  const space = statfsSync(places.claims);
  return space.bavail * space.bsize >= lastWordsBytes;
};

const noRoomToStop: ActOutcome = {
  ...{ ok: false, refusal: 'space' },
  message:
    'less than 1 MiB is free on the host, so the account could not write its last state; ' +
    'it was not stopped',
};

const notStopped = (message: string, claim: Claim | null): ActOutcome => ({
  ok: false,
  refusal: 'not-stopped',
  message,
  claim,
});

/** A drop-in that lets processes survive the stop makes every proof worthless. */
const killFault = (unit: UnitFacts): string | null =>
  unit.killMode === 'control-group' && unit.sendSigkill
    ? null
    : `the effective unit has KillMode=${unit.killMode}, ` +
      `SendSIGKILL=${unit.sendSigkill ? 'yes' : 'no'}; remove the drop-in that says so`;

const proofLookMs = 100;

/** A frozen process takes no signal. */
export const stopUnit = ({ places, units }: HostWorld, keyId: string, before: UnitFacts): void => {
  recordUser(places, keyId, before.uid);
  if (before.isFrozen) units.thaw(keyId);
  units.stop(keyId);
};

/**
 * null when nothing of the account is left; otherwise what still is, `proofMs` after systemd's own
 * stop.
 */
const stopAndProve = async (
  world: HostWorld,
  keyId: string,
  before: UnitFacts,
): Promise<string | null> => {
  const users = accountUsers(world.places, keyId, before.uid);
  if (before.isLoaded) {
    world.units.setEnabled(keyId, false);
    stopUnit(world, keyId, before);
  }
  let left: string | null = null;
  for (let spentMs = 0; spentMs <= world.proofMs; spentMs += proofLookMs) {
    left = whatIsLeft(world, keyId, { before, now: world.units.show(keyId) }, users);
    if (left === null) return null;
    await sleep(proofLookMs);
  }
  return left;
};

/**
 * Of a unit that was stopped; `before`: the unit as it was, `users`: see {@link accountUsers}.
 * Null: nothing.
 */
export const whatIsLeft = (
  { places }: HostWorld,
  keyId: string,
  { before, now }: { readonly before: UnitFacts; readonly now: UnitFacts },
  users: readonly number[] | null,
): string | null => {
  if (!isIdle(now)) return `the unit is still ${now.activeState}`;
  const inGroup = Math.max(
    countProcesses(places, keyId, before),
    countProcesses(places, keyId, now),
  );
  if (inGroup > 0)
    return `${inGroup} processes are still in the cgroup of the unit; reboot the host`;
  if (users === null)
    return (
      'it is not known under which user the account ran since the host booted; reboot the ' + 'host'
    );
  const outside = countLeft(places.root, users, keyId);
  if (outside > 0)
    return (
      `${outside} processes of the account's user are still alive outside its cgroup; reboot ` +
      'the host'
    );
  const holder = runLockHolder(places, keyId);
  return holder === null ? null : `${holder} still holds the run lock of the account`;
};

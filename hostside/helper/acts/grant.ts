import { existsSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { writeClaim } from '../../claims/claim-file.ts';
import { decideGrant, decideStart } from '../../claims/decide.ts';
import { fsyncDirectory } from '../../machine/durable-file.ts';
import { accountPath, type Places } from '../../machine/places.ts';
import type { Claim } from '../../protocol/claim.ts';
import type { HostAct } from '../../protocol/host-acts.ts';
import { removeOlderEpochs } from '../older-epochs.ts';
import { accountUsers } from '../processes.ts';
import { makeRunLock } from '../run-lock.ts';
import { forgetStandstill } from '../standstill.ts';
import { isIdle, type UnitFacts } from '../units.ts';
import {
  type ActOutcome,
  done,
  failed,
  type HostWorld,
  identityFault,
  readFacts,
  refused,
} from '../world.ts';
import { stopUnit, whatIsLeft } from './release.ts';
import { reloadIfNeeded } from './stage.ts';
import { stateFault } from './state.ts';

/**
 * Claim `active`, durable; then the start. A repeat by the same move starts again what is not
 * running, and changes nothing else.
 */
export const grant = (
  world: HostWorld,
  act: Extract<HostAct, { readonly act: 'grant' }>,
): ActOutcome => {
  const { reading, facts, unit } = readFacts(world, act.keyId);
  const decision = identityFault(world) ?? decideGrant(reading, act, facts);
  if (decision.kind === 'refuse') return refused(decision, reading.claim);
  if (!unit.isLoaded)
    return {
      ok: false,
      refusal: 'io',
      message: 'the account unit is not installed on the host; run fleet init',
    };
  if (decision.kind === 'keep')
    return act.idle === true
      ? ownOnly(world, decision.claim)
      : startOwned(world, decision.claim, unit);
  const fault = stateFault(world.places, act);
  if (fault !== null) return refused(fault, reading.claim);
  makeRunLock(world.places, act.keyId);
  // The files before the claim: when the host stops in between, an older claim at worst runs with
  // newer files of the same session.
  pointCurrent(world.places, act.keyId, act.epoch);
  writeClaim(world.places, reading, decision.next);
  removeOlderEpochs(world.places, act.keyId, act.epoch);
  return act.idle === true ? ownOnly(world, decision.next) : startOwned(world, decision.next, unit);
};

/** The account is owned and stays stopped, also over a boot of the host. */
const ownOnly = (world: HostWorld, claim: Claim): ActOutcome => {
  world.units.setEnabled(claim.keyId, false);
  return { ...done({ kind: 'claim', claim }), claim };
};

/** The operator's start of an account that the host owns. */
export const start = (
  world: HostWorld,
  act: Extract<HostAct, { readonly act: 'start' }>,
): ActOutcome => {
  const { reading, facts, unit } = readFacts(world, act.keyId);
  const refusal = identityFault(world) ?? decideStart(reading, facts);
  if (refusal !== null) return refused(refusal, reading.claim);
  if (reading.claim !== null) return startOwned(world, reading.claim, unit);
  return failed(new Error('the claim vanished'));
};

/** The operator's stop: the claim stays, and the account stays stopped over a boot of the host. */
export const stop = (
  world: HostWorld,
  act: Extract<HostAct, { readonly act: 'stop' }>,
): ActOutcome => {
  world.units.setEnabled(act.keyId, false);
  stopUnit(world, act.keyId, world.units.show(act.keyId));
  return done();
};

/**
 * The claim is already durable, so a start that fails is reported together with it. `unit`: as this
 * act has found it, so that systemd is asked once.
 */
const startOwned = (world: HostWorld, claim: Claim, unit: UnitFacts): ActOutcome => {
  const { keyId } = claim;
  try {
    const left = leftOfLastRun(world, keyId, withoutEndedRun(world, keyId, unit));
    if (left !== null) return { ok: false, refusal: 'not-stopped', message: left, claim };
    reloadIfNeeded(world);
    world.units.setEnabled(keyId, true);
    forgetStandstill(world.places, keyId);
    // The operator's word; bin/fleet-quota looks again at once.
    rmSync(join(world.places.overQuota, keyId), { force: true });
    world.units.start(keyId);
    return { ...done({ kind: 'claim', claim }), claim };
  } catch (error) {
    return { ...failed(error), claim };
  }
};

/**
 * After bin/fleet-quota has ended an account, systemd tries it once more, and bin/fleet-run refuses
 * that run. systemd would merge an operator's start with it, and both would be refused: so that run
 * is stopped first, while the mark still lets nothing pass. Gives the unit as it is then.
 */
const withoutEndedRun = (world: HostWorld, keyId: string, unit: UnitFacts): UnitFacts => {
  if (isIdle(unit) || !existsSync(join(world.places.overQuota, keyId))) return unit;
  stopUnit(world, keyId, unit);
  return world.units.show(keyId);
};

/**
 * A process of the account that has outlived its unit may still be connected (docs/exclusivity.md,
 * row 48). Null: there is none.
 */
const leftOfLastRun = (world: HostWorld, keyId: string, unit: UnitFacts): string | null =>
  isIdle(unit)
    ? whatIsLeft(
        world,
        keyId,
        { before: unit, now: unit },
        accountUsers(world.places, keyId, unit.uid),
      )
    : null;

/** Flips the link in one step. */
const pointCurrent = (places: Places, keyId: string, epoch: number): void => {
  const directory = accountPath(places, keyId);
  const temporary = join(directory, 'current.new');
  rmSync(temporary, { force: true });
  symlinkSync(join('epochs', String(epoch)), temporary);
  renameSync(temporary, join(directory, 'current'));
  fsyncDirectory(directory);
};

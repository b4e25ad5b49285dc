import { setTimeout as sleep } from 'node:timers/promises';
import { claimedKeyIds, readClaim, syncClaims, writeClaim } from '../claims/claim-file.ts';
import { decideClosure, isOlderRoster, judgeContact } from '../claims/roster.ts';
import { markHeld } from '../hold/mark-held.ts';
import { bootMs, readBootVerdict, readContact } from '../machine/boot.ts';
import { writeReserved } from '../machine/durable-file.ts';
import { keepMachine, lookAtMachine } from '../machine/know-machine.ts';
import { takeLocks } from '../machine/locks.ts';
import { actLockPath, authorityLockPath, contactLockPath } from '../machine/places.ts';
import type { Claim } from '../protocol/claim.ts';
import { holdOf } from '../protocol/hold-of.ts';
import type { ContactRecord } from '../protocol/host.ts';
import type { ActRefusal, AuthorityStamp, ContactResult } from '../protocol/host-acts.ts';
import type { ContactOffer, GoneClaim } from '../protocol/roster.ts';
import { endRevoked } from './acts/release.ts';
import { isAuthority } from './authority-record.ts';
import { epochWithOlder, removeOlderEpochs } from './older-epochs.ts';
import { countCgroup, defaultControlGroup } from './processes.ts';
import { mayHaveBegunIn, settleLeftMs } from './settle.ts';
import type { HostWorld } from './world.ts';

export type ContactOutcome =
  | ContactResult
  /** `closed`: what was closed although the contact was not recorded. */
  | {
      readonly kind: 'refused';
      readonly code: ActRefusal;
      readonly message: string;
      readonly closed: ContactResult['closed'];
    };

export interface ContactWorld extends HostWorld {
  /** Milliseconds since the helper began. */
  readonly elapsedMs: () => number;
}

/** A write of one block; longer only on a disk in trouble. */
const contactWaitMs = 10_000;
/** Longest wait for another helper's act on the same account: a stop with SIGKILL. */
const closureWaitMs = 60_000;

/**
 * Applies what a stamp offers, and is the only place that does (docs/exclusivity.md, rules R1 and
 * R2): claims that are gone are closed, all of them durably
 * before the first is stopped; what ran is stopped, proven and settled; and only then the contact
 * is recorded, for the claims that the roster lists. Killed
 * or failing anywhere, nothing is recorded, and the next contact goes on. An older roster than the
 * last one of the same run changes nothing.
 */
export const applyContact = async (
  world: ContactWorld,
  stamp: AuthorityStamp,
  offer: ContactOffer,
): Promise<ContactOutcome> => {
  if (isOlderRoster(readContact(world.places), stamp, offer.roster))
    return { kind: 'contact', closed: [] };
  const closed: ContactResult['closed'][number][] = [];
  /** Closed, and never let through the gate in this boot. */
  const idle = new Set<string>();
  const refuse = (code: ActRefusal, message: string): ContactOutcome => ({
    kind: 'refused',
    code,
    message,
    closed,
  });
  const gone = new Map(offer.roster.gone.map((entry) => [entry.keyId, entry]));
  const known = claimedKeyIds(world.places).flatMap((keyId) => gone.get(keyId) ?? []);
  // What is believed to be over must not come back with a power loss.
  syncClaims(
    world.places,
    known.map(({ keyId }) => keyId),
  );
  const open = known.filter((entry) => closureOf(world, entry) !== null);
  for (const entry of open) {
    const fault = await withLocks(world, stamp, entry.keyId, async () => {
      const { claim: before } = readClaim(world.places, entry.keyId);
      if (before !== null && holdOf(before, world.bootId, readBootVerdict(world.places)) !== null)
        idle.add(entry.keyId);
      const claim = close(world, entry);
      if (claim !== null)
        closed.push({
          keyId: claim.keyId,
          account: claim.account,
          epoch: claim.epoch,
          wasRunning: isRunning(world, claim.keyId),
        });
      return null;
    });
    if (fault !== null) return refuse(fault.code, fault.message);
  }
  // Of this contact, and of one that was cut off between its closures and their stops.
  const left = known.filter(
    ({ keyId }) => closed.some((each) => each.keyId === keyId) || isLeftOver(world, keyId),
  );
  for (const { keyId } of left) {
    const fault = await withLocks(world, stamp, keyId, async () => {
      const what = await endRevoked(world, keyId);
      return what === null ? null : { code: 'not-stopped' as const, message: what };
    });
    if (fault !== null) return refuse(fault.code, fault.message);
  }
  // All of them at once: what was stopped may be used elsewhere as soon as this is answered.
  const settleMs = Math.max(
    0,
    ...known.map(({ keyId }) =>
      settleAfterClosureMs(
        world,
        keyId,
        left.some((each) => each.keyId === keyId) && !idle.has(keyId),
      ),
    ),
  );
  if (settleMs > 0) await sleep(settleMs);
  const fault = await record(world, stamp, offer);
  if (fault !== null) return refuse(fault.code, fault.message);
  await removeLeftovers(world, stamp);
  return { kind: 'contact', closed };
};

/**
 * Copies of the session that a grant was to take away and did not. Whatever is in the way now is
 * tried again by the next contact.
 */
const removeLeftovers = async (world: ContactWorld, stamp: AuthorityStamp): Promise<void> => {
  for (const keyId of claimedKeyIds(world.places).filter(
    (each) => epochWithOlder(world.places, each) !== null,
  )) {
    const remove = async (): Promise<null> => {
      const epoch = epochWithOlder(world.places, keyId);
      if (epoch !== null) removeOlderEpochs(world.places, keyId, epoch);
      return null;
    };
    await withLocks(world, stamp, keyId, remove, 0).catch(() => undefined);
  }
};

const closureOf = (
  { places, instanceId, bootId, authority, now }: HostWorld,
  entry: GoneClaim,
): Claim | null =>
  decideClosure(readClaim(places, entry.keyId), entry, {
    instanceId,
    bootId,
    authority,
    now: now().toISOString(),
  });

/** The claim that was closed, durable; null: it is over already. */
const close = (world: HostWorld, entry: GoneClaim): Claim | null => {
  const next = closureOf(world, entry);
  if (next !== null) writeClaim(world.places, readClaim(world.places, entry.keyId), next);
  return next;
};

const isRunning = ({ places }: HostWorld, keyId: string): boolean =>
  countCgroup(places.root, defaultControlGroup(keyId)) > 0;

/** A claim that is revoked, and processes all the same. */
const isLeftOver = (world: HostWorld, keyId: string): boolean =>
  readClaim(world.places, keyId).claim?.state === 'revoked' && isRunning(world, keyId);

/** Longer than Telegram counts a connection of a machine that is gone, ms since the boot. */
const formerBootMs = 60_000;

/**
 * How long what a roster has closed may still be heard, ms: `mayHaveRun` in this boot, or an
 * earlier one, whose last packets are over some time after the
 * boot. Of one that was closed by a contact that did not end, the rest.
 */
const settleAfterClosureMs = (world: HostWorld, keyId: string, mayHaveRun: boolean): number => {
  const { places, bootId, now } = world;
  const { claim } = readClaim(places, keyId);
  if (claim?.state !== 'revoked' || claim.bootId !== bootId || !claim.moveId.startsWith('roster-'))
    return 0;
  const settleMs = settleLeftMs(places, keyId, { bootId, bootMs: bootMs() });
  if (mayHaveRun) return settleMs;
  const sinceMs = now().getTime() - Date.parse(claim.writtenAt);
  return restOfFloorMs({
    settleMs,
    sinceMs,
    bootMs: bootMs(),
    hasRunInThisBoot: mayHaveBegunIn(places, keyId, bootId),
  });
};

/**
 * The rest of the floor of a claim that an earlier contact has closed `sinceMs` ago. That contact
 * may have been cut off while it waited, so what ran in this boot
 * keeps its whole floor, however long ago the boot was. Pure.
 */
export const restOfFloorMs = (closure: {
  readonly settleMs: number;
  readonly sinceMs: number;
  readonly bootMs: number;
  readonly hasRunInThisBoot: boolean;
}): number => {
  const left = closure.settleMs - Math.max(0, closure.sinceMs);
  return Math.max(
    0,
    closure.hasRunInThisBoot ? left : Math.min(left, formerBootMs - closure.bootMs),
  );
};

interface Fault {
  readonly code: ActRefusal;
  readonly message: string;
}

const pastDeadline: Fault = {
  code: 'deadline',
  message: 'the deadline of the request was over before its contact could be recorded',
};

/**
 * As every act: alone on the account, while this run is the host's authority, and before the
 * deadline.
 */
const withLocks = async (
  world: ContactWorld,
  stamp: AuthorityStamp,
  keyId: string,
  act: () => Promise<Fault | null>,
  waitMs: number = closureWaitMs,
): Promise<Fault | null> => {
  const leftMs = stamp.deadlineMs - world.elapsedMs();
  if (leftMs <= 0) return pastDeadline;
  const wishes = [
    { path: authorityLockPath(world.places), shared: true },
    { path: actLockPath(world.places, keyId), shared: false },
  ];
  const lock = await takeLocks(wishes, Math.min(waitMs, leftMs));
  if (lock === null)
    return {
      code: 'busy',
      message: 'another act on an account that is gone is under way on the host',
    };
  try {
    if (world.elapsedMs() >= stamp.deadlineMs) return pastDeadline;
    return isAuthority(world.places, stamp) ? await act() : superseded;
  } finally {
    await lock.release();
  }
};

const superseded: Fault = { code: 'authority', message: 'a newer run has taken over this host' };

/** A request that was held up until its deadline is no contact any more (row 48). */
const record = async (
  world: ContactWorld,
  stamp: AuthorityStamp,
  offer: ContactOffer,
): Promise<Fault | null> => {
  const { places, bootId } = world;
  const lock = await takeLocks([{ path: contactLockPath(places), shared: false }], contactWaitMs);
  if (lock === null)
    return { code: 'busy', message: 'another helper has been writing the contact for 10 s' };
  try {
    if (!isAuthority(places, stamp)) return superseded;
    if (isOlderRoster(readContact(places), stamp, offer.roster)) return null;
    const verdict = readBootVerdict(places);
    const readings = claimedKeyIds(places).map((keyId) => readClaim(places, keyId));
    const active = readings.flatMap(({ claim, fault }) =>
      claim?.state === 'active' && fault === null
        ? [{ claim, hold: holdOf(claim, bootId, verdict) }]
        : [],
    );
    // What this boot holds, later boots hold, too: the boot itself could not write it.
    const isJudged = verdict?.bootId === bootId;
    for (const { claim, hold } of active)
      if (isJudged && hold !== null) markHeld(places, claim.keyId, bootId);
    const judged = judgeContact(offer.roster, active);
    const contact: ContactRecord = {
      ...{
        format: 2,
        bootId,
        wallMs: Math.min(Date.now(), offer.sentAtMs),
        bootMs: bootMs(),
        holdAfterMs: offer.holdAfterMs,
        holdGapMs: offer.holdGapMs,
      },
      ...{ authorityId: stamp.id, serial: stamp.serial, revision: offer.roster.revision },
      ...(offer.hosts === undefined ? {} : { hosts: offer.hosts }),
      claims: judged.claims,
      isWhole: judged.isWhole && readings.every(({ fault }) => fault === null),
    };
    if (world.elapsedMs() >= stamp.deadlineMs) return pastDeadline;
    keepMachine(places, lookAtMachine(places));
    writeReserved(places.contact, `${JSON.stringify(contact)}\n`, 0o644);
    return null;
  } finally {
    await lock.release();
  }
};

import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { claimedKeyIds, readClaim } from '../claims/claim-file.ts';
import { readAnnouncement, readContact, readHostConfig } from '../machine/boot.ts';
import { bootedAtMs } from '../machine/boot-identity.ts';
import { readClockSynchronized } from '../machine/clock-sync.ts';
import { errorCode, writeDurably } from '../machine/durable-file.ts';
import { keepMachine, lookAtMachine } from '../machine/know-machine.ts';
import { takeLocks } from '../machine/locks.ts';
import { actLockPath, type Places } from '../machine/places.ts';
import type { BootVerdict } from '../protocol/host.ts';
import { type BootFacts, decideBoot, isClockDecisive } from './decide.ts';
import { spentBy } from './decide-announcement.ts';
import { readHeartbeat } from './heartbeat.ts';
import { markHeld } from './mark-held.ts';

/**
 * How long a boot may wait for the clock before it holds: time services need some seconds of
 * network.
 */
const clockWaitMs = 60_000;
const clockLookMs = 2_000;

const gatherFacts = (places: Places, bootId: string, instanceId: string): BootFacts => ({
  bootId,
  instanceId,
  config: readHostConfig(places),
  contact: readContact(places),
  announcement: readAnnouncement(places),
  claims: claimedKeyIds(places)
    .map((keyId) => readClaim(places, keyId).claim)
    .filter((claim) => claim !== null)
    .filter((claim) => claim.state === 'active' && claim.bootId !== bootId),
  wallMs: Date.now(),
  heartbeat: readHeartbeat(places),
  bootedAtMs: bootedAtMs(places.root),
  clockSynchronized: readClockSynchronized(places.root),
});

/**
 * Before anything is decided, and durable: an announced reboot serves one boot. Where that cannot
 * be written it serves none.
 */
const useAnnouncement = (places: Places, bootId: string): void => {
  const spent = spentBy(readAnnouncement(places), bootId);
  if (spent === null) return;
  try {
    writeDurably(places.announcement, `${JSON.stringify(spent)}\n`, 0o644);
  } catch (error) {
    console.error(`the announced reboot could not be recorded as used: ${errorCode(error)}`);
  }
};

/**
 * Another act on the account at this early moment is a helper's, which holds the account as well.
 */
const markWaitMs = 5_000;

/**
 * Best effort: the verdict holds the claim in this boot, and every contact marks what is not marked
 * yet.
 */
const keepHeld = async (places: Places, keyId: string, bootId: string): Promise<void> => {
  try {
    const lock = await takeLocks([{ path: actLockPath(places, keyId), shared: false }], markWaitMs);
    if (lock === null) return;
    try {
      markHeld(places, keyId, bootId);
    } finally {
      await lock.release();
    }
  } catch (error) {
    console.error(`the hold of ${keyId} could not be written into its claim: ${errorCode(error)}`);
  }
};

/**
 * Decides this boot, durably in `/run` when it resolves; waits for the clock where nothing else
 * speaks for a hold. Called once per boot: a second
 * verdict would take the contact that ended the hold for a fresh one.
 */
export const judgeBoot = async (places: Places, bootId: string): Promise<BootVerdict> => {
  const machine = lookAtMachine(places);
  const { instanceId } = machine;
  mkdirSync(dirname(places.bootVerdict), { recursive: true, mode: 0o755 });
  writeDurably(places.bootInstanceId, `${instanceId}\n`, 0o644);
  keepMachine(places, machine);
  useAnnouncement(places, bootId);
  let facts = gatherFacts(places, bootId, instanceId);
  for (
    let waitedMs = 0;
    waitedMs < clockWaitMs && isClockDecisive(facts);
    waitedMs += clockLookMs
  ) {
    await sleep(clockLookMs);
    facts = gatherFacts(places, bootId, instanceId);
  }
  const verdict: BootVerdict = {
    format: 1,
    bootId,
    ...decideBoot(facts),
    decidedAt: new Date().toISOString(),
  };
  for (const { keyId, isHeld } of verdict.claims ?? [])
    if (isHeld) await keepHeld(places, keyId, bootId);
  writeDurably(places.bootVerdict, `${JSON.stringify(verdict)}\n`, 0o644);
  return verdict;
};

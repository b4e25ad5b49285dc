import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { claimedKeyIds, readClaim } from '../claims/claim-file.ts';
import { readBootId, readBootVerdict, readContact, readHostConfig } from '../machine/boot.ts';
import { readClockSynchronized } from '../machine/clock-sync.ts';
import { writeDurably } from '../machine/durable-file.ts';
import { instanceIdFrom, readInstanceParts } from '../machine/instance-id.ts';
import { type Places, placesBelow } from '../machine/places.ts';
import type { BootVerdict } from '../protocol/host.ts';
import { type BootFacts, decideBoot, isClockDecisive } from './decide.ts';

/** How long a boot may wait for the clock before it holds: time services need some seconds of network. */
const clockWaitMs = 60_000;
const clockLookMs = 2_000;

const gatherFacts = (places: Places, bootId: string, instanceId: string): BootFacts => ({
  bootId,
  instanceId,
  config: readHostConfig(places),
  contact: readContact(places),
  claims: claimedKeyIds(places)
    .map((keyId) => readClaim(places, keyId).claim)
    .filter((claim) => claim !== null)
    .filter((claim) => claim.state === 'active' && claim.bootId !== bootId),
  wallMs: Date.now(),
  clockSynchronized: readClockSynchronized(places.root),
});

const judgeBoot = async (places: Places, bootId: string): Promise<BootVerdict> => {
  const instanceId = instanceIdFrom(readInstanceParts(places.root));
  mkdirSync(dirname(places.bootVerdict), { recursive: true, mode: 0o755 });
  writeDurably(places.bootInstanceId, `${instanceId}\n`, 0o644);
  let facts = gatherFacts(places, bootId, instanceId);
  for (let waitedMs = 0; waitedMs < clockWaitMs && isClockDecisive(facts); waitedMs += clockLookMs) {
    await sleep(clockLookMs);
    facts = gatherFacts(places, bootId, instanceId);
  }
  const verdict: BootVerdict = { format: 1, bootId, ...decideBoot(facts), decidedAt: new Date().toISOString() };
  writeDurably(places.bootVerdict, `${JSON.stringify(verdict)}\n`, 0o644);
  return verdict;
};

const main = async (): Promise<void> => {
  const places = placesBelow(process.env.FLEET_ROOT ?? '/');
  const bootId = readBootId();
  if (bootId === null) throw new Error('the kernel shows no boot id');
  // Once per boot: a restart of this unit must not judge again, by then the contact that ended the hold looks like a fresh one.
  const standing = readBootVerdict(places);
  const verdict = standing?.bootId === bootId ? standing : await judgeBoot(places, bootId);
  console.log(verdict.verdict === 'run' ? 'accounts may run' : `accounts are held: ${verdict.reasons.join('; ')}`);
};

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});

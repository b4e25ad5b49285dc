import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { decideAuthority, parseAuthority, type StoredAuthority } from '../claims/authority.ts';
import { readSmallFile, writeReserved } from '../machine/durable-file.ts';
import { parseJson } from '../machine/json-shape.ts';
import { takeLocks } from '../machine/locks.ts';
import { authorityLockPath, type Places } from '../machine/places.ts';
import type { ActRefusal, AuthorityStamp } from '../protocol/host-acts.ts';

export const readAuthority = (places: Places): StoredAuthority => {
  const file = readSmallFile(places.authority, 64 * 1024);
  if (file === null) return null;
  return ('text' in file ? parseAuthority(parseJson(file.text)) : null) ?? 'unreadable';
};

/**
 * The serial of this authority that the host knows; 0: none, undefined: it obeys another one, and
 * does not remember this one.
 */
export const serialKnownOf = (places: Places, authorityId: string): number | undefined => {
  const stored = readAuthority(places);
  if (stored === null) return 0;
  if (stored === 'unreadable') return undefined;
  return stored.id === authorityId ? stored.serial : stored.former?.[authorityId];
};

export interface AuthorityRefusal {
  readonly code: ActRefusal;
  readonly message: string;
}

const pastDeadline: AuthorityRefusal = {
  code: 'deadline',
  message: 'the deadline of the request was over before it could be heard',
};

/** Longest act under an older serial: a stop with SIGKILL and its proof. */
const raiseWaitMs = 90_000;

/**
 * Makes the stamp the host's authority, or says why not. Acts hold the authority's lock shared, a
 * raise takes it alone: when it
 * returns, no act of an older run is under way and none will begin, so a survey in the same request
 * has seen their last effect.
 */
export const takeAuthority = async (
  places: Places,
  stamp: AuthorityStamp,
  elapsedMs: () => number,
): Promise<AuthorityRefusal | null> => {
  if (elapsedMs() >= stamp.deadlineMs) return pastDeadline;
  mkdirSync(dirname(places.authority), { recursive: true, mode: 0o755 });
  const standing = decideAuthority(readAuthority(places), stamp);
  if (standing.kind === 'refuse') return { code: 'authority', message: standing.message };
  if (standing.changed) {
    const lock = await takeLocks(
      [{ path: authorityLockPath(places), shared: false }],
      Math.min(raiseWaitMs, stamp.deadlineMs),
    );
    if (lock === null)
      return { code: 'busy', message: 'acts of an earlier run are still under way on the host' };
    try {
      if (elapsedMs() >= stamp.deadlineMs) return pastDeadline;
      const decision = decideAuthority(readAuthority(places), stamp);
      if (decision.kind === 'refuse') return { code: 'authority', message: decision.message };
      writeReserved(places.authority, `${JSON.stringify(decision.record)}\n`, 0o600);
    } finally {
      await lock.release();
    }
  }
  return null;
};

/** Whether the stamp is still the one that the host obeys. Ask under the shared lock. */
export const isAuthority = (places: Places, stamp: AuthorityStamp): boolean => {
  const stored = readAuthority(places);
  return (
    stored !== null &&
    stored !== 'unreadable' &&
    stored.id === stamp.id &&
    stored.serial === stamp.serial &&
    stored.nonce === stamp.nonce
  );
};

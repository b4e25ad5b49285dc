import { lstatSync, mkdirSync } from 'node:fs';
import { takeLocks } from '../machine/locks.ts';
import { actLockPath, authorityLockPath } from '../machine/places.ts';
import type {
  ActProgress,
  ActReply,
  AuthorityStamp,
  HostAct,
  HostRequest,
} from '../protocol/host-acts.ts';
import { announce } from './acts/announce.ts';
import { awaitAccounts } from './acts/await.ts';
import { configure } from './acts/configure.ts';
import { grant, start, stop } from './acts/grant.ts';
import { release, revoke } from './acts/release.ts';
import { reloadIfNeeded, restage, stage } from './acts/stage.ts';
import { copyState, putState, readState, weighState } from './acts/state.ts';
import { survey } from './acts/survey.ts';
import { wipe } from './acts/wipe.ts';
import {
  type AuthorityRefusal,
  isAuthority,
  serialKnownOf,
  takeAuthority,
} from './authority-record.ts';
import { applyContact, type ContactOutcome } from './contact.ts';
import { type ActOutcome, done, failed, type HostWorld } from './world.ts';

export interface RequestWorld extends Omit<HostWorld, 'authority'> {
  /** Milliseconds since the helper began. */
  readonly elapsedMs: () => number;
  /**
   * Writes one line; false when nobody listens any more: then the current act is the last, or the
   * start of what it has stopped ({@link lastUnheard}).
   */
  readonly emit: (line: ActReply | ActProgress) => boolean;
}

type KeyedAct = Exclude<HostAct, { readonly act: 'survey' | 'contact' | 'announce' | 'await' }>;

/** Longest wait for another helper's act on the same account: a stop with SIGKILL. */
const accountWaitMs = 60_000;

/**
 * Runs the acts of a request in order and emits one reply each. An act that is refused or fails
 * does not stop the ones after it.
 * Returns the helper's exit code: 0 all ok, 3 otherwise.
 */
export const runRequest = async (request: HostRequest, world: RequestWorld): Promise<0 | 3> => {
  const { authority, acts } = request;
  mkdirSync(world.places.claims, { recursive: true, mode: 0o755 });
  mkdirSync(world.places.locks, { recursive: true, mode: 0o711 });
  mkdirSync(world.places.accounts, { recursive: true, mode: 0o700 });
  const knew = authority === undefined ? undefined : serialKnownOf(world.places, authority.id);
  const refusal =
    authority === undefined ? noAuthority : await takeAuthorityOrFail(world, authority);
  const contact =
    authority === undefined || refusal !== null ? null : await applyContactOrFail(world, authority);
  let areAllOk = true;
  let last = Number.POSITIVE_INFINITY;
  for (const [index, act] of acts.entries()) {
    if (index > last) return 3;
    const outcome = await runAct(act, authority, { refusal, contact, knew }, world).catch(failed);
    areAllOk &&= outcome.ok;
    const isHeard = last === Number.POSITIVE_INFINITY && world.emit({ index, ...outcome });
    if (!isHeard) last = Math.min(last, lastUnheard(acts, index));
  }
  return reloadAtEnd(world) && areAllOk && last === Number.POSITIVE_INFINITY ? 0 : 3;
};

/**
 * Up to which act a request is carried out of which nobody heard `at`: an account that is stopped
 * to be started anew would otherwise stay offline until somebody comes.
 */
const lastUnheard = (acts: readonly HostAct[], at: number): number => {
  const stopped = acts.slice(0, at + 1).flatMap((act) => (act.act === 'stop' ? [act.keyId] : []));
  return acts.findLastIndex(
    (act, index) =>
      index >= at && (index === at || (act.act === 'start' && stopped.includes(act.keyId))),
  );
};

const noAuthority: AuthorityRefusal = {
  code: 'authority',
  message: 'acts that change a host need the stamp of its authority',
};

const takeAuthorityOrFail = (
  world: RequestWorld,
  stamp: AuthorityStamp,
): Promise<AuthorityRefusal | null> =>
  takeAuthority(world.places, stamp, world.elapsedMs).catch((error: unknown) => {
    const { refusal, message } = failed(error);
    return {
      code: refusal ?? 'io',
      message: `the authority could not be recorded: ${message ?? ''}`,
    };
  });

/** null: the stamp offers none. */
const applyContactOrFail = async (
  world: RequestWorld,
  stamp: AuthorityStamp,
): Promise<ContactOutcome | null> => {
  if (stamp.contact === undefined) return null;
  return applyContact({ ...world, authority: stamp }, stamp, stamp.contact).catch(
    (error: unknown): ContactOutcome => {
      const { refusal, message } = failed(error);
      return {
        kind: 'refused',
        code: refusal ?? 'io',
        message: `the contact could not be recorded: ${message ?? ''}`,
        closed: [],
      };
    },
  );
};

/** Whether the host heard the stamp, and what became of the contact that it offered. */
interface Heard {
  readonly refusal: AuthorityRefusal | null;
  readonly contact: ContactOutcome | null;
  /** The serial that it knew before. */
  readonly knew: number | undefined;
}

const runAct = async (
  act: HostAct,
  stamp: AuthorityStamp | undefined,
  { refusal, contact, knew }: Heard,
  world: RequestWorld,
): Promise<ActOutcome> => {
  const hostWorld: HostWorld = {
    ...world,
    authority: { id: stamp?.id ?? '', serial: stamp?.serial ?? 0 },
  };
  if (act.act === 'survey') return done({ kind: 'survey', survey: survey(hostWorld) });
  if (act.act === 'await') {
    reloadIfNeeded(world);
    return done({
      kind: 'awaited',
      accounts: await awaitAccounts(world, act.keyIds, act.timeoutMs, world.emit),
    });
  }
  if (refusal !== null) return { ok: false, refusal: refusal.code, message: refusal.message };
  if (stamp === undefined) return { ok: false, refusal: 'authority', message: noAuthority.message };
  if (act.act === 'contact') return contactOutcome(contact, knew);
  if (act.act === 'announce') {
    if (contact?.kind !== 'contact')
      return { ok: false, refusal: 'state', message: 'a reboot is announced only with a contact' };
    return announce(world, stamp, act);
  }
  return runLocked(act, stamp, hostWorld, world);
};

/** For the operator's eyes; more would make the reply longer than it may be. */
const toldClosures = 80;

const contactOutcome = (contact: ContactOutcome | null, knew: number | undefined): ActOutcome => {
  const closed = (contact?.closed ?? []).slice(0, toldClosures);
  const result = { kind: 'contact', closed, ...(knew === undefined ? {} : { knew }) } as const;
  if (contact === null || contact.kind === 'contact') return done(result);
  const { code, message } = contact;
  return { ok: false, refusal: code, message, result };
};

const runLocked = async (
  act: KeyedAct,
  stamp: AuthorityStamp,
  hostWorld: HostWorld,
  world: RequestWorld,
): Promise<ActOutcome> => {
  const leftMs = stamp.deadlineMs - world.elapsedMs();
  if (leftMs <= 0) return pastDeadline;
  const locks = [
    { path: authorityLockPath(world.places), shared: true },
    { path: actLockPath(world.places, act.keyId), shared: false },
  ];
  const lock = await takeLocks(locks, Math.min(accountWaitMs, leftMs));
  if (lock === null)
    return {
      ok: false,
      refusal: 'busy',
      message: 'another act on this account is under way on the host',
    };
  try {
    if (world.elapsedMs() >= stamp.deadlineMs) return pastDeadline;
    if (!isAuthority(world.places, stamp))
      return { ok: false, refusal: 'authority', message: 'a newer run has taken over this host' };
    // `fleet uninstall` takes it away under the same lock, once the host owns nothing.
    if (lstatSync(world.places.current, { throwIfNoEntry: false }) === undefined)
      return {
        ok: false,
        refusal: 'state',
        message: 'fleet has been taken off this host; fleet init brings it back',
      };
    return await runKeyed(act, hostWorld);
  } catch (error) {
    return failed(error);
  } finally {
    await lock.release();
  }
};

const pastDeadline: ActOutcome = {
  ok: false,
  refusal: 'deadline',
  message: 'the deadline of the request was over before the act began',
};

const runKeyed = async (act: KeyedAct, world: HostWorld): Promise<ActOutcome> => {
  switch (act.act) {
    case 'stage':
      return stage(world, act);
    case 'restage':
      return restage(world, act);
    case 'configure':
      return configure(world, act);
    case 'grant':
      return grant(world, act);
    case 'release':
      return release(world, act);
    case 'revoke':
      return revoke(world, act);
    case 'weigh-state':
      return weighState(world, act);
    case 'copy-state':
      return copyState(world, act);
    case 'read-state':
      return readState(world, act);
    case 'put-state':
      return putState(world, act);
    case 'wipe':
      return wipe(world, act);
    case 'stop':
      return stop(world, act);
    case 'start':
      return start(world, act);
  }
};

/**
 * A failed reload keeps its mark, so the next request does it; grants do it themselves before a
 * start.
 */
const reloadAtEnd = (world: RequestWorld): boolean => {
  try {
    reloadIfNeeded(world);
    return true;
  } catch {
    return false;
  }
};

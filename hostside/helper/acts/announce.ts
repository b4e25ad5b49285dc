import { decideAnnouncement } from '../../hold/decide-announcement.ts';
import { readAnnouncement, readContact } from '../../machine/boot.ts';
import { writeDurably } from '../../machine/durable-file.ts';
import { takeLocks } from '../../machine/locks.ts';
import { contactLockPath } from '../../machine/places.ts';
import type { AuthorityStamp, HostAct } from '../../protocol/host-acts.ts';
import { isAuthority } from '../authority-record.ts';
import type { ContactWorld } from '../contact.ts';
import { type ActOutcome, done } from '../world.ts';

/** A write of one block; longer only on a disk in trouble. */
const lockWaitMs = 10_000;

/**
 * Records that a reboot is about to come, durable when it is answered. After the contact of the
 * same request, under its lock and before its deadline: a
 * request that was held up announces nothing.
 */
export const announce = async (
  { places, bootId, elapsedMs }: Pick<ContactWorld, 'places' | 'bootId' | 'elapsedMs'>,
  stamp: AuthorityStamp,
  act: Extract<HostAct, { act: 'announce' }>,
): Promise<ActOutcome> => {
  const lock = await takeLocks([{ path: contactLockPath(places), shared: false }], lockWaitMs);
  if (lock === null)
    return {
      ok: false,
      refusal: 'busy',
      message: 'another helper has been writing the contact for 10 s',
    };
  try {
    if (!isAuthority(places, stamp))
      return { ok: false, refusal: 'authority', message: 'a newer run has taken over this host' };
    const sentAtMs = stamp.contact?.sentAtMs ?? null;
    const decided = decideAnnouncement(act, {
      standing: readAnnouncement(places),
      contact: readContact(places),
      stamp,
      sentAtMs,
      bootId,
    });
    if ('message' in decided) return { ok: false, refusal: 'request', message: decided.message };
    if (elapsedMs() >= stamp.deadlineMs)
      return {
        ok: false,
        refusal: 'deadline',
        message: 'the deadline was over before the reboot was announced',
      };
    if (decided.isNew)
      writeDurably(places.announcement, `${JSON.stringify(decided.record)}\n`, 0o644);
    return done();
  } finally {
    await lock.release();
  }
};

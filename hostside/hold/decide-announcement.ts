import {
  type AnnouncementRecord,
  type ContactRecord,
  longestAnnouncementMs,
} from '../protocol/host.ts';

/** What the helper makes a record from. */
export interface AnnouncementFacts {
  readonly standing: AnnouncementRecord | null;
  /** As this request has just recorded it. */
  readonly contact: ContactRecord | null;
  readonly stamp: { readonly id: string };
  /**
   * The operator's clock when the request left, ms since the epoch; null: it offered no contact.
   */
  readonly sentAtMs: number | null;
  readonly bootId: string;
}

/**
 * The record of an announced reboot, or why there is none. `isNew` false: it stands already. Pure.
 */
export const decideAnnouncement = (
  { id, untilMs }: { readonly id: string; readonly untilMs: number },
  { standing, contact, stamp, sentAtMs, bootId }: AnnouncementFacts,
):
  | { readonly record: AnnouncementRecord; readonly isNew: boolean }
  | { readonly message: string } => {
  if (
    sentAtMs === null ||
    contact === null ||
    contact.bootId !== bootId ||
    contact.authorityId !== stamp.id
  )
    return { message: 'a reboot is announced only by a contact in this boot' };
  if (standing?.id === id) return { record: standing, isNew: false };
  const forMs = untilMs - sentAtMs;
  if (forMs <= 0) return { message: 'the announcement was over before it arrived' };
  if (forMs > longestAnnouncementMs)
    return {
      message: `a reboot is announced for at most ${longestAnnouncementMs / 60_000} minutes`,
    };
  // From the earlier of both clocks, as the contact: never later than the ledger has it.
  const record: AnnouncementRecord = {
    ...{ format: 1, id, authorityId: stamp.id, bootId },
    ...{ untilMs: contact.wallMs + forMs, usedBy: null },
  };
  return { record, isNew: true };
};

/**
 * What an announcement means for a boot (docs/exclusivity.md, rule R8). `serves`: how long the host
 * was down says nothing; `spent`: it has served an
 * earlier boot, and nobody was in contact since; `none`: the boot is judged as any other.
 */
export type AnnouncedBoot = 'serves' | 'spent' | 'none';

export interface AnnouncedFacts {
  readonly announcement: AnnouncementRecord | null;
  readonly contact: ContactRecord | null;
  readonly bootId: string;
  readonly wallMs: number;
}

/**
 * Serves one boot: that after the one in which it was made, while no other contact and no other
 * ledger came in between, and until its end. What served
 * one boot is durable before the verdict, so that a disk that is put back to any later moment
 * cannot use it again.
 */
export const judgeAnnouncement = ({
  announcement,
  contact,
  bootId,
  wallMs,
}: AnnouncedFacts): AnnouncedBoot => {
  if (announcement === null || contact === null || announcement.bootId === bootId) return 'none';
  if (contact.bootId !== announcement.bootId || contact.authorityId !== announcement.authorityId)
    return 'none';
  if (announcement.usedBy !== bootId) return announcement.usedBy === null ? 'none' : 'spent';
  return wallMs <= announcement.untilMs ? 'serves' : 'none';
};

/** The record as the first boot after the announcement leaves it; null: it stays as it is. */
export const spentBy = (
  announcement: AnnouncementRecord | null,
  bootId: string,
): AnnouncementRecord | null =>
  announcement === null || announcement.usedBy !== null || announcement.bootId === bootId
    ? null
    : { ...announcement, usedBy: bootId };

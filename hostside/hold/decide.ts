import { isContacted } from '../claims/roster.ts';
import type { Claim } from '../protocol/claim.ts';
import type {
  AnnouncementRecord,
  BootVerdict,
  ContactRecord,
  HostConfig,
  JudgedClaim,
} from '../protocol/host.ts';
import { judgeAnnouncement } from './decide-announcement.ts';
import type { Heartbeat } from './heartbeat.ts';

/** Everything that the verdict of a boot is made from. */
export interface BootFacts {
  readonly bootId: string;
  readonly instanceId: string;
  /** null: `fleet init` has not told the host about itself. */
  readonly config: HostConfig | null;
  readonly contact: ContactRecord | null;
  /**
   * The last reboot that was announced, once this boot is named in it where it is the first one
   * after it.
   */
  readonly announcement: AnnouncementRecord | null;
  /**
   * Active claims that were not granted in this boot; those that were are judged by their grant.
   */
  readonly claims: readonly Claim[];
  readonly wallMs: number;
  /** When the host last said that it was up; null: never. */
  readonly heartbeat: Heartbeat | null;
  /** When the kernel started, by the same clock as `wallMs`. */
  readonly bootedAtMs: number;
  /** null: nothing on the host tells. */
  readonly clockSynchronized: boolean | null;
}

/**
 * Which claims may start by themselves in this boot (docs/exclusivity.md, rows 1, 2, 3, 14, 30, 34,
 * 40, 44, 46). A host without an active claim has
 * nothing to hold. Otherwise every reason to doubt counts, and each is listed: what speaks against
 * the boot holds all claims, what speaks against a
 * claim that one.
 */
export const decideBoot = (
  facts: BootFacts,
): Pick<BootVerdict, 'verdict' | 'reasons'> & { readonly claims: readonly JudgedClaim[] } => {
  if (facts.claims.length === 0) return { verdict: 'run', reasons: [], claims: [] };
  const ofBoot = [
    ...configReasons(facts),
    ...contactReasons(facts),
    ...gapReasons(facts),
    ...clockReasons(facts),
  ];
  const judged = facts.claims.map((claim) => ({ claim, reason: claimReason(claim, facts) }));
  const reasons = [...new Set([...ofBoot, ...judged.flatMap(({ reason }) => reason ?? [])])];
  const claims = judged.map(({ claim, reason }) => ({
    keyId: claim.keyId,
    epoch: claim.epoch,
    isHeld: ofBoot.length > 0 || reason !== null,
  }));
  return { verdict: reasons.length === 0 ? 'run' : 'hold', reasons, claims };
};

/** What speaks against one claim alone; null: nothing. */
const claimReason = (claim: Claim, { instanceId, contact }: BootFacts): string | null => {
  if (claim.instanceId !== instanceId)
    return 'claims were made for another machine (this one is a clone or an image)';
  if (claim.heldSince !== undefined)
    return 'an earlier boot held claims, and no grant has ended that';
  if (contact !== null && !isContacted(contact, claim))
    return 'the last contact of the operator did not count for all claims';
  return null;
};

/**
 * True when waiting for the clock could still turn the verdict into `run`: no reason apart from the
 * clock's.
 */
export const isClockDecisive = (facts: BootFacts): boolean =>
  facts.claims.length > 0 &&
  facts.config?.requireClockSync === true &&
  facts.clockSynchronized !== true &&
  facts.contact !== null &&
  facts.claims.some((claim) => claimReason(claim, facts) === null) &&
  facts.contact.bootId !== facts.bootId;

const configReasons = ({ config }: BootFacts): readonly string[] =>
  config === null ? ['the host configuration is missing or unreadable'] : [];

const contactReasons = (facts: BootFacts): readonly string[] => {
  const { contact, wallMs, bootId } = facts;
  if (contact === null) return ['the operator was never in contact (with this release of fleet)'];
  if (contact.bootId === bootId)
    return [
      'decided only after the operator was in contact in this boot, so the age of the ' +
        'contact before it is lost',
    ];
  if (isPutBack(facts))
    return [
      'its last contact is older than the one that its last heartbeat knew (a disk or a ' +
        'folder that was put back?)',
    ];
  if (wallMs < contact.wallMs)
    return [
      `the clock is ${seconds(contact.wallMs - wallMs)} behind the last contact of the operator`,
    ];
  const ageMs = wallMs - contact.wallMs;
  const announced = judgeAnnouncement(facts);
  if (announced === 'serves') return [];
  if (announced === 'spent')
    return [
      'the reboot that was announced has taken place, and the operator was not in contact since',
    ];
  if (ageMs <= contact.holdAfterMs) return [];
  return [
    `the last contact of the operator is ${seconds(ageMs)} ago, the limit is ` +
      `${seconds(contact.holdAfterMs)}`,
  ];
};

/**
 * Files that were put back in the boot before bring an older contact with them than the agent has
 * seen (row 46). Of another authority: which of both is later cannot be
 * told.
 */
const isPutBack = ({ contact, heartbeat }: Pick<BootFacts, 'contact' | 'heartbeat'>): boolean => {
  const known = heartbeat?.contact;
  if (contact === null || known === undefined) return false;
  if (known.authorityId !== contact.authorityId) return true;
  return (
    contact.serial < known.serial ||
    (contact.serial === known.serial && contact.revision < known.revision)
  );
};

/** How far the clock may have been corrected between a heartbeat and the boot after it, ms. */
const clockStepMs = 5_000;

/**
 * A disk that was rolled back, a clone, and a machine that was off for long have an old heartbeat,
 * however young their contact is (row 41).
 */
const gapReasons = (facts: BootFacts): readonly string[] => {
  const { contact, heartbeat, bootedAtMs, bootId } = facts;
  if (contact === null || contact.bootId === bootId) return [];
  const isAnnounced = judgeAnnouncement(facts) === 'serves';
  if (heartbeat === null)
    return isAnnounced
      ? []
      : ['this host has not told yet that it is up (its agent does, once every claim is judged)'];
  const gapMs = bootedAtMs - heartbeat.wallMs;
  if (gapMs < -clockStepMs) return [`the clock is ${seconds(-gapMs)} behind the last heartbeat`];
  return gapMs <= contact.holdGapMs || isAnnounced
    ? []
    : [
        `it was down for ${seconds(gapMs)} before this boot, the limit is ` +
          `${seconds(contact.holdGapMs)}`,
      ];
};

const clockReasons = ({ config, clockSynchronized }: BootFacts): readonly string[] =>
  config?.requireClockSync === true && clockSynchronized !== true
    ? ['the clock is not synchronised']
    : [];

const seconds = (ms: number): string => `${Math.ceil(ms / 1000)} s`;

import { keyIdPattern, Shape } from '../machine/json-shape.ts';
import { parseFleetHost, parseListed } from '../machine/parse-listed.ts';
import { type Claim, epochJumpLimit, epochLimit } from '../protocol/claim.ts';
import type { ContactRecord } from '../protocol/host.ts';
import type {
  ContactOffer,
  FleetHost,
  GoneClaim,
  Roster,
  RosterClaim,
} from '../protocol/roster.ts';
import { type StandingClaim, withoutHold } from './decide.ts';

/**
 * Whether a roster is older than the one that this host has applied: within a serial the revision
 * tells.
 */
export const isOlderRoster = (
  stored: Pick<ContactRecord, 'authorityId' | 'serial' | 'revision'> | null,
  stamp: { readonly id: string; readonly serial: number },
  { revision }: Pick<Roster, 'revision'>,
): boolean =>
  stored !== null &&
  stored.authorityId === stamp.id &&
  stored.serial === stamp.serial &&
  stored.revision > revision;

/**
 * The claim that takes the place of one that is gone; null: there is nothing to close. A torn claim
 * starts nothing, and is for `adopt`.
 */
export const decideClosure = (
  { claim, fault }: StandingClaim,
  gone: GoneClaim,
  facts: {
    readonly instanceId: string;
    readonly bootId: string;
    readonly now: string;
    readonly authority: { id: string; serial: number };
  },
): Claim | null => {
  if (claim === null || fault !== null || claim.epoch > gone.epoch) return null;
  if (claim.state !== 'active' && claim.state !== 'releasing') return null;
  const { instanceId, bootId, now, authority } = facts;
  return {
    ...withoutHold(claim),
    // A late grant of what is over is refused, too; never so high that no later one is accepted.
    epoch: Math.min(gone.epoch, claim.epoch + epochJumpLimit),
    ...{
      state: 'revoked',
      moveId: `roster-${authority.serial}`,
      successor: null,
      stateHash: null,
      instanceId,
      bootId,
    },
    ...{ authorityId: authority.id, serial: authority.serial, writtenAt: now },
  };
};

const isSame = (claim: Claim, listed: RosterClaim): boolean =>
  listed.keyId === claim.keyId && listed.epoch === claim.epoch && listed.moveId === claim.moveId;

/**
 * The claims for which this contact counts: what the roster lists, without what this boot holds. So
 * what is held stays held, however often the host is
 * in contact, until a grant at a higher epoch. `active`: the host's active claims, with the reason
 * for which this boot holds them (null: it does not).
 */
export const judgeContact = (
  { owned, arriving }: Roster,
  active: readonly { readonly claim: Claim; readonly hold: string | null }[],
): Pick<ContactRecord, 'claims' | 'isWhole'> => {
  const held = active.filter(({ hold }) => hold !== null);
  const claims = [...owned, ...arriving].filter(
    (listed) =>
      !held.some(({ claim }) => claim.keyId === listed.keyId && claim.epoch === listed.epoch),
  );
  return {
    claims,
    isWhole: active.every(({ claim }) => claims.some((listed) => isSame(claim, listed))),
  };
};

/** Whether a contact counts for a claim. */
export const isContacted = (contact: Pick<ContactRecord, 'claims'>, claim: Claim): boolean =>
  contact.claims.some((listed) => isSame(claim, listed));

const claimsLimit = 20_000;
const hostsLimit = 2_000;

/** A contact offer from parsed JSON, or what is wrong with it. */
export const parseContactOffer = (
  value: unknown,
): { readonly contact: ContactOffer } | { readonly fault: string } => {
  const shape = new Shape(value);
  const rosterShape = new Shape(shape.value('roster'));
  const faults: (string | null)[] = [];
  const listOf = <T>(key: string, read: (entry: Shape) => T): T[] =>
    rosterShape.list(key, claimsLimit).map((entry) => {
      const inner = new Shape(entry);
      const parsed = read(inner);
      faults.push(inner.fault);
      return parsed;
    });
  const readHost = (entry: unknown): FleetHost => {
    const inner = new Shape(entry);
    const host = parseFleetHost(inner);
    faults.push(inner.fault);
    return host;
  };
  const gone = (entry: Shape): GoneClaim => ({
    keyId: entry.text('keyId', 32, keyIdPattern),
    epoch: entry.integer('epoch', 0, epochLimit),
  });
  const contact: ContactOffer = {
    sentAtMs: shape.number('sentAtMs', 0, Number.MAX_SAFE_INTEGER),
    holdAfterMs: shape.number('holdAfterMs', 0, Number.MAX_SAFE_INTEGER),
    holdGapMs: shape.number('holdGapMs', 0, Number.MAX_SAFE_INTEGER),
    roster: {
      revision: rosterShape.integer('revision', 1, Number.MAX_SAFE_INTEGER),
      owned: listOf('owned', parseListed),
      arriving: listOf('arriving', parseListed),
      gone: listOf('gone', gone),
    },
  };
  const hosts = shape.has('hosts') ? shape.list('hosts', hostsLimit).map(readHost) : null;
  const fault = shape.fault ?? rosterShape.fault ?? faults.find((each) => each !== null) ?? null;
  return fault === null ? { contact: hosts === null ? contact : { ...contact, hosts } } : { fault };
};

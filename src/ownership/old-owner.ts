import type { Claim } from '../../hostside/protocol/claim.ts';
import type { HostSurvey } from '../../hostside/protocol/host-acts.ts';
import { type AccountState, endedStates } from '../model/account-state.ts';

/** What the move knows of the owner that gave a receipt. */
export interface FormerOwner {
  readonly keyId: string;
  readonly moveId: string;
  /** Epoch that ended with the receipt. */
  readonly epoch: number;
}

/**
 * The last look at the old owner before the grant: null, or what is there that must not be. The
 * receipt is the evidence; this finds what contradicts it: a disk rolled back to before the
 * release, a process that came back. A machine that does not know the key has lost its files, too.
 */
export function contradiction(
  survey: HostSurvey,
  { keyId, moveId, epoch }: FormerOwner,
): string | null {
  const account = survey.accounts.find((candidate) => candidate.keyId === keyId);
  if (account === undefined) return null;
  const { claim, claimFault, unit, processes } = account;
  if (claimFault !== null) return `its claim cannot be read (${claimFault})`;
  if (processes > 0 || (unit !== 'inactive' && unit !== 'failed'))
    return `its unit is ${unit} with ${processes} processes`;
  if (claim === null) return null;
  const isReceipt = claim.state === 'released' && claim.epoch === epoch && claim.moveId === moveId;
  return isReceipt || claim.state === 'revoked'
    ? null
    : `its claim is ${claim.state} at epoch ${claim.epoch}`;
}

/**
 * A refused release: whether this move may already have closed the gate there, so that it can only
 * go on.
 */
export const isReleasing = (claim: Claim | null | undefined, moveId: string): boolean =>
  claim?.moveId === moveId && (claim.state === 'releasing' || claim.state === 'released');

/**
 * Whether the new host has owned the account later than the epoch at which the ledger has it on the
 * old one: then the ledger does not know the last owner,
 * and the receipt and the state of that one may lie on the new host. A revoked claim never ran, or
 * is replaced by what came after it.
 */
export const hasOwnedLater = (
  claim: Claim | null | undefined,
  { moveId, epoch }: Omit<FormerOwner, 'keyId'>,
): boolean =>
  claim !== null &&
  claim !== undefined &&
  claim.state !== 'revoked' &&
  claim.epoch > epoch &&
  claim.moveId !== moveId;

/**
 * Whether an account that did not come online on its new host is likely to do better on the old
 * one. The account's own troubles (a login, a ban, a
 * flood wait) go with it wherever it is; what the host or its way to Telegram causes does not.
 */
export const isHostsFault = (awaited: string): boolean =>
  ['gate', 'stopped', 'starting', 'offline', 'stopping'].includes(awaited);

/**
 * Whether an account is moved without a start: it could not, or should not, run on the old host
 * either.
 */
export const movesIdle = (state: AccountState, isWanted: boolean): boolean =>
  !isWanted || state === 'stopped' || endedStates.has(state);

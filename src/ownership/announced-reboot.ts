import { longestAnnouncementMs } from '../../hostside/protocol/host.ts';
import type { HostSurvey } from '../../hostside/protocol/host-acts.ts';
import type { MovePhase } from './phases.ts';

/**
 * How long a reboot is announced for unless the operator says otherwise, ms: a large machine takes
 * some minutes for its firmware.
 */
export const announcedForMs = 15 * 60_000;

/** Latest end of an announcement of which only the start, before `nowMs`, is known. */
export const latestAnnouncedEnd = (nowMs: number): number => nowMs + longestAnnouncementMs;

/**
 * Whether a host is expected to be away now, by what was announced to it (ms since the epoch; null:
 * nothing).
 */
export const isExpectedAway = (announcedUntilMs: number | null, nowMs: number): boolean =>
  announcedUntilMs !== null && nowMs < announcedUntilMs;

/**
 * How far a host has come, by a look without authority: still in the boot that was to end, up but
 * not judged yet (a contact now would invalidate the verdict), or back.
 */
export const judgeReturn = (
  bootBefore: string,
  { bootId, bootVerdict }: Pick<HostSurvey, 'bootId' | 'bootVerdict'>,
): 'going' | 'judging' | 'back' => {
  if (bootId === bootBefore) return 'going';
  return bootVerdict?.bootId === bootId ? 'back' : 'judging';
};

/** An account of a host that is to be rebooted. */
export interface RebootedAccount {
  readonly name: string;
  readonly keyId: string;
  readonly state: string;
  readonly wanted: boolean;
}

/**
 * Whose return a reboot waits for: those that were online. An account that was not online before is
 * not the reboot's fault.
 */
export const expectedBack = <T extends RebootedAccount>(accounts: readonly T[]): readonly T[] =>
  accounts.filter(
    ({ state, wanted }) =>
      wanted && (state === 'online' || state === 'reconnecting' || state === 'flood-wait'),
  );

/** A change of owner that has this host as one of its ends. */
export interface OpenMoveOf {
  readonly account: string;
  readonly phase: MovePhase;
}

/**
 * Why a host must not be rebooted now; null: nothing speaks against it. A move would lose its host
 * half-way.
 */
export const whyNotReboot = (moves: readonly OpenMoveOf[]): string | null =>
  moves.length === 0
    ? null
    : `${moves.map(({ account, phase }) => `${account} (${phase})`).join(', ')} is on the ` +
      'move there';

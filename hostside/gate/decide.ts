import type { ClaimReading } from '../claims/claim-slots.ts';
import type { Claim } from '../protocol/claim.ts';
import { holdOf } from '../protocol/hold-of.ts';
import type { BootVerdict, HostConfig } from '../protocol/host.ts';
import { formerLingerMs } from '../protocol/linger.ts';
import type { Progress } from './decide-progress.ts';

export interface GateFacts {
  readonly reading: Pick<ClaimReading, 'claim' | 'fault'>;
  /** Of this boot, as the hold oneshot wrote it; null: it has not run. */
  readonly instanceId: string | null;
  /**
   * Its boot id counts as this boot's: /run does not survive a boot, and inside the sandbox of a
   * container the kernel shows the boot id of
   * the machine around it.
   */
  readonly verdict: BootVerdict | null;
}

/** Why the account must not start; null: it may. Everything that is not understood refuses. */
export const decideGate = ({ reading, instanceId, verdict }: GateFacts): string | null => {
  const { claim, fault } = reading;
  if (fault !== null) return `the claim file is ${fault}`;
  if (claim === null) return 'this host has no claim on the account';
  if (claim.state !== 'active') return `the claim is ${claim.state} at epoch ${claim.epoch}`;
  if (instanceId === null || verdict === null)
    return 'this boot has no verdict yet (fleet-hold.service has not run)';
  if (claim.instanceId !== instanceId)
    return 'the claim was made for another machine (this one is a clone or an image)';
  return holdOf(claim, verdict.bootId, verdict);
};

/** One of the gate's two marks in the state directory. `stopped` names the start that it ends. */
export interface StartMark {
  readonly startId: string;
  readonly bootId: string;
  /** Milliseconds since boot. */
  readonly bootMs: number;
}

export interface BeginMark extends StartMark {
  /**
   * How long Telegram may count a connection of this run that ended without a word, ms; absent in
   * marks of an older release.
   */
  readonly lingerMs?: number;
  /**
   * How far the machine's clocks had come; absent: not known, or an operator's start has ended what
   * was known.
   */
  readonly progress?: Progress;
}

export interface StopMark extends StartMark {
  /**
   * The worker ended by itself, so it had closed its connections; of the bundled one: and Telegram
   * had confirmed it.
   */
  readonly clean: boolean;
}

export type Mark<T> = T | null | 'unreadable';

/**
 * Milliseconds to wait before the account may start (docs/exclusivity.md, rows 17 and 38): the
 * floor after any stop, the longer one when the
 * end was unclean, because the kernel may still send what the dead process had queued; never less
 * than Telegram may count its connection.
 * A start without a stop mark, unreadable marks, and a stop in an earlier boot count from now: when
 * they really ended is not known.
 * `unmarkedMs`: see {@link unmarkedFloorMs}.
 */
export const settleWaitMs = (
  start: Mark<BeginMark>,
  stop: Mark<StopMark>,
  floors: Pick<HostConfig, 'settleMs' | 'settleUncleanMs'>,
  now: { readonly bootId: string; readonly bootMs: number },
  unmarkedMs = 0,
): number => {
  if (start === null) return unmarkedMs;
  const lingerMs = start === 'unreadable' ? formerLingerMs : (start.lingerMs ?? formerLingerMs);
  const uncleanMs = Math.max(floors.settleUncleanMs, lingerMs);
  if (start === 'unreadable' || stop === 'unreadable') return uncleanMs;
  if (stop === null || stop.startId !== start.startId) return uncleanMs;
  const floorMs = stop.clean ? floors.settleMs : uncleanMs;
  // A container's clock goes on over its boots, so when this one began is not known either.
  if (stop.bootId !== now.bootId) return floorMs;
  return Math.min(floorMs, Math.max(0, stop.bootMs + floorMs - now.bootMs));
};

/**
 * The floor without any mark of a start: a power loss may have taken the state directory with its
 * marks away, because nobody has synced the directory
 * above it. A claim that was made anew in this boot counts from the machine's start, which such a
 * loss comes before; the first one ever follows no run.
 */
export const unmarkedFloorMs = (
  claim: Pick<Claim, 'epoch' | 'bootId'> | null,
  now: { readonly bootId: string; readonly bootMs: number },
  floors: Pick<HostConfig, 'settleUncleanMs'>,
  lingerMs: number,
): number => {
  if (claim === null) return 0;
  const uncleanMs = Math.max(floors.settleUncleanMs, lingerMs);
  if (claim.bootId !== now.bootId) return uncleanMs;
  return claim.epoch === 1 ? 0 : Math.max(0, uncleanMs - now.bootMs);
};

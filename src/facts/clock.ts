import { clockAheadCounter } from '../../hostside/protocol/worker.ts';

/**
 * Further apart than this, certificates and package lists are not valid, and Telegram refuses
 * messages.
 */
const TOLERANCE_MS = 60_000;

/**
 * What to say about a host's clock that was read a moment ago, both in ms since 1970: nothing while
 * it is within a minute of this machine's.
 */
export function clockWarnings(hostMs: number, hereMs: number): readonly string[] {
  const skewMs = hostMs - hereMs;
  if (Math.abs(skewMs) <= TOLERANCE_MS) return [];
  const way = skewMs > 0 ? 'ahead of' : 'behind';
  return [
    `clock: it is ${span(Math.abs(skewMs))} ${way} this machine's; set the one that is ` +
      'wrong (on a host: timedatectl set-ntp true, or apt-get install systemd-timesyncd ' +
      'where it says that NTP is not supported)',
  ];
}

function span(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}

/** Telegram's servers differ among themselves by less, seconds. */
const toleranceSeconds = 10;

/**
 * What a worker's counters tell of its host's clock; null: nothing, or that it is right. In steps
 * of 10 s, so that the text does not change with every look.
 */
export function clockFault(counters: Readonly<Record<string, number>> | undefined): string | null {
  const ahead = 10 * Math.round((counters?.[clockAheadCounter] ?? 0) / 10);
  if (Math.abs(ahead) <= toleranceSeconds) return null;
  return `the host's clock is ${Math.abs(ahead)} s ${ahead > 0 ? 'ahead of' : 'behind'} Telegram's`;
}

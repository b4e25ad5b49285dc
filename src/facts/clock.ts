/** Further apart than this, certificates and package lists are not valid, and Telegram refuses messages. */
const TOLERANCE_MS = 60_000;

/** What to say about a host's clock that was read a moment ago, both in ms since 1970: nothing while it is within a minute of this machine's. */
export function clockWarnings(hostMs: number, hereMs: number): readonly string[] {
  const skewMs = hostMs - hereMs;
  if (Math.abs(skewMs) <= TOLERANCE_MS) return [];
  const way = skewMs > 0 ? 'ahead of' : 'behind';
  return [`clock: it is ${span(Math.abs(skewMs))} ${way} this machine's; set the one that is wrong (on a host: timedatectl set-ntp true)`];
}

function span(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}

/**
 * What a host may ask of fleet over SSH, without being asked: signs of life, forwardings, new keys.
 * Each is answered, and a host that reads no answers would fill this machine's memory with them.
 */
const burst = 2_000;
const perSecond = 100;

/** ssh2's own words for what it has received, or answers at once; and what one costs. */
const costs: readonly (readonly [string, number])[] = [
  ['Inbound: GLOBAL_REQUEST (hostkeys', 100],
  ['Inbound: GLOBAL_REQUEST', 1],
  ['Inbound: CHANNEL_REQUEST', 1],
  ['Inbound: CHANNEL_OPEN (', 1],
  // A new key exchange costs milliseconds of a core.
  ['Outbound: Sending KEXINIT', 100],
];

/** A listener for ssh2's debug lines. Calls `onTooMany`, once, when it has heard of too many. */
export function countUnasked(
  onTooMany: () => void,
  nowMs: () => number = () => performance.now(),
): (line: string) => void {
  let left = burst;
  let atMs = nowMs();
  return (line) => {
    const cost = costs.find(([start]) => line.startsWith(start))?.[1];
    if (cost === undefined || left < 0) return;
    const now = nowMs();
    left = Math.min(burst, left + ((now - atMs) / 1_000) * perSecond) - cost;
    atMs = now;
    if (left < 0) onTooMany();
  };
}

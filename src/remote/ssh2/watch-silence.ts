import type { Duplex } from 'node:stream';

/**
 * Bytes of any kind count as a sign of life: requests alone would take a link that is busy with a
 * long upload for dead.
 */
export function watchSilence(
  stream: Duplex,
  silenceMs: number,
  onSilence: () => void,
): NodeJS.Timeout {
  let heardAt = performance.now();
  let checkedAt = heardAt;
  stream.on('data', () => {
    heardAt = performance.now();
  });
  const periodMs = Math.ceil(silenceMs / 6);
  const timer = setInterval(() => {
    const now = performance.now();
    // After a pause of the process itself (a closed lid, a blocked loop) the host gets its chance
    // to be heard first.
    if (now - checkedAt > periodMs * 3) heardAt = now;
    checkedAt = now;
    if (now - heardAt >= silenceMs) onSilence();
  }, periodMs);
  timer.unref();
  return timer;
}

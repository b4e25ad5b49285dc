import { getHeapStatistics } from 'node:v8';

const lookEveryMs = 10_000;
/**
 * So much garbage may lie about. V8 by itself lets 9 MB come together and keeps their pages, a
 * third of an account's memory.
 */
const allowedBytes = 4 * 2 ** 20;

/**
 * From now on V8 collects what the start, and then what messages leave behind, in less than 100 ms,
 * and gives the pages back. By itself it comes to the start's
 * at a moment that nobody knows, with a fifth of an account's memory. Without Node's `--expose-gc`
 * nothing happens.
 */
export function collectGarbage(): NodeJS.Timeout {
  let cleanBytes = Number.NEGATIVE_INFINITY;
  return setInterval(() => {
    if (globalThis.gc === undefined || usedBytes() < cleanBytes + allowedBytes) return;
    // Of all kinds the only one that returns memory to the system.
    globalThis.gc({ type: 'major', execution: 'sync', flavor: 'last-resort' });
    cleanBytes = usedBytes();
  }, lookEveryMs);
}

const usedBytes = (): number => getHeapStatistics().used_heap_size;

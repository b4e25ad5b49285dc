/**
 * Ids of what the server says: Unix time times 2^32, strictly growing over the whole server; 1
 * modulo 4 for what answers a
 * request, 3 for the rest.
 */
export class ServerMessageIds {
  #last = 0n;

  /** `nowMs`: the server's clock in milliseconds since 1970. */
  next(nowMs: number, isAnswer: boolean): bigint {
    const timed = ((BigInt(Math.floor(nowMs)) << 32n) / 1000n) & ~3n;
    const base = timed > this.#last ? timed : (this.#last & ~3n) + 4n;
    this.#last = base | (isAnswer ? 1n : 3n);
    return this.#last;
  }
}

/** Why a client's message is refused: the codes of `bad_msg_notification`. */
export type BadMessageCode = 16 | 17 | 18 | 19 | 34 | 35 | 64;

const OLDEST_S = 300n;
const NEWEST_S = 30n;

/**
 * Judges a client's message id by itself: 18 not divisible by 4, 16 older than 300 s, 17 more than
 * 30 s in the future.
 */
export function judgeMessageId(messageId: bigint, nowMs: number): BadMessageCode | null {
  if ((messageId & 3n) !== 0n) return 18;
  const ageS = BigInt(Math.floor(nowMs / 1000)) - (messageId >> 32n);
  if (ageS > OLDEST_S) return 16;
  return ageS < -NEWEST_S ? 17 : null;
}

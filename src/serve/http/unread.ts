/**
 * Answers that their clients have not taken yet: together they have a bound, and each a time, so
 * that clients which do not read cost a server nothing.
 */
import type { FastifyReply } from 'fastify';
import { refusal } from '../problem.ts';

export interface Unread {
  /** Sends it. Errors: 503 `busy`, where too much is unread already. */
  send(reply: FastifyReply, body: Buffer): FastifyReply;
}

/** `bytes`: of all together. `limitMs`: an answer that is not taken by then is cut off. */
export function openUnread({ bytes, limitMs }: UnreadLimits): Unread {
  let unread = 0;
  return {
    send: (reply, body) => {
      const { raw } = reply;
      // Its client left while the answer was made: nothing waits, and no end will be told.
      if (raw.destroyed) return reply.send(body);
      if (unread + body.length > bytes)
        throw refusal(503, 'busy', 'Too many answers wait for clients that do not read.', hint, {
          'retry-after': '5',
        });
      unread += body.length;
      const timer = setTimeout(() => raw.destroy(), limitMs);
      raw.once('close', () => {
        unread -= body.length;
        clearTimeout(timer);
      });
      return reply.send(body);
    },
  };
}

interface UnreadLimits {
  readonly bytes: number;
  readonly limitMs: number;
}

const hint = 'Try again; read answers at once, in smaller pages (page=100).';

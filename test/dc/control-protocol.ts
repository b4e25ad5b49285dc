import { z } from 'zod';

/** The control API: `POST /<act>` with a JSON body on a unix socket; the answer is JSON, or `{"error": ...}` with status 400. */

const userId = z.string().regex(/^\d+$/);
const keyId = z.string().regex(/^[0-9a-f]{16}$/);
const nothing = z.object({});

const faultSchema = z.object({
  method: z.string().min(1),
  userId: userId.optional(),
  times: z.number().int().positive().nullable().optional(),
  effect: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('error'), code: z.number().int(), message: z.string() }),
    z.object({ kind: z.literal('delay'), ms: z.number().nonnegative() }),
    z.object({ kind: z.literal('silence') }),
    z.object({ kind: z.literal('close') }),
    z.object({ kind: z.literal('transport'), code: z.number().int().negative() }),
  ]),
});

const accountSchema = z.object({
  userId,
  firstName: z.string().optional(),
  isBot: z.boolean().optional(),
  dcId: z.number().int().min(1).max(5).optional(),
  /** 256 bytes in base64. */
  authKey: z.string().optional(),
  seed: z.string().optional(),
  layer: z.number().int().positive().optional(),
});

/** What each act takes. */
export const ACTS = {
  report: nothing,
  'add-account': accountSchema,
  fault: faultSchema,
  'clear-faults': nothing,
  revoke: z.object({ keyId, kind: z.enum(['revoked', 'unregistered', 'expired']).optional() }),
  deactivate: z.object({ userId, status: z.enum(['deactivated', 'banned']).optional() }),
  'forget-key': z.object({ keyId }),
  'rotate-salts': nothing,
  'disconnect-all': z.object({ userId: userId.optional() }),
  suspend: nothing,
  resume: nothing,
} as const;

export type Act = keyof typeof ACTS;
export type ActInput<A extends Act> = z.infer<(typeof ACTS)[A]>;

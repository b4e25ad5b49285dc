import { z } from 'zod';

/**
 * The control API: `POST /<act>` with a JSON body on a unix socket; the answer is JSON, or
 * `{"error": ...}` with status 400.
 */

const userId = z.string().regex(/^\d+$/);
const keyId = z.string().regex(/^[0-9a-f]{16}$/);
const nothing = z.object({});
const chatId = z.string().regex(/^-?\d+$/);
const ref = z.number().int().positive();

const faultSchema = z.object({
  method: z.string().min(1),
  userId: userId.optional(),
  times: z.number().int().positive().nullable().optional(),
  effect: z.discriminatedUnion('kind', [
    z.object({ kind: z.literal('error'), code: z.number().int(), message: z.string() }),
    z.object({ kind: z.literal('delay'), ms: z.number().nonnegative() }),
    z.object({ kind: z.literal('silence') }),
    z.object({ kind: z.literal('lose-answer') }),
    z.object({ kind: z.literal('close') }),
    z.object({ kind: z.literal('transport'), code: z.number().int().negative() }),
    z.object({ kind: z.literal('bad-salt') }),
    z.object({ kind: z.literal('bad-message'), code: z.number().int() }),
    z.object({ kind: z.literal('unreadable') }),
  ]),
});

const personSchema = z.object({
  userId,
  firstName: z.string().optional(),
  username: z.string().optional(),
  isBot: z.boolean().optional(),
  language: z.string().optional(),
});

const accountSchema = personSchema.extend({
  dcId: z.number().int().min(1).max(5).optional(),
  /** 256 bytes in base64. */
  authKey: z.string().optional(),
  seed: z.string().optional(),
  layer: z.number().int().positive().optional(),
});

const phone = z.string().regex(/^\d+$/);
const dcId = z.number().int().min(1).max(5).optional();

/** What each act takes. */
export const ACTS = {
  report: nothing,
  'add-account': accountSchema,
  fault: faultSchema,
  'clear-faults': nothing,
  revoke: z.object({ keyId, kind: z.enum(['revoked', 'unregistered', 'expired']).optional() }),
  deactivate: z.object({ userId, status: z.enum(['deactivated', 'banned']).optional() }),
  'forget-key': z.object({ keyId }),
  'set-clock-skew': z.object({ ms: z.number().int() }),
  'forget-sessions': z.object({ userId }),
  'rotate-salts': nothing,
  'disconnect-all': z.object({ userId: userId.optional() }),
  suspend: nothing,
  resume: nothing,
  'add-person': personSchema,
  'add-group': z.object({
    kind: z.enum(['supergroup', 'group']),
    id: userId.optional(),
    title: z.string().optional(),
    members: z.array(userId).optional(),
    slowModeSeconds: z.number().int().nonnegative().optional(),
    isBrief: z.boolean().optional(),
  }),
  say: z.object({
    chatId,
    from: userId.nullable(),
    text: z.string(),
    replyTo: ref.optional(),
    mentions: z.array(userId).optional(),
    hasMedia: z.boolean().optional(),
    isUnreadable: z.boolean().optional(),
    isTold: z.boolean().optional(),
  }),
  edit: z.object({ ref, text: z.string() }),
  remove: z.object({ ref }),
  join: z.object({ chatId, userIds: z.array(userId), by: userId.optional() }),
  leave: z.object({ chatId, userId, by: userId.optional() }),
  pin: z.object({ ref, by: userId }),
  retitle: z.object({ chatId, title: z.string(), by: userId }),
  restrict: z.object({ chatId, userId, restriction: z.enum(['muted', 'banned']).nullable() }),
  'set-slow-mode': z.object({ chatId, seconds: z.number().int().nonnegative() }),
  'lose-updates': z.object({ userId, count: z.number().int().nonnegative() }),
  said: z.object({
    chatId: chatId.optional(),
    userId: userId.optional(),
    afterRef: z.number().int().optional(),
    replyTo: ref.optional(),
  }),
  typings: nothing,
  'add-phone': personSchema.extend({
    phone,
    dcId,
    password: z.string().optional(),
    hint: z.string().optional(),
    isNumberBanned: z.boolean().optional(),
  }),
  'add-bot': personSchema.extend({ token: z.string(), dcId }),
  'code-for': z.object({ phone }),
  'expire-code': z.object({ phone }),
  scan: z.object({ url: z.string(), phone }),
  'public-key': nothing,
} as const;

export type Act = keyof typeof ACTS;
export type ActInput<A extends Act> = z.infer<(typeof ACTS)[A]>;

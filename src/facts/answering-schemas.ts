import * as z from 'zod';
import type { Behaviour } from '../../hostside/protocol/behaviour.ts';
import {
  type RecentSilences,
  type SilenceReason,
  silenceReasons,
} from '../../hostside/protocol/silence.ts';
import { words } from './protocol-schemas.ts';

const text = z.string().max(256);
const digits = z.string().regex(/^-?\d{1,20}$/);
const moment = z.number().int().min(0).max(8.64e15);
const keyId = z.string().regex(/^[0-9a-f]{32}$/);
const reasons = Object.keys(silenceReasons) as [SilenceReason, ...SilenceReason[]];

/** The worker's own file: whoever has taken it over writes what he likes. */
const silencesSchema = z.object({
  format: z.literal(1),
  recent: z
    .array(
      z.object({
        atMs: moment,
        chatId: digits,
        messageId: z.number().int(),
        userId: digits.nullable(),
        reason: z.enum(reasons),
        rule: text.nullable(),
        untilMs: moment.nullable(),
      }),
    )
    .max(1_000),
  test: z.object({ id: z.string().max(64), isSent: z.boolean(), reason: words(1_000) }).nullable(),
  left: z
    .array(z.object({ chatId: digits, movedTo: digits.nullable() }))
    .max(1_000)
    .optional(),
});

const sharing = z.object({
  slotMs: z.number().nonnegative(),
  colleagues: z
    .array(
      z.object({
        keyId,
        userId: digits.nullable(),
        username: z
          .string()
          .regex(/^\w{0,64}$/)
          .nullable(),
      }),
    )
    .max(10_000),
});

/**
 * What the operator's side itself reads of a behaviour, checked; the rest is only compared with
 * what it should be.
 */
const behaviourSchema = z.looseObject({
  format: z.literal(1),
  account: text,
  isPaused: z.boolean(),
  chats: z
    .array(
      sharing.extend({
        id: digits,
        name: text.nullable(),
        former: sharing.extend({ untilMs: z.number() }).optional(),
      }),
    )
    .max(10_000),
  fleetUserIds: z.array(digits).max(100_000),
  script: z
    .looseObject({ name: text, rules: z.array(z.looseObject({ name: text })).max(10_000) })
    .nullable(),
  model: z.looseObject({ model: text }).nullable(),
});

/** `silences.json` of a worker; null: it is none. Pure. */
export function parseSilences(content: string): RecentSilences | null {
  const parsed = silencesSchema.safeParse(jsonIn(content));
  if (!parsed.success) return null;
  const { left, ...rest } = parsed.data;
  return left === undefined ? rest : { ...rest, left };
}

/**
 * One line of a host's behaviours, its fields in the order in which they stand there, since it is
 * compared as JSON; null: it is none. Pure.
 */
export function parseBehaviour(line: string): Behaviour | null {
  const value = jsonIn(line);
  return behaviourSchema.safeParse(value).success ? (value as Behaviour) : null;
}

/** Lists and objects within each other; what is compared later is walked by recursion. */
const depthLimit = 32;

/** The value of a JSON text; undefined for anything else, and for one that is nested too deep. */
function jsonIn(content: string): unknown {
  try {
    let depth = 0;
    for (const mark of content.replace(/"(?:[^"\\]|\\.)*"/g, '').match(/[[\]{}]/g) ?? []) {
      depth += mark === '[' || mark === '{' ? 1 : -1;
      if (depth > depthLimit) return undefined;
    }
    return JSON.parse(content);
  } catch {
    return undefined;
  }
}

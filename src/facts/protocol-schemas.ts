import * as z from 'zod';
import { longestLingerMs } from '../../hostside/protocol/linger.ts';
import { statePartsLimit } from '../../hostside/protocol/state-archive.ts';

export const claimState = z.enum(['active', 'releasing', 'released', 'revoked']);

const epoch = z.number().int().positive().max(Number.MAX_SAFE_INTEGER);
const text = z.string().max(256);
/**
 * Somebody's own words, in one line. They are cut, not refused: one worker that talks much must not
 * silence the others of its host.
 */
export const words = (most: number) =>
  z.string().transform((said) => said.replace(/[\r\n]+\s*/g, ' ').slice(0, most));

export const claimSchema = z.object({
  format: z.union([z.literal(1), z.literal(2)]),
  keyId: z.string().regex(/^[0-9a-f]{32}$/),
  account: text,
  epoch,
  state: claimState,
  moveId: text,
  successor: text.nullable(),
  stateHash: text.nullable(),
  instanceId: text,
  bootId: text,
  authorityId: text,
  serial: z.number().int().nonnegative(),
  vaultHash: text,
  heldSince: text.optional(),
  writtenAt: text,
});

export const bootVerdictSchema = z.object({
  format: z.literal(1),
  bootId: text,
  verdict: z.enum(['run', 'hold']),
  reasons: z.array(words(500)).max(50),
  claims: z
    .array(z.object({ keyId: text, epoch, isHeld: z.boolean() }))
    .max(20_000)
    .optional(),
  decidedAt: text,
});

const surveySchema = z.object({
  instanceId: text,
  bootId: text,
  release: text,
  bootVerdict: bootVerdictSchema.nullable(),
  authority: z.object({ id: text, serial: z.number().int().nonnegative() }).nullable(),
  accounts: z
    .array(
      z.object({
        keyId: z.string().regex(/^[0-9a-f]{32}$/),
        claim: claimSchema.nullable(),
        claimFault: z.enum(['torn', 'newer-format', 'unreadable']).nullable(),
        unit: z.enum(['active', 'activating', 'deactivating', 'inactive', 'failed']),
        processes: z.number().int().nonnegative(),
        stagedEpochs: z.array(z.number().int().nonnegative()).max(10_000),
      }),
    )
    .max(100_000),
  freeBytes: z.number().nonnegative(),
  changed: words(500).optional(),
  hosts: z
    .array(z.object({ name: text, instanceId: text }))
    .max(2_000)
    .optional(),
  config: z.object({ fleet: text, host: text, holdAfterMs: z.number().nonnegative() }).optional(),
});

const resultSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('survey'), survey: surveySchema }),
  z.object({ kind: z.literal('claim'), claim: claimSchema }),
  z.object({ kind: z.literal('done') }),
  z.object({
    kind: z.literal('contact'),
    knew: z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER).optional(),
    closed: z
      .array(z.object({ keyId: text, account: text, epoch, wasRunning: z.boolean() }))
      .max(20_000),
  }),
  z.object({
    kind: z.literal('awaited'),
    accounts: z
      .array(z.object({ keyId: text, settled: z.boolean(), state: text, reason: words(2000) }))
      .max(1000),
  }),
  z.object({
    kind: z.literal('state-size'),
    bytes: z.number().nonnegative(),
    files: z.number().int().nonnegative(),
    freeBytes: z.number().nonnegative(),
  }),
  z.object({
    kind: z.literal('state-copy'),
    bytes: z.number().nonnegative(),
    stateHash: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .optional(),
    data: z.base64().optional(),
  }),
  z.object({
    kind: z.literal('state-part'),
    part: z.number().int().nonnegative(),
    parts: z.number().int().positive().max(statePartsLimit),
    data: z.base64(),
    settleMs: z.number().nonnegative().max(longestLingerMs),
  }),
]);

export const replySchema = z.object({
  index: z.number().int().nonnegative(),
  ok: z.boolean(),
  result: resultSchema.optional(),
  refusal: z
    .enum([
      'authority',
      'deadline',
      'busy',
      'epoch',
      'move',
      'state',
      'instance',
      'not-staged',
      'not-stopped',
      'space',
      'io',
      'request',
    ])
    .optional(),
  message: words(2000).optional(),
  claim: claimSchema.nullable().optional(),
});

export const progressSchema = z.object({
  progress: z.object({ keyId: text, state: text, reason: words(2000) }),
});

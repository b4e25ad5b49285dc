import * as z from 'zod';
import { type HostFacts, hostFactsSchema } from '../../facts/host-facts.ts';
import type { FleetErrorCode } from '../../model/errors.ts';

export type StepState = 'started' | 'ok' | 'pending' | 'changed' | 'failed';

/** An account whose running worker is not the one of the host's current release. */
export interface StaleAccount {
  readonly keyId: string;
  /** The release that it was started from. */
  readonly release: string;
}

/** What a host program says, line by line. All times in ms. */
export type HostLine =
  | { readonly t: 'facts'; readonly facts: HostFacts }
  | {
      readonly t: 'step';
      readonly id: string;
      readonly state: StepState;
      readonly ms: number;
      /** What had to change, for people. */
      readonly what: readonly string[];
      readonly failure: {
        readonly code: FleetErrorCode;
        readonly message: string;
        readonly hint: string;
      } | null;
    }
  | { readonly t: 'note' | 'warning'; readonly id: string; readonly text: string }
  | { readonly t: 'diff'; readonly path: string; readonly text: string }
  | { readonly t: 'need'; readonly sha256: string }
  /** Accounts that run a worker of an earlier release, which `current` no longer has. */
  | { readonly t: 'stale'; readonly accounts: readonly StaleAccount[] }
  /**
   * A change that may cut the way in; the host takes it back after `seconds` unless a fresh
   * connection confirms it.
   */
  | { readonly t: 'confirm'; readonly id: string; readonly seconds: number }
  | {
      readonly t: 'end';
      readonly failed: boolean;
      /** It was told to stop and left out the steps after the one under way. */
      readonly halted: boolean;
      readonly changed: number;
      readonly pending: number;
      readonly ms: number;
      readonly cpuMs: number;
    };

const codes = [
  'host-unsupported',
  'sudo',
  'host-space',
  'host-step',
  'host-foreign',
  'lock-held',
  'transfer',
  'claim-refused',
] as const satisfies readonly FleetErrorCode[];
const text = z
  .string()
  .max(8192)
  .transform((said) => said.replace(/[\r\n]+\s*/g, ' '));
const count = z.number().nonnegative();

const lineSchema = z.discriminatedUnion('t', [
  hostFactsSchema.extend({ t: z.literal('facts') }),
  z.object({
    t: z.literal('step'),
    id: text,
    state: z.enum(['started', 'ok', 'pending', 'changed', 'failed']),
    ms: count,
    what: z.array(text).max(1_000).default([]),
    code: z.enum(codes).optional(),
    message: text.optional(),
    hint: text.optional(),
  }),
  z.object({ t: z.enum(['note', 'warning']), id: text, text }),
  z.object({ t: z.literal('diff'), path: text, text: z.string().max(1_000_000) }),
  z.object({
    t: z.literal('stale'),
    accounts: z
      .array(z.object({ keyId: z.string().regex(/^[0-9a-f]{32}$/), release: text }))
      .max(1_000),
  }),
  z.object({ t: z.literal('need'), sha256: z.string().regex(/^[0-9a-f]{64}$/) }),
  z.object({ t: z.literal('confirm'), id: text, seconds: count }),
  z.object({
    t: z.literal('end'),
    failed: z.boolean(),
    halted: z.boolean().default(false),
    changed: count,
    pending: count,
    ms: count,
    cpuMs: count,
  }),
]);

/** Reads one line of a host program; null for anything else (a banner, a broken line). */
export function parseHostLine(line: string): HostLine | null {
  let raw: unknown;
  try {
    raw = JSON.parse(line);
  } catch {
    return null;
  }
  const parsed = lineSchema.safeParse(raw);
  if (!parsed.success) return null;
  const it = parsed.data;
  if (it.t === 'facts') {
    const { t, ...facts } = it;
    return { t, facts };
  }
  if (it.t !== 'step') return it;
  const { code, message = 'no message', hint = 'run fleet init again', ...step } = it;
  return {
    ...step,
    failure: it.state === 'failed' ? { code: code ?? 'host-step', message, hint } : null,
  };
}

import * as z from 'zod';
import { agentProtocol, type HostSample } from '../../hostside/protocol/sample.ts';
import { FleetError } from '../model/errors.ts';
import { bootVerdictSchema, claimState, words } from './protocol-schemas.ts';

const count = z.number().int().nonnegative();
const windows = z.object({
  m1: z.number().nullable(),
  m5: z.number().nullable(),
  m15: z.number().nullable(),
});

const workerStatus = z.object({
  format: z.literal(1),
  state: z.enum([
    'starting',
    'online',
    'reconnecting',
    'flood-wait',
    'offline',
    'needs-login',
    'duplicated',
    'banned',
    'misconfigured',
    'stopping',
    'stopped',
  ]),
  since: z.string().max(64),
  reason: words(2000),
  updatedAt: z.string().max(64),
  userId: z
    .string()
    .regex(/^\d{1,20}$/)
    .nullable(),
  username: z
    .string()
    .regex(/^\w{0,64}$/)
    .nullable()
    .optional(),
  until: z.string().max(64).nullable(),
  latencyMs: z.number().nonnegative().nullable(),
  counters: z
    .record(z.string().regex(/^[\w.-]{1,64}$/), z.number())
    .refine((counters) => Object.keys(counters).length <= 256),
});

const accountFields = z.object({
  keyId: z.string().regex(/^[0-9a-f]{32}$/),
  account: z.string().max(64),
  claim: z.object({ state: claimState, epoch: count }).nullable(),
  unit: z.object({
    activeState: z.string().max(32),
    subState: z.string().max(32),
    restarts: count,
    exitStatus: z.number().int().nullable(),
    statusText: words(512).optional(),
  }),
  cpuCores: windows,
  memoryBytes: z.number().nonnegative().nullable(),
  status: z.unknown(),
  statusFault: words(500).nullable(),
  contained: words(300).optional(),
});

/**
 * A status is the worker's own: an invalid status is a fault of this account, and its host's other
 * figures still count.
 */
const accountSample = accountFields.transform(({ status, ...account }) => {
  const parsed = workerStatus.nullable().safeParse(status);
  if (parsed.success) return { ...account, status: parsed.data };
  return { ...account, status: null, statusFault: account.statusFault ?? 'not a worker status' };
});

const common = {
  takenAtMs: z.number().positive(),
  agent: z.object({
    version: z.string().max(64),
    release: z.string().max(128),
    startedAtMs: z.number(),
    helperProtocol: z.number().int().optional(),
  }),
  host: z.object({
    name: z.string().max(64),
    instanceId: z.string().max(128),
    bootId: z.string().max(64),
    uptimeSeconds: z.number().nonnegative(),
    os: z.string().max(200),
    kernel: z.string().max(200),
    arch: z.string().max(32),
  }),
  cpu: z.object({
    cores: count.min(1),
    busyRatio: windows.extend({ now: z.number().min(0).max(1.01) }),
  }),
  memory: z.object({
    totalBytes: z.number().positive(),
    availableBytes: z.number().nonnegative(),
    swapTotalBytes: z.number().nonnegative(),
    swapFreeBytes: z.number().nonnegative(),
  }),
  disk: z.object({ totalBytes: z.number().positive(), freeBytes: z.number().nonnegative() }),
  loadAverage: z.tuple([z.number(), z.number(), z.number()]),
  clock: z.object({ synchronized: z.boolean().nullable(), offsetMs: z.number().nullable() }),
  accounts: z.array(accountSample).max(2_000),
};

const current = z.object({
  protocol: z.literal(agentProtocol),
  ...common,
  pressure: z.object({ cpu: z.number(), memory: z.number(), io: z.number() }).nullable(),
  bootVerdict: bootVerdictSchema.nullable(),
});

/** Protocol 1 knew neither pressure nor the verdict of the boot; everything else reads the same. */
const previous = z.object({ protocol: z.literal(agentProtocol - 1), ...common });

const anyVersion = z.object({ protocol: z.number().int() });

/**
 * Bytes of a sample or of its metrics at most: 28 KiB are the longest that an account can be told
 * in, and besides the accounts that a host may own
 * it may still name those that it gave away. Pure.
 */
export const sampleLimitBytes = (maxAccounts: number): number =>
  (64 + 28 * (2 * maxAccounts + 16)) * 1024;

/** The unix socket's path of the agent's sample. */
export const samplePath = '/sample';

/**
 * An agent's reply as a sample. Understands this protocol and the one before, whose missing fields
 * become null. Errors: `agent-reply`, naming the
 * host and the field.
 */
export function parseHostSample(host: string, reply: Uint8Array): HostSample {
  const refuse = (what: string, hint: string, cause?: unknown) =>
    new FleetError('agent-reply', `${host}: the agent's reply ${what}`, { host, hint, cause });
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(reply));
  } catch (cause) {
    throw refuse(
      'is not JSON',
      `look at it with: fleet exec ${host} -- journalctl -u fleet-agent -n 20`,
      cause,
    );
  }
  const version = anyVersion.safeParse(value);
  if (!version.success)
    throw refuse('names no protocol', `bring the agent up to date: fleet init --limit ${host}`);
  if (version.data.protocol > agentProtocol) {
    throw refuse(
      `speaks protocol ${version.data.protocol}, newer than ${agentProtocol}`,
      'update fleet on this machine',
    );
  }
  if (version.data.protocol < agentProtocol - 1) {
    throw refuse(
      `speaks protocol ${version.data.protocol}, too old for ${agentProtocol}`,
      `bring the agent up to date: fleet init --limit ${host}`,
    );
  }
  const isPrevious = version.data.protocol === agentProtocol - 1;
  const parsed = isPrevious ? previous.safeParse(value) : current.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw refuse(
      `is wrong at ${issue?.path.join('.') ?? '?'}: ${issue?.message ?? 'unknown'}`,
      `bring the agent up to date: fleet init --limit ${host}`,
    );
  }
  return { pressure: null, bootVerdict: null, ...parsed.data };
}

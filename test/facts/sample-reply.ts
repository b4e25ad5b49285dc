import type { AccountSample, HostSample } from '../../hostside/protocol/sample.ts';

export const keyId = 'a'.repeat(32);

/** A sound account in an agent's reply. */
export const accountReply = (over: Partial<AccountSample> = {}): AccountSample => ({
  keyId,
  account: 'alice',
  claim: { state: 'active', epoch: 1 },
  unit: { activeState: 'active', subState: 'running', restarts: 0, exitStatus: null },
  cpuCores: { m1: 0.1, m5: null, m15: null },
  memoryBytes: 60_000_000,
  status: {
    format: 1,
    state: 'online',
    since: '2026-01-01T00:00:00Z',
    reason: '',
    updatedAt: '2026-01-01T00:01:00Z',
    userId: '42',
    until: null,
    latencyMs: 12,
    counters: { reconnects: 0 },
  },
  statusFault: null,
  ...over,
});

/** A sound reply of today's agent. */
export const hostReply = (over: Partial<HostSample> = {}): HostSample => ({
  protocol: 2,
  takenAtMs: 1_800_000_000_000,
  agent: { version: '0.1.0', release: 'r1', startedAtMs: 1_799_999_000_000, helperProtocol: 2 },
  host: {
    name: 'h1',
    instanceId: 'i1',
    bootId: 'b1',
    uptimeSeconds: 100,
    os: 'Debian 12',
    kernel: '6.1',
    arch: 'x64',
  },
  cpu: { cores: 2, busyRatio: { m1: 0.5, m5: 0.4, m15: null, now: 0.9 } },
  memory: { totalBytes: 4e9, availableBytes: 3e9, swapTotalBytes: 0, swapFreeBytes: 0 },
  disk: { totalBytes: 1e10, freeBytes: 5e9 },
  loadAverage: [0.1, 0.2, 0.3],
  pressure: { cpu: 0, memory: 0, io: 0 },
  clock: { synchronized: true, offsetMs: null },
  bootVerdict: null,
  accounts: [accountReply()],
  ...over,
});

export const bytesOf = (value: unknown): Uint8Array =>
  new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value));

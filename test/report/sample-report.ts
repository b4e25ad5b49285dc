import type { Availability } from '../../src/report/availability.ts';
import type { Report } from '../../src/report/report.ts';

export const atMs = Date.UTC(2026, 10, 30, 12);
const hour = 3_600_000;

const months = (online: number): Availability[] =>
  [online, 1, 0.995].map((share) => ({
    judgedMs: 700 * hour,
    onlineMs: 700 * hour * share,
    offlineMs: {
      moves: 90_000,
      reboots: 240_000,
      telegram: 700 * hour * (1 - share),
      host: 0,
      operator: 0,
    },
  }));

const states = [
  'online',
  'online',
  'online',
  'reconnecting',
  'held',
  'stopped',
  'unknown',
  'needs-login',
] as const;

/** A report of a fleet of that size. */
export const sampleReport = (hosts: number, accounts: number): Report => ({
  fleet: 'community',
  atMs,
  hosts: Array.from({ length: hosts }, (_, n) => ({
    ...{
      name: `host-${n}`,
      zone: n % 3 === 0 ? null : `zone-${n % 4}`,
      state: n % 17 === 16 ? 'unhealthy' : 'up',
      score: (n * 7) % 100,
    },
    ...{
      cpu: ((n * 13) % 100) / 100,
      memory: ((n * 29) % 100) / 100,
      disk: 0.4,
      accounts: 5,
      maxAccounts: 8,
      measuredAt: atMs - 60_000,
    },
    months: months(n % 9 === 0 ? 0.97 : 1),
  })),
  accounts: Array.from({ length: accounts }, (_, n) => ({
    ...{
      name: `account-${n}`,
      host: `host-${n % Math.max(1, hosts)}`,
      state: states[n % states.length] ?? 'online',
      reason: '',
      since: atMs - n * 1000,
    },
    months: months(n % 11 === 0 ? 0.95 : 0.999),
  })),
  decisions: Array.from({ length: 200 }, (_, n) => ({
    at: atMs - n * hour,
    account: `account-${n}`,
    from: 'host-1',
    to: 'host-2',
    type: 'rebalance',
    reason: 'host-1 is the hottest',
  })),
  trend: Array.from({ length: 14 }, (_, n) => ({
    at: atMs - (13 - n) * 24 * hour,
    cpu: 0.3 + n / 50,
    memory: 0.5,
    slots: 0.6 + n / 100,
  })),
  capacity: { slots: hosts * 8, used: accounts, advice: ['host-3 is crowded: CPU 91 %'] },
  months: ['2026-11', '2026-10', '2026-09'],
  alerts: [
    { key: 'host-down/host-16', severity: 'critical', since: atMs - hour, reason: 'no connection' },
  ],
});

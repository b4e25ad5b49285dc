/** What can be planned here, and how the API names it. Pure. */
import type { Words } from './words.ts';

export type ActName = keyof Words['acts'];
export type FieldName = 'account' | 'host' | 'threshold' | 'reason' | 'script';

interface Act {
  /** Below `v1/`. */
  readonly path: string;
  readonly fields: readonly FieldName[];
  readonly body: (given: Readonly<Partial<Record<FieldName, string>>>) => object;
  /** Accounts go offline: whoever applies it types what this field has. */
  readonly confirms?: 'account' | 'host';
}

const ofAccounts = (path: string, confirms?: 'account'): Act => ({
  ...{ path, fields: ['account'], body: ({ account = '' }) => ({ accounts: [account] }) },
  ...(confirms === undefined ? {} : { confirms }),
});

/** The operator states what happened to the host; all rests on that being true. */
const failoverOf = (statement: 'destroyed' | 'poweredOff' | 'fence'): Act => ({
  ...{ path: 'failover', fields: ['host'], confirms: 'host' },
  body: ({ host = '' }) => ({ host, [statement]: true }),
});

export const acts: Readonly<Record<ActName, Act>> = {
  rebalance: {
    path: 'rebalance',
    fields: ['threshold'],
    body: ({ threshold = '' }) => (threshold === '' ? {} : { threshold: Number(threshold) }),
  },
  allocate: { path: 'allocate', fields: [], body: () => ({ all: true }) },
  drain: {
    path: 'drain',
    fields: ['host'],
    body: ({ host = '' }) => ({ host }),
    confirms: 'host',
  },
  move: {
    path: 'move',
    fields: ['account', 'host'],
    body: ({ account = '', host = '' }) => (host === '' ? { account } : { account, host }),
  },
  resume: { path: 'resume', fields: [], body: () => ({}) },
  cordon: {
    path: 'hosts/cordon',
    fields: ['host', 'reason'],
    body: ({ host = '', reason = '' }) =>
      reason === '' ? { hosts: [host] } : { hosts: [host], reason },
  },
  uncordon: {
    path: 'hosts/uncordon',
    fields: ['host'],
    body: ({ host = '' }) => ({ hosts: [host] }),
  },
  start: ofAccounts('accounts/start'),
  stop: ofAccounts('accounts/stop', 'account'),
  restart: ofAccounts('accounts/restart', 'account'),
  pause: ofAccounts('accounts/pause'),
  unpause: ofAccounts('accounts/resume'),
  pin: {
    path: 'accounts/pin',
    fields: ['account', 'host'],
    body: ({ account = '', host = '' }) => (host === '' ? { account } : { account, host }),
  },
  unpin: {
    path: 'accounts/unpin',
    fields: ['account'],
    body: ({ account = '' }) => ({ account }),
  },
  setScript: {
    path: 'accounts/set-script',
    fields: ['account', 'script'],
    body: ({ account = '', script = '' }) => (script === '' ? { account } : { account, script }),
  },
  pushScripts: { path: 'scripts/push', fields: [], body: () => ({}) },
  failover: failoverOf('destroyed'),
  failoverOff: failoverOf('poweredOff'),
  failoverFence: failoverOf('fence'),
};

/** How long nobody is told of an alert, ms. */
export const silenceSpans = [1_800_000, 7_200_000, 28_800_000, 86_400_000, 604_800_000] as const;

/** Of `v1/alerts/silence`: nobody is told of `alert` for `spanMs`. */
export const silenceBody = (alert: string, spanMs: number, reason: string): object => ({
  ...{ pattern: alert, for: spanMs },
  ...(reason.trim() === '' ? {} : { reason: reason.trim() }),
});

export const isAct = (name: string): name is ActName => Object.hasOwn(acts, name);

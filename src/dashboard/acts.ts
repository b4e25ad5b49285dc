/** What can be planned here, and how the API names it. Pure. */
import type { Words } from './words.ts';

export type ActName = keyof Words['acts'];
export type FieldName = 'account' | 'host' | 'threshold' | 'reason';

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
  failover: {
    path: 'failover',
    fields: ['host'],
    body: ({ host = '' }) => ({ host, destroyed: true }),
    confirms: 'host',
  },
};

export const isAct = (name: string): name is ActName => Object.hasOwn(acts, name);

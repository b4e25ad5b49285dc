import type { Scope } from './events.ts';

const noFaults = { crashes: false, pauses: false, late: false } as const;
const crashes = { ...noFaults, crashes: true } as const;
const calm = {
  power: false,
  links: false,
  sleep: false,
  rollback: false,
  putBack: false,
  burn: false,
} as const;
const small = { hosts: 2, accounts: 1, ledgers: 1 } as const;
const plain = {
  size: small,
  faults: noFaults,
  rareThings: 0,
  hosts: calm,
  restoresLedger: false,
  upgrades: false,
  copies: false,
  clock: false,
  lingers: false,
} as const;

/**
 * Small worlds, each with the events that one question is about; together they have all of them.
 */
export const scopes: readonly Scope[] = [
  {
    ...{ ...plain, name: 'hosts that return', hosts: { ...calm, power: true } },
    verbs: ['allocate', 'sweep', 'failover', 'move', 'start', 'resume', 'export', 'import'],
  },
  {
    ...{
      ...plain,
      name: 'hosts that return, and one fault in the middle of a command',
      hosts: { ...calm, power: true },
    },
    ...{
      faults: crashes,
      rareThings: 1,
      verbs: ['allocate', 'sweep', 'failover', 'move', 'start', 'resume'],
    },
  },
  {
    ...{ ...plain, name: 'moves with two faults', hosts: { ...calm, power: true } },
    ...{ faults: crashes, rareThings: 2, verbs: ['allocate', 'move', 'resume', 'sweep'] },
  },
  {
    ...{
      ...plain,
      name: 'accounts that leave the fleet, one fault',
      hosts: { ...calm, power: true },
    },
    ...{
      faults: crashes,
      rareThings: 1,
      verbs: ['allocate', 'sweep', 'failover', 'export', 'import'],
    },
  },
  {
    ...{
      ...plain,
      name: 'three hosts',
      size: { ...small, hosts: 3 },
      hosts: { ...calm, power: true, links: true },
    },
    verbs: ['allocate', 'sweep', 'failover', 'move'],
  },
  {
    ...{
      ...plain,
      name: 'two accounts',
      size: { ...small, accounts: 2 },
      hosts: { ...calm, power: true },
    },
    verbs: ['allocate', 'sweep', 'failover', 'move', 'start'],
  },
  {
    ...{
      ...plain,
      name: 'commands that stand still, requests that are late',
      hosts: { ...calm, power: true, links: true },
    },
    ...{
      faults: { ...noFaults, pauses: true, late: true },
      rareThings: 1,
      verbs: ['allocate', 'sweep', 'failover', 'move'],
    },
  },
  {
    ...{
      ...plain,
      name: 'hosts that burn down',
      size: { ...small, hosts: 3 },
      hosts: { ...calm, burn: true, links: true },
    },
    ...{
      faults: crashes,
      rareThings: 1,
      verbs: ['allocate', 'sweep', 'failover', 'move', 'resume'],
    },
  },
  {
    ...{
      ...plain,
      name: 'ledgers that are restored',
      restoresLedger: true,
      hosts: { ...calm, power: true, links: true },
    },
    ...{
      faults: noFaults,
      rareThings: 1,
      verbs: ['allocate', 'sweep', 'move', 'adopt', 'export', 'import', 'failover'],
    },
  },
  {
    ...{
      ...plain,
      name: 'two ledgers',
      size: { ...small, ledgers: 2 },
      hosts: { ...calm, links: true },
    },
    ...{
      faults: { ...noFaults, pauses: true },
      rareThings: 1,
      verbs: ['allocate', 'sweep', 'move', 'adopt'],
    },
  },
  {
    ...{
      ...plain,
      name: 'disks that are rolled back',
      hosts: { ...calm, power: true, rollback: true },
    },
    ...{ rareThings: 1, verbs: ['allocate', 'sweep', 'move', 'export', 'import', 'failover'] },
  },
  {
    ...{
      ...plain,
      name: 'folders that are put back while the host runs',
      hosts: { ...calm, power: true, links: true, putBack: true },
    },
    ...{ rareThings: 1, verbs: ['allocate', 'sweep', 'move', 'export', 'import'] },
  },
  {
    ...{
      ...plain,
      name: 'upgrades from the release before',
      upgrades: true,
      hosts: { ...calm, power: true },
    },
    ...{ faults: crashes, rareThings: 1, verbs: ['init', 'sweep', 'failover', 'move', 'allocate'] },
  },
  {
    ...{ ...plain, name: 'copies of a machine', copies: true, hosts: { ...calm, power: true } },
    verbs: ['allocate', 'sweep', 'failover', 'move'],
  },
  {
    ...{
      ...plain,
      name: "steps of the operator's clock",
      clock: true,
      hosts: { ...calm, power: true },
    },
    ...{ rareThings: 2, verbs: ['allocate', 'sweep', 'failover', 'reboot'] },
  },
  {
    ...{
      ...plain,
      name: "steps of the operator's clock while a failover stands still",
      clock: true,
      hosts: { ...calm, power: true },
    },
    ...{
      faults: { ...noFaults, pauses: 'failover' },
      rareThings: 2,
      verbs: ['allocate', 'failover'],
    },
  },
  {
    ...{ ...plain, name: 'reboots that are announced', hosts: { ...calm, power: true } },
    ...{ faults: crashes, rareThings: 1, verbs: ['allocate', 'sweep', 'failover', 'reboot'] },
  },
  {
    ...{
      ...plain,
      name: 'machines that are suspended',
      hosts: { ...calm, power: true, sleep: true },
    },
    ...{ rareThings: 1, verbs: ['allocate', 'sweep', 'failover', 'move'] },
  },
];

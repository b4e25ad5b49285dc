/**
 * `fleet config show`: every setting of the schema has a row, and each value is said by who the
 * inventory says.
 */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import * as z from 'zod';
import { explainAccount } from '../../src/inventory/explain/account.ts';
import { explainFleet } from '../../src/inventory/explain/fleet.ts';
import { explainHost } from '../../src/inventory/explain/host.ts';
import type { Setting, Written } from '../../src/inventory/explain/setting.ts';
import { parseInventory } from '../../src/inventory/parse-inventory.ts';
import { parseYamlDocument } from '../../src/inventory/rules/yaml-document.ts';
import { inventorySchema } from '../../src/inventory/schema/schema.ts';

const text = readFileSync('inventory.example.yaml', 'utf8');
const inventory = parseInventory(text, { path: '/op/inventory.yaml', home: '/home/op' });
const written: Written = { document: parseYamlDocument(text), path: 'inventory.yaml' };

const unwrapped = (schema: z.core.$ZodType): z.core.$ZodType =>
  schema instanceof z.ZodOptional || schema instanceof z.ZodNullable
    ? unwrapped(schema.unwrap())
    : schema;

/** Keys of a mapping to its leaves; a mapping of names (labels, strategies) is a leaf. */
function leaves(schema: z.core.$ZodType, path: string): string[] {
  const plain = unwrapped(schema);
  if (!(plain instanceof z.ZodObject)) return [path];
  return Object.entries(plain.shape).flatMap(([key, inner]) =>
    leaves(inner, path === '' ? key : `${path}.${key}`),
  );
}

const valuesOf = (schema: z.core.$ZodType): z.core.$ZodType => {
  const plain = unwrapped(schema);
  if (!(plain instanceof z.ZodRecord)) throw new Error('no mapping of names');
  return plain.valueType;
};

const keysOf = (settings: readonly Setting[]): Set<string> =>
  new Set(
    settings.map(({ key }) =>
      key.replace(/^labels\..*/, 'labels').replace(/^(fence|worker)\..*/, '$1'),
    ),
  );
const wanted = (schema: z.core.$ZodType): string[] => [
  ...new Set(leaves(schema, '').map((key) => key.replace(/^(fence|worker|location)\..*/, '$1'))),
];

const host = inventory.hosts.find(({ name }) => name === 'eu-1');
const reached = {
  ...{
    address: '192.0.2.11',
    port: 22,
    user: 'root',
    identityFiles: ['/k'],
    identitiesExplicit: true,
    agentSocket: null,
    jumps: [],
    keyName: '192.0.2.11',
  },
  sources: new Map([['hostname', '/home/op/.ssh/config:3']]),
};
if (host === undefined) throw new Error('the example has another host');
const ofHost = explainHost(host, reached, written);
const account = inventory.accounts.find(({ name }) => name === 'anna');
if (account === undefined) throw new Error('the example has another account');
const ofAccount = explainAccount(account, { script: 'faq-desk', pinnedTo: 'us-1' }, written);

test('every key of the schema has a row', () => {
  const {
    hosts,
    accounts,
    groups,
    defaults,
    account_defaults,
    ssh,
    telegram,
    alerts,
    version,
    ...general
  } = inventorySchema.shape;
  const missing = (schema: z.core.$ZodType, settings: readonly Setting[]): string[] =>
    wanted(schema).filter((key) => !keysOf(settings).has(key));
  expect(missing(valuesOf(hosts), ofHost)).toEqual([]);
  expect(missing(valuesOf(accounts), ofAccount)).toEqual([]);
  expect(missing(z.object(general), explainFleet(inventory, written))).toEqual([]);
  expect(wanted(valuesOf(hosts)).length + wanted(valuesOf(accounts)).length).toBeGreaterThan(55);
});

const said = (settings: readonly Setting[], key: string): string => {
  const found = settings.find((setting) => setting.key === key);
  const line = Number(found?.from.place?.split(':')[1] ?? 0);
  return (
    `${found?.value} by ` +
    `${found?.from.text}${found?.from.kind === 'inventory' ? `, ${text.split('\n')[line - 1]?.trim()}` : ''}`
  );
};

test('each value is said by the strongest that says it, with its line', () => {
  expect(said(ofHost, 'ssh.user')).toBe('root by group hetzner, user: root');
  expect(said(ofHost, 'ssh.port')).toBe('22 by host, port: 22');
  expect(said(ofHost, 'ssh.connect_timeout')).toBe('10s by ssh, connect_timeout: 10s');
  expect(said(ofHost, 'address')).toBe('192.0.2.11 by ssh config');
  expect(said(ofHost, 'labels.region')).toBe('eu by group eu, region: eu');
  expect(said(ofHost, 'limits.memory_high')).toBe('460M by defaults, memory_high: 460M');
  expect(said(ofHost, 'max_accounts')).toBe('5 by defaults, max_accounts: 5');
  expect(said(ofAccount, 'telegram.device_model')).toBe(
    'front desk by account, device_model: front desk',
  );
  expect(said(ofAccount, 'telegram.lang_code')).toBe('en by telegram, lang_code: en');
  expect(said(ofAccount, 'limits.memory_high')).toBe(
    '460M by account_defaults, by limits.memory_max, memory_max: 512M',
  );
  expect(said(ofAccount, 'limits.cpu_max')).toBe('null by of its host');
  // The ledger's choice counts, but for a pin of the inventory.
  expect(said(ofAccount, 'script')).toBe('faq-desk by fleet accounts set-script');
  expect(said(ofAccount, 'pinned_to')).toBe('eu-1 by account, pinned_to: eu-1');
});

/** docs/inventory.md is made from the schema, and its defaults are those that fleet uses. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { releasesOf } from '../../scripts/changelog.ts';
import { inventoryReference, referenceKeys } from '../../scripts/inventory-reference.ts';
import { explainAccount } from '../../src/inventory/explain/account.ts';
import { explainFleet } from '../../src/inventory/explain/fleet.ts';
import { explainHost } from '../../src/inventory/explain/host.ts';
import type { Setting } from '../../src/inventory/explain/setting.ts';
import { parseInventory } from '../../src/inventory/parse-inventory.ts';
import { parseYamlDocument } from '../../src/inventory/rules/yaml-document.ts';
import { parseDuration } from '../../src/inventory/schema/units.ts';

const example = readFileSync('inventory.example.yaml', 'utf8');
const document = readFileSync('docs/inventory.md', 'utf8');
const keys = referenceKeys(example);

test('is current (node scripts/inventory-reference.ts writes it)', () => {
  expect(document).toBe(inventoryReference(example, document));
});

test('every key has an explanation, what is allowed, and an example', () => {
  expect(keys.length).toBeGreaterThan(100);
  const bare = keys.filter(
    ({ what, allowed, example: value }) => what === '' || allowed === '' || value === '',
  );
  expect(bare.map(({ key }) => key)).toEqual([]);
  expect(document).not.toMatch(/(?:undefined|each entry: ?\.)/);
});

test('keys are as old as a version that exists', () => {
  const versions = new Set(
    releasesOf(readFileSync('CHANGELOG.md', 'utf8')).map(({ version }) => version),
  );
  const said = [...document.matchAll(/Since\s+(\d+\.\d+\.\d+|the\s+next\s+version)\./g)].map(
    ([, since = '']) => since.replace(/\s+/g, ' '),
  );
  expect(said.length).toBe(keys.length);
  expect(said.filter((since) => since !== 'the next version' && !versions.has(since))).toEqual([]);
});

const plain = `version: 1
fleet: plain
vault: { key: file:vault.key }
telegram: { api_id: 1, api_hash: env:HASH }
model: { base_url: "http://127.0.0.1", model: m }
hosts: { h1: { address: 192.0.2.1 } }
accounts: { anna: {} }
`;
const inventory = parseInventory(plain, { path: '/op/inventory.yaml', home: '/home/op' });
const written = { document: parseYamlDocument(plain), path: 'inventory.yaml' };
const [host] = inventory.hosts;
const [account] = inventory.accounts;
if (host === undefined || account === undefined) throw new Error('the inventory above has both');

const prefixed = (owner: string, settings: readonly Setting[]): readonly Setting[] =>
  settings.map((setting) => ({
    ...setting,
    key: /^(?:ssh|telegram|limits|location|labels)\b/.test(setting.key)
      ? setting.key
      : `${owner}.${setting.key}`,
  }));

/** Two ways to write one value. */
const isSame = (documented: string, value: Setting['value']): boolean => {
  const text = String(value);
  const bare = documented.replace(/^"(.*)"$/, '$1').split(',')[0] ?? '';
  return (
    bare === text ||
    `/op/${bare}` === text ||
    (parseDuration(bare) !== null && parseDuration(bare) === parseDuration(text))
  );
};

test('the defaults that it names are those in effect where nobody says anything', () => {
  const settings = [
    ...explainFleet(inventory, written),
    ...prefixed('host', explainHost(host, null, written)),
    ...prefixed('account', explainAccount(account, { script: null, pinnedTo: null }, written)),
  ].filter(({ from, value }) => from.kind === 'default' && value !== null && String(value) !== '');
  const compared = settings.flatMap((setting) => {
    const key = keys.find((each) => each.key === setting.key);
    return key === undefined ? [] : [{ ...setting, byDefault: key.byDefault }];
  });
  // memory_high follows another key; what ssh says is not fleet's; sizes of answers are the
  // worker's own.
  const words = new Set(['limits.memory_high', 'ssh.sudo']);
  const wrong = compared.filter(
    ({ key, value, byDefault }) =>
      !words.has(key) && !/own/.test(String(value)) && !isSame(byDefault ?? '', value),
  );
  expect(
    wrong.map(({ key, value, byDefault }) => `${key}: ${value}, documented ${byDefault}`),
  ).toEqual([]);
  expect(compared.length).toBeGreaterThan(50);
});

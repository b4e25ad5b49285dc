import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import {
  canonicalKey,
  documentedKeys,
  generateSchema,
  visitSchema,
} from '../../scripts/generate-schema.ts';
import { loadInventory } from '../../src/inventory/load-inventory.ts';
import { secretKeys } from '../../src/inventory/schema/schema-leaves.ts';

const examplePath = new URL('../../inventory.example.yaml', import.meta.url).pathname;
const example = readFileSync(examplePath, 'utf8');
const written = readFileSync(
  new URL('../../templates/inventory.schema.json', import.meta.url),
  'utf8',
);

const schemaKeys = (): ReadonlySet<string> => {
  const keys = new Set<string>();
  visitSchema(JSON.parse(written), (path) => {
    if (path.at(-1) !== '*') keys.add(canonicalKey(path));
  });
  return keys;
};

test('the example loads', async () => {
  const inventory = await loadInventory(examplePath);
  expect(inventory.hosts.map((host) => [host.name, host.groups, host.ssh.port])).toEqual([
    ['eu-1', ['eu', 'hetzner'], 22],
    ['eu-2', ['eu'], 22],
    ['us-1', [], 22],
  ]);
  expect(inventory.accounts.map((account) => [account.name, account.pinnedTo])).toEqual([
    ['anna', 'eu-1'],
    ['ben', null],
  ]);
});

test('the JSON Schema for editors is current (node scripts/generate-schema.ts writes it)', () => {
  expect(written).toBe(generateSchema(example));
});

test('by the JSON Schema, the example is right and a mistake is wrong', () => {
  const schema = z.fromJSONSchema(JSON.parse(written));
  const accepts = (text: string): boolean => schema.safeParse(parse(text)).success;
  expect(accepts(example)).toBe(true);
  expect(accepts(example.replace('concurrency: 32', 'concurency: 32'))).toBe(false);
  expect(accepts(example.replace('port: 22', 'port: 222222'))).toBe(false);
  expect(accepts(example.replace('api_hash: env:TELEGRAM_API_HASH', 'api_hash: 0a1b'))).toBe(false);
});

test('the example tells editors where the schema is', () => {
  expect(example.split('\n')[0]).toBe(
    '# yaml-language-server: $schema=templates/inventory.schema.json',
  );
});

test('every key of the schema occurs in the example with an explanation', () => {
  const documented = documentedKeys(example);
  expect([...schemaKeys()].filter((key) => !documented.get(key))).toEqual([]);
});

test('every key of the example is in the schema', () => {
  const known = schemaKeys();
  const chosen = (key: string): boolean => key.endsWith('.*');
  expect(
    [...documentedKeys(example).keys()].filter((key) => !known.has(key) && !chosen(key)),
  ).toEqual([]);
});

test('every key of the schema that takes a secret is one whose value is not repeated', () => {
  const taking = new Set<string>();
  visitSchema(JSON.parse(written), (path, schema) => {
    const forms = [schema, ...(schema.anyOf ?? [])];
    if (forms.some((form) => typeof form === 'object' && form.pattern === '^(?:env|file|exec):'))
      taking.add(path.at(-1) ?? '');
  });
  expect([...taking].toSorted()).toEqual([...secretKeys].toSorted());
});

test('a file that is not there is named', async () => {
  await expect(loadInventory('/nowhere/i.yaml')).rejects.toMatchObject({
    code: 'inventory',
    message: 'The inventory /nowhere/i.yaml does not exist',
  });
});

/** docs/openapi.json is what the verbs say. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { offersOf } from '../../src/serve/offers.ts';
import { openapiOf } from '../../src/serve/openapi.ts';
import { verbs } from '../../src/verbs/registry.ts';

const path = join(import.meta.dirname, '..', '..', 'docs', 'openapi.json');
const written = JSON.parse(readFileSync(path, 'utf8')) as {
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly operationId: string }>>>
  >;
};

test('the description that is checked in is that of the verbs: npm run generate:commands', () => {
  expect(written).toEqual(JSON.parse(JSON.stringify(openapiOf(offersOf(verbs)))));
});

test('each operation has a name of its own, and every reference leads somewhere', () => {
  const names = Object.values(written.paths).flatMap((path) =>
    Object.values(path).map(({ operationId }) => operationId),
  );
  expect(new Set(names).size).toBe(names.length);
  const texts = [...JSON.stringify(written).matchAll(/"\$ref":"#\/([^"]+)"/g)];
  for (const [, place = ''] of texts) {
    const found = place
      .split('/')
      .reduce<unknown>((value, key) => Reflect.get(value as object, key), written);
    expect([place, found]).not.toEqual([place, undefined]);
  }
});

import { expect, test } from 'vitest';
import { parseInventory } from '../../src/inventory/parse-inventory.ts';
import { FleetError } from '../../src/model/errors.ts';
import { ledgerPlaceText } from '../../src/model/ledger-place.ts';

const head =
  'version: 1\nfleet: f\nvault: { key: env:K }\ntelegram: { api_id: 1, api_hash: env:H }\nhosts: {}\n';
const placeOf = (yaml: string) =>
  parseInventory(`${head}${yaml}\n`, { path: '/ops/inventory.yaml', home: '/home/me' }).ledger;

test.each([
  ['ledger: x/y.db', { kind: 'file', path: '/ops/x/y.db' }, '/ops/x/y.db'],
  [
    'ledger: postgres://fleet@db.example/main\npostgres: { password: env:P, ca: ca.pem }',
    {
      ...{ kind: 'postgres', host: 'db.example', port: 5432, user: 'fleet', database: 'main' },
      ...{ password: { kind: 'env', target: 'P' }, caPath: '/ops/ca.pem', isPlain: false },
    },
    'postgres://fleet@db.example/main',
  ],
  [
    'ledger: "postgresql://a%40b@[2001:db8::1]:6000/x"',
    {
      ...{ kind: 'postgres', host: '2001:db8::1', port: 6000, user: 'a@b', database: 'x' },
      ...{ password: null, caPath: null, isPlain: false },
    },
    'postgres://a%40b@[2001:db8::1]:6000/x',
  ],
  [
    'ledger: postgres://fleet@/main?host=/run/postgresql&port=5433',
    {
      ...{ kind: 'postgres', host: '/run/postgresql', port: 5433, user: 'fleet' },
      ...{ database: 'main', password: null, caPath: null, isPlain: true },
    },
    'postgres://fleet@/main?host=/run/postgresql&port=5433',
  ],
  [
    'ledger: postgres://fleet@127.0.0.1/main\npostgres: { tls: "off" }',
    {
      ...{ kind: 'postgres', host: '127.0.0.1', port: 5432, user: 'fleet', database: 'main' },
      ...{ password: null, caPath: null, isPlain: true },
    },
    'postgres://fleet@127.0.0.1/main',
  ],
])('%s', (yaml, place, text) => {
  expect(placeOf(yaml)).toEqual(place);
  expect(ledgerPlaceText(placeOf(yaml))).toBe(text);
});

test.each([
  ['ledger: postgres://fleet:hunter2@db/main', /ledger: must be .* without a password/],
  ['ledger: postgres://db/main', /ledger: must be /],
  ['ledger: postgres://fleet@db/main?sslmode=disable', /ledger: must be /],
  [
    'ledger: postgres://fleet@db.example:6000/main\npostgres: { tls: "off" }',
    /postgres.tls: "off" is for a server on this machine; db.example:6000 is reached/,
  ],
  ['postgres: { password: hunter2 }', /postgres.password: must be a secret reference/],
])('refused: %s', (yaml, said) => {
  const error = (() => {
    try {
      return placeOf(yaml);
    } catch (cause) {
      return cause;
    }
  })();
  if (!(error instanceof FleetError)) throw new Error('was taken');
  expect(error.problems.join('\n')).toMatch(said);
  expect(JSON.stringify([error.message, error.hint, error.problems])).not.toContain('hunter2');
});

import { expect, test } from 'vitest';
import { parseInventory } from '../../src/inventory/parse-inventory.ts';
import { plainAddress } from '../../src/inventory/rules/same-address.ts';
import { FleetError } from '../../src/model/errors.ts';

const withHosts = (hosts: string, more = ''): string => `version: 1
fleet: shop
vault: { path: vault, key: file:vault.key }
telegram: { api_id: 1, api_hash: env:API_HASH }
${more}hosts:
${hosts}`;

/** The mistakes of an inventory with these hosts, without what is always said. */
function mistakesOf(text: string): readonly string[] {
  try {
    parseInventory(text, { path: 'inventory.yaml', home: '/home/me' });
    return [];
  } catch (error) {
    if (error instanceof FleetError)
      return error.problems.map((problem) => problem.replace(/, too: .*/, ''));
    throw error;
  }
}

test.each([
  ['the same words', '192.0.2.1', '192.0.2.1'],
  ['a name in other letters, with its last dot', 'web.example.com', 'WEB.Example.com.'],
  ['IPv6, long and short', '2001:db8::1', '2001:0DB8:0:0::0001'],
  ['IPv4 inside IPv6', '192.0.2.1', '::ffff:192.0.2.1'],
  ["an address that is the other host's name", 'h1.example.com', 'h1.example.com'],
])('one machine under two names is refused before anything is asked: %s', (_, one, other) => {
  expect(
    mistakesOf(
      withHosts(
        `  h1: { address: "${one}" }\n  h2: { address: "${other}" }\n  h3: { address: ` +
          '192.0.2.9 }\n',
      ),
    ),
  ).toEqual(['inventory.yaml:7:18 hosts.h2.address: this is the address of h1']);
});

test('a host without an address is called what it is', () => {
  expect(mistakesOf(withHosts('  h2: { address: h1 }\n  h1: {}\n'))).toEqual([
    'inventory.yaml:7:3 hosts.h1: this is the address of h2',
  ]);
});

test('all of them are named', () => {
  const hosts = ['a', 'b', 'c', 'd'].map((name) => `  ${name}: { address: 192.0.2.1 }\n`).join('');
  expect(mistakesOf(withHosts(hosts))).toHaveLength(3);
});

test.each([
  [
    'another port: a machine behind a router, or a container',
    '  h1: { address: 192.0.2.1, ssh: { port: 2201 } }\n  h2: { address: 192.0.2.1, ssh: ' +
      '{ port: 2202 } }\n',
    '',
  ],
  [
    'another port by a group',
    '  h1: { address: 192.0.2.1 }\n  h2: { address: 192.0.2.1, groups: [far] }\n',
    'groups: { far: { ssh: { port: 2222 } } }\n',
  ],
  [
    'another link of one address',
    '  h1: { address: "fe80::1%eth0" }\n  h2: { address: "fe80::1%eth1" }\n',
    '',
  ],
  [
    'a name and an address, which DNS may change',
    '  h1: { address: web.example.com }\n  h2: { address: 192.0.2.1 }\n',
    '',
  ],
])('two hosts: %s', (_, hosts, more) => {
  expect(mistakesOf(withHosts(hosts, more))).toEqual([]);
});

test('spellings', () => {
  expect(['::1', '0::1', '::FFFF:c000:201', 'A.b.', '1.2.3.4'].map(plainAddress)).toEqual([
    '::1',
    '::1',
    '192.0.2.1',
    'a.b',
    '1.2.3.4',
  ]);
});

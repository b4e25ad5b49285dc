/** `fleet hosts add`: one entry more, and every other byte of the inventory as it was. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { addHost } from '../../src/inventory/new/add-host.ts';
import { emptyHost } from '../../src/inventory/new/draft.ts';
import { planAddHost } from '../../src/workflows/config/add-host.ts';

const host = { ...emptyHost('new-1', 'x'), address: '192.0.2.99', user: 'root', port: 2200 };
const head =
  'version: 1\nfleet: shop\nvault: { key: "file:k" }   # key\ntelegram: {api_id: 1,   ' +
  'api_hash: env:H}\n';

/** What was put in; fails where anything else changed. */
function put(text: string): string {
  const after = addHost(text, host);
  let start = 0;
  while (text[start] === after[start] && start < text.length) start += 1;
  const grown = after.length - text.length;
  expect(after.slice(0, start) + after.slice(start + grown)).toBe(text);
  expect(parse(after)).toEqual({
    ...parse(text),
    hosts: {
      ...parse(text).hosts,
      'new-1': { address: '192.0.2.99', ssh: { user: 'root', port: 2200 } },
    },
  });
  return after;
}

const entry = '  new-1:\n    address: 192.0.2.99\n    ssh:\n      user: root\n      port: 2200\n';

describe('blocks keep every byte', () => {
  test.each([
    ['at the end', `${head}hosts:\n  a:\n    address: 192.0.2.1 # one\n`, `# one\n${entry}`],
    [
      'without a last line break',
      `${head}hosts:\n  a:\n    address: 192.0.2.1`,
      `192.0.2.1\n${entry}`,
    ],
    [
      'before what follows, comments included',
      `${head}hosts:\n  a: { address: 192.0.2.1 }\n  b:\n\n# Accounts.\naccounts: {}\n`,
      `  b:\n${entry}\n# Accounts.`,
    ],
    [
      'behind comments of the last host',
      `${head}hosts:\n  a:\n    address: x\n    # ssh: {}\n# next\naccounts: {}\n`,
      `    # ssh: {}\n${entry}# next`,
    ],
    [
      'deeper',
      `${head}hosts:\n    a:\n        address: x\naccounts: {}\n`,
      '        address: x\n    new-1:\n      address:',
    ],
    [
      'with lists at the end',
      `${head}hosts:\n  a:\n    host_keys:\n    - SHA256:x\nssh: {}\n`,
      `- SHA256:x\n${entry}ssh`,
    ],
  ])('%s', (_, text, expected) => expect(put(text)).toContain(expected));

  test('Windows line ends', () => {
    const after = addHost(`${head}hosts:\n  a:\n    address: x\n`.replaceAll('\n', '\r\n'), host);
    expect(after).toContain('x\r\n  new-1:\r\n    address: 192.0.2.99\r\n');
    expect(after.replaceAll('\r\n', '')).not.toContain('\n');
  });

  test('the example', () => {
    expect(put(readFileSync('inventory.example.yaml', 'utf8'))).toContain(
      `    location: nyc\n${entry}\n# Settings of every account`,
    );
  });
});

test.each([
  `${head}# here\nhosts: { a: { address: x } }\n`,
  `${head}hosts: {} # none\n`,
  `${head}# c\nhosts:\n`,
])('braces and nothing: the data is right, comments stay (%#)', (text) => {
  const after = addHost(text, host);
  expect(parse(after).hosts).toEqual({
    ...parse(text).hosts,
    'new-1': { address: '192.0.2.99', ssh: { user: 'root', port: 2200 } },
  });
  for (const [comment] of text.matchAll(/# \w+/g)) expect(after).toContain(comment);
});

test('what would not be sound is refused before anything is written', () => {
  const text = `${head}hosts:\n  a:\n    address: x\n`;
  expect(() => planAddHost('inventory.yaml', text, { ...host, groups: ['nobody'] })).toThrow(
    /has a mistake/,
  );
  expect(() => planAddHost('inventory.yaml', text, { ...host, name: 'a' })).toThrow(
    /has a host a already/,
  );
  // The hosts are an alias: one more entry would be one more elsewhere, too.
  const shared = `${head}groups: &all\n  a: {}\nhosts: *all\n`;
  expect(() => planAddHost('inventory.yaml', shared, host)).toThrow();
});

/** Two names of the ssh config for one machine, found before anything is asked. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseInventory } from '../../src/inventory/parse-inventory.ts';
import { createSshContext } from '../../src/remote/config/ssh-context.ts';
import { secondNameProblems } from '../../src/workflows/second-names.ts';
import { type Folder, makeFolder } from '../cli/fleet-command.ts';

const withHosts = (hosts: string): string => `version: 1
fleet: shop
vault: { path: vault, key: file:vault.key }
telegram: { api_id: 1, api_hash: env:API_HASH }
hosts:
${hosts}`;

async function configure({ path }: Folder, config: string): Promise<void> {
  await mkdir(join(path, '.ssh'), { recursive: true });
  await writeFile(join(path, '.ssh/config'), config, { mode: 0o600 });
}

async function problemsOf(hosts: string, config: string): Promise<readonly string[]> {
  const folder = await makeFolder(null);
  await configure(folder, config);
  const ssh = createSshContext({
    ...{ homeDirectory: folder.path, localUser: 'me', agentSocket: null, knownHosts: '/none' },
    configFiles: [join(folder.path, '.ssh/config')],
    readSecret: () => Promise.reject(new Error('no secret is read here')),
  });
  const inventory = parseInventory(withHosts(hosts), { path: 'inventory.yaml', home: '/home/me' });
  const said = await secondNameProblems(inventory.hosts, ssh);
  return said.map((text) => text.replaceAll(folder.path, 'HOME'));
}

const two = '  a: {}\n  b: {}\n';

test.each([
  ['one HostName', two, 'Host a\n HostName 192.0.2.1\nHost b\n HostName 192.0.2.1\n'],
  ['two names in one line', two, 'Host a b\n HostName 192.0.2.1\n'],
  [
    'an alias beside the address',
    '  a: {}\n  b: { address: 192.0.2.1 }\n',
    'Host a\n HostName 192.0.2.1\n',
  ],
  ['by a pattern', two, 'Host *\n HostName gate.example\n'],
  ['HostName in other letters', two, 'Host a\n HostName W.example\nHost b\n HostName w.EXAMPLE.\n'],
  [
    'one port, said by two',
    '  a: { address: 192.0.2.1 }\n  b: { address: 192.0.2.1, ssh: { port: 2200 } }\n',
    'Host *\n Port 2200\n',
  ],
  [
    "OpenSSH's own port",
    '  a: { address: 192.0.2.1 }\n  b: { address: 192.0.2.1, ssh: { port: 22 } }\n',
    '',
  ],
  ['through one jump host', two, 'Host a b\n HostName 10.0.0.1\n ProxyJump gate\n'],
  [
    'through two names of one jump host',
    two,
    'Host g1 g2\n HostName gate\nHost a\n HostName 10.0.0.1\n ProxyJump g1\nHost b\n HostName 10.0.0.1\n ProxyJump g2\n',
  ],
  [
    'IPv6 in two spellings',
    two,
    'Host a\n HostName 2001:db8::1\nHost b\n HostName 2001:DB8:0::1\n',
  ],
])('a second name: %s', async (_, hosts, config) => {
  expect(await problemsOf(hosts, config)).toEqual([
    expect.stringMatching(
      /^hosts\.b: leads to \S+ port \d+(?: \(HOME\/\.ssh\/config:\d+\))?, as a does/,
    ),
  ]);
});

test.each([
  ['another port', two, 'Host a b\n HostName 192.0.2.1\nHost a\n Port 2201\n'],
  [
    'another jump host: private addresses repeat',
    two,
    'Host a b\n HostName 10.0.0.1\nHost a\n ProxyJump g1\nHost b\n ProxyJump g2\n',
  ],
  [
    'one of them cannot be reached as the config says',
    two,
    'Host a b\n HostName 192.0.2.1\nHost a\n ProxyCommand nc %h %p\n',
  ],
  [
    'by a ProxyCommand: only that command knows where to',
    two,
    'Host a b\n HostName 192.0.2.1\n ProxyCommand helper %n\n',
  ],
])('two machines: %s', async (_, hosts, config) => {
  expect(await problemsOf(hosts, config)).toEqual([]);
});

test('where it says so is named, and all of them are', async () => {
  const config = 'Host a\n HostName 192.0.2.1\nHost b c\n HostName 192.0.2.1\n';
  expect(await problemsOf('  a: {}\n  b: {}\n  c: {}\n', config)).toEqual(
    ['b', 'c'].map(
      (name) =>
        `hosts.${name}: leads to 192.0.2.1 port 22 (HOME/.ssh/config:4), as a does ` +
        '(HOME/.ssh/config:2): one machine has one name; take one of the two out, or correct an address',
    ),
  );
});

test('every command that asks hosts refuses them as a mistake of the inventory; a new one has only the first', async () => {
  const folder = await makeFolder(withHosts(two));
  await configure(folder, 'Host a b\n HostName 127.0.0.1\n Port 9\n');
  const refused = {
    code: 2,
    stderr: expect.stringContaining('hosts.b: leads to 127.0.0.1 port 9'),
  };
  for (const words of [
    ['sweep'],
    ['init', '--yes'],
    ['exec', 'a', '--', 'true'],
    ['config', 'validate'],
  ])
    expect([words, await folder.fleet(words)]).toEqual([words, expect.objectContaining(refused)]);
  // What asks no host says nothing of it.
  expect((await folder.fleet(['hosts', 'list'])).code).toBe(0);
  const made = await folder.fleet(['-i', 'new.yaml', 'new', '--from-ssh-config', '*']);
  expect([made.code, made.stdout]).toEqual([0, expect.stringContaining('b: leads to 127.0.0.1')]);
  expect(await readFile(join(folder.path, 'new.yaml'), 'utf8')).toMatch(
    /^hosts:\n {2}a:( \{\})?\n$/m,
  );
});

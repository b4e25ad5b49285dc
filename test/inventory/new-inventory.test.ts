/**
 * What `fleet new` reads from lists, Ansible inventories and master_config.json, and that what it
 * writes is what every command reads.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { mistakesIn } from '../../src/inventory/new/check-draft.ts';
import type { Draft, DraftOutcome } from '../../src/inventory/new/draft.ts';
import { draftFromAddresses } from '../../src/inventory/new/from-addresses.ts';
import { type AnsibleSource, draftFromAnsible } from '../../src/inventory/new/from-ansible.ts';
import { draftFromMasterConfig } from '../../src/inventory/new/from-master-config.ts';
import { expandRanges } from '../../src/inventory/new/ranges.ts';
import { writeDraft } from '../../src/inventory/new/write-draft.ts';
import { parseInventory } from '../../src/inventory/parse-inventory.ts';
import { formatSecretReference } from '../../src/inventory/schema/secret-reference.ts';

const answers = {
  fleet: 'shop',
  vaultKey: 'file:vault.key',
  apiId: '4711',
  apiHash: 'env:API_HASH',
};

function draftOf(outcome: DraftOutcome): Draft {
  if (outcome.problems !== undefined) throw new Error(outcome.problems.join('\n'));
  expect(mistakesIn(outcome.draft)).toEqual([]);
  return outcome.draft;
}

const ansible = (
  text: string,
  more: Partial<AnsibleSource> & { path?: string } = {},
): DraftOutcome =>
  draftFromAnsible({
    inventory: { path: more.path ?? 'inv/hosts', text },
    groupVariables: [],
    hostVariables: [],
    ...more,
  });

/** Each host as every command sees it once the draft is written, in few words. */
function seen(draft: Draft): Readonly<Record<string, string>> {
  const { hosts } = parseInventory(writeDraft(draft, answers, 'a test'), {
    path: '/op/inventory.yaml',
    home: '/home/op',
  });
  const words = ({ name, ssh, groups }: (typeof hosts)[number]): string =>
    [
      `${ssh.user ?? '?'}@${ssh.address ?? name}:${ssh.port ?? '?'}`,
      ...ssh.identityFiles,
      ...[ssh.password, ssh.passphrase, ssh.sudoPassword].flatMap((secret) =>
        secret === null ? [] : [formatSecretReference(secret)],
      ),
      ...(groups.length === 0 ? [] : [`in ${[...groups].sort().join(' ')}`]),
    ].join(' ');
  return Object.fromEntries(hosts.map((host) => [host.name, words(host)]));
}

describe('ranges', () => {
  test.each([
    ['web[01:03]', ['web01', 'web02', 'web03']],
    ['db-[a:c].x', ['db-a.x', 'db-b.x', 'db-c.x']],
    ['h[1:9:4]', ['h1', 'h5', 'h9']],
    ['h[9:11]', ['h9', 'h10', 'h11']],
    ['r[1:2]n[a:b]', ['r1na', 'r1nb', 'r2na', 'r2nb']],
    ['plain', ['plain']],
    ['[2001:db8::1]:22', ['[2001:db8::1]:22']],
    ['h[3:1]', null],
    ['h[a:3]', null],
    ['h[01:100]', null],
    ['h[1:99999]', null],
    ['h[1:2', ['h[1:2']],
  ])('%s', (pattern, names) => expect(expandRanges(pattern)).toEqual(names));
});

describe('a list of addresses', () => {
  test('names, users, ports, ranges and IPv6', () => {
    const words = [
      'root@192.0.2.1',
      'eu-[1:2].example.com:2222',
      'home=op@[2001:db8::1]:22',
      '::1',
      'Big.example.org',
      'eu-1.example.org',
    ];
    expect(seen(draftOf(draftFromAddresses(words)))).toEqual({
      h1: 'root@192.0.2.1:?',
      'eu-1.example.com': '?@eu-1.example.com:2222',
      'eu-2': '?@eu-2.example.com:2222',
      home: 'op@2001:db8::1:22',
      h5: '?@::1:?',
      big: '?@Big.example.org:?',
      'eu-1.example.org': '?@eu-1.example.org:?',
    });
  });

  test('every mistake at once, and two servers of one name', () => {
    expect(
      draftFromAddresses(['a b', '999.1.1.1', 'x:70000', 'Q=y', 'h[2:1]', 'ok']).problems?.map(
        (each) => each.split(': ')[0],
      ),
    ).toEqual([...['h[2:1]', 'a b', '999.1.1.1', 'x:70000', 'Q=y']]);
    const outcome = draftFromAddresses(['a=192.0.2.1', 'a=192.0.2.2']);
    expect(outcome.problems === undefined && mistakesIn(outcome.draft)).toEqual([
      'a=192.0.2.2: the host would be called a, as the one of a=192.0.2.1: give it another name',
    ]);
  });
});

describe('an Ansible inventory', () => {
  const ini = `
; a comment
lone ansible_host=192.0.2.50 ansible_user=ubuntu   # behind
[web]
web[01:02].example.com ansible_port=2222
Old_One ansible_host="192.0.2.9" ansible_password='top secret' ansible_user=root
[db]
db-[a:b]:2200 ansible_host="{{ inventory_hostname }}.int.{{ domain }}"
[eu:children]
web
db
[web:vars]
ansible_user = deploy
ansible_become=true
ansible_become_password=pw one
[all:vars]
domain=example.com
ansible_ssh_private_key_file=~/.ssh/key
`;
  const groupVariables = [
    { owner: 'all', path: 'inv/group_vars/all.yml', text: 'ansible_user: everyone\n' },
    {
      owner: 'db',
      path: 'inv/group_vars/db',
      text:
        'ansible_user: dba\nansible_password: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  ' +
        '33\ncolour: red\n',
    },
    { owner: 'eu', path: 'inv/group_vars/eu.yml', text: '$ANSIBLE_VAULT;1.1;AES256\n3333\n' },
  ];
  const hostVariables = [
    {
      owner: 'db-b',
      path: 'inv/host_vars/db-b.yml',
      text: `ansible_password: "{{ lookup('env', 'DBB') }}"\n`,
    },
  ];

  test('by its own precedence, passwords as references, what is not read by name', () => {
    const draft = draftOf(ansible(ini, { groupVariables, hostVariables }));
    const key = '/home/op/.ssh/key';
    expect(seen(draft)).toEqual({
      lone: `ubuntu@192.0.2.50:? ${key}`,
      // group_vars/all counts more than [web:vars].
      'web01.example.com': `everyone@web01.example.com:2222 ${key} env:FLEET_SUDO_PASSWORD in eu web`,
      'web02.example.com': `everyone@web02.example.com:2222 ${key} env:FLEET_SUDO_PASSWORD in eu web`,
      'old-one':
        `root@192.0.2.9:? ${key} env:FLEET_SSH_PASSWORD_OLD_ONE env:FLEET_SUDO_PASSWORD in ` +
        'eu web',
      'db-a': `dba@db-a.int.example.com:2200 ${key} env:FLEET_SSH_PASSWORD_DB_A in db eu`,
      'db-b': `dba@db-b.int.example.com:2200 ${key} env:DBB in db eu`,
    });
    expect(draft.notRead).toEqual([
      "inv/group_vars/eu.yml: Ansible's vault has encrypted it",
      'inv/hosts:17: domain has no counterpart',
      'inv/group_vars/db:5: colour has no counterpart',
      "inv/group_vars/db:2: ansible_password is encrypted by Ansible's vault",
    ]);
    expect(writeDraft(draft, answers, 'x')).not.toMatch(/top secret|pw one/);
  });

  test('the same as YAML gives the same hosts', () => {
    const web = {
      'web[01:02].example.com': { ansible_port: 2222 },
      Old_One: { ansible_host: '192.0.2.9', ansible_password: 'top secret', ansible_user: 'root' },
    };
    const yaml = {
      all: {
        vars: { domain: 'example.com', ansible_ssh_private_key_file: '~/.ssh/key' },
        hosts: { lone: { ansible_host: '192.0.2.50', ansible_user: 'ubuntu' } },
        children: {
          eu: {
            children: {
              web: {
                hosts: web,
                vars: {
                  ansible_user: 'deploy',
                  ansible_become: true,
                  ansible_become_password: 'pw one',
                },
              },
              db: {
                hosts: {
                  'db-[a:b]:2200': { ansible_host: '{{ inventory_hostname }}.int.{{ domain }}' },
                },
              },
            },
          },
        },
      },
    };
    const other = draftOf(
      ansible(stringify(yaml), { path: 'inv/hosts.yml', groupVariables, hostVariables }),
    );
    expect(seen(other)).toEqual(seen(draftOf(ansible(ini, { groupVariables, hostVariables }))));
  });

  test('a host that is in groups of different settings keeps Ansible’s answer, and a host called as a group keeps its name', () => {
    const text = '[a]\nx\ny\n[b]\nx\nz\nb\n[a:vars]\nansible_user=ua\n[b:vars]\nansible_user=ub\n';
    expect(seen(draftOf(ansible(text)))).toEqual({
      x: 'ub@x:? in a b-group',
      y: 'ua@y:? in a',
      z: 'ub@z:? in b-group',
      b: 'ub@b:? in b-group',
    });
  });

  test('hosts that SSH does not reach are left out, what else a login has is named', () => {
    const text =
      'here ansible_connection=local\nthere ansible_become_user=admin ' +
      'ansible_become_method=su ansible_ssh_common_args="-J j"\n';
    const { hosts, notRead } = draftOf(ansible(text));
    expect(hosts.map(({ name }) => name)).toEqual(['there']);
    expect(notRead).toEqual([
      'inv/hosts:1: the host here: it is not reached by SSH',
      'inv/hosts:2: ansible_become_user: fleet becomes root',
      'inv/hosts:2: ansible_become_method: fleet becomes root by sudo alone',
      'inv/hosts:2: ansible_ssh_common_args: say a jump host in ~/.ssh/config (ProxyJump)',
    ]);
  });

  test.each([
    [
      '[web\nh\n[x:vas]\n[w:vars]\nnothing\n[c:children]\nnobody\n',
      [
        '1: this is no section',
        '3: this is no section',
        '5: no variable',
        '7: no group is called "nobody"',
      ],
    ],
    [
      'h loose\ng "open\nr[3:1]\n_ ansible_host=x\n',
      [
        '1: a word behind a host',
        '2: a quote has no end',
        '3: this range is none',
        '4: "_" cannot be the name',
      ],
    ],
    [
      'h ansible_port=ssh ansible_user="a b"\n__\n',
      [
        '1: ansible_port is no port',
        '1: ansible_user is no user name',
        '2: "__" cannot be the name',
      ],
    ],
    ['[a:children]\nb\n[b:children]\na\n', [' the group "a" contains itself']],
    ['#!/usr/bin/python\n', ['1: this is a program']],
    ['$ANSIBLE_VAULT;1.1;AES256\n', ["1: Ansible's vault"]],
  ])('every mistake with its place: %j', (text, begins) => {
    const { problems = [] } = ansible(text);
    expect(
      problems.map((each, index) =>
        each.slice('inv/hosts:'.length).startsWith(begins[index] ?? '?'),
      ),
    ).toEqual(begins.map(() => true));
  });

  test('a file that would be a million hosts, or groups in a chain without end, is refused soon', () => {
    const hosts = Array.from({ length: 2_000 }, (_, index) => `h${index}-[0:9999]`).join('\n');
    expect(ansible(hosts).problems?.[0]).toBe('inv/hosts:2: these are more than 10000 hosts');
    const chain = Array.from(
      { length: 20_000 },
      (_, index) => `[g${index}:children]\ng${index + 1}`,
    ).join('\n');
    expect(ansible(`${chain}\n[g20000]\nh\n`).problems).toEqual([
      'inv/hosts: these are more than 2000 groups',
    ]);
    expect(
      ansible('all: { hosts: { "a[0:9999]": , b: } }', { path: 'hosts.yml' }).problems,
    ).toEqual(['hosts.yml:1: these are more than 10000 hosts']);
  });

  test('whatever a file holds, reading it ends with hosts or with problems', () => {
    const parts = [
      '[a]',
      '[a:vars]',
      '[b:children]',
      '[',
      ']',
      'h',
      'x=1',
      '"',
      "'",
      '=',
      ':',
      '{{ x }}',
      '{% raw %}',
      '!vault |',
      '- a',
      'all:',
      'hosts:',
      '[1:3]',
      '#',
      '\\',
      '::1',
      '小',
    ];
    const text = fc
      .array(fc.constantFrom(...parts, ' ', ' ', '\n', '\n', '  '))
      .map((words) => words.join(''));
    fc.assert(
      fc.property(text, fc.constantFrom('hosts', 'hosts.yml'), (body, path) => {
        const outcome = ansible(body, {
          path,
          groupVariables: [{ owner: 'a', path: 'group_vars/a', text: body }],
        });
        const isSaid =
          outcome.problems === undefined
            ? outcome.draft.hosts.every(({ name }) => /^[a-z0-9.-]+$/.test(name))
            : outcome.problems.length > 0;
        expect(isSaid).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  test('YAML of another shape is refused with its places', () => {
    const { problems } = ansible('all:\n  host:\n    a:\n  children: [x]\n  hosts: {b: 3}\n', {
      path: 'hosts.yml',
    });
    expect(problems).toEqual([
      'hosts.yml:2: a group has hosts, vars and children, not "host"',
      'hosts.yml:5: this must be a mapping',
      'hosts.yml:4: this must be a mapping',
    ]);
  });
});

describe('a master_config.json', () => {
  const server = {
    host: '192.0.2.1',
    user: 'root',
    password: 'geheim',
    node_id: 1,
    deploy_dir: '/opt/x',
    max_accounts: 8,
    location: 'Frankfurt',
    status: 'active',
  };

  test('servers, states, places and strategy; passwords become references', () => {
    const servers = {
      'worker-01': server,
      Worker_02: {
        ...server,
        host: 'w2.example.com',
        location: 'nowhere',
        status: 'maintenance',
        gpu: 1,
      },
    };
    const draft = draftOf(
      draftFromMasterConfig({
        path: 'm.json',
        text: JSON.stringify({ strategy: 'load_balance', servers, retries: 3 }, null, 1),
      }),
    );
    const text = writeDraft(draft, answers, 'm.json');
    const { hosts, placement } = parseInventory(text, {
      path: '/op/inventory.yaml',
      home: '/home/op',
    });
    expect(text).not.toContain('geheim');
    expect(placement.strategy).toBe('load');
    expect(
      hosts.map(({ name, ssh, maxAccounts, location, cordoned, labels }) => [
        name,
        ssh.address,
        ssh.user,
        maxAccounts,
        location?.country,
        cordoned,
        labels,
      ]),
    ).toEqual([
      ['worker-01', '192.0.2.1', 'root', 8, 'DE', false, { node_id: '1' }],
      [
        'worker-02',
        'w2.example.com',
        'root',
        8,
        undefined,
        true,
        { node_id: '1', location: 'nowhere' },
      ],
    ]);
    expect(hosts.map(({ ssh }) => ssh.password)).toEqual(
      Array(2).fill({ kind: 'env', target: 'FLEET_SSH_PASSWORD' }),
    );
    expect(draft.notRead).toEqual([
      'm.json:26: retries has no counterpart',
      'm.json:9: deploy_dir: fleet keeps its files below /opt/fleet and /var/lib/fleet ' +
        '(and 1 more)',
      'm.json:23: gpu has no counterpart',
      'm.json:21: location is no place that fleet knows: it became a label',
    ]);
  });

  test('mistakes name their places, never a password', () => {
    const text = JSON.stringify(
      {
        strategy: 'best',
        servers: { a: { user: 3, password: ['geheim'] }, b: { host: 'x y' }, ___: { host: 'y' } },
      },
      null,
      1,
    );
    const { problems = [] } = draftFromMasterConfig({ path: 'm.json', text });
    expect(problems.map((each) => /^m\.json:(\d+):(?:\d+)? (\S+)/.exec(each)?.slice(1))).toEqual([
      ['4', 'servers.a.host:'],
      ['5', 'servers.a.user:'],
      ['6', 'servers.a.password:'],
      ['11', 'servers.b.host:'],
      ['13', '"___"'],
      ['2', 'the'],
    ]);
    expect(problems.join()).not.toContain('geheim');
    expect(
      draftFromMasterConfig({ path: 'm.json', text: '{"servers": {"a": ' }).problems?.[0],
    ).toMatch(/^m.json:1:\d+ /);
    expect(draftFromMasterConfig({ path: 'm.json', text: '' }).problems).toHaveLength(1);
  });
});

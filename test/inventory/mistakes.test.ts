import { expect, test } from 'vitest';
import { minimalYaml, problemsOf } from './sample-inventory.ts';

const secretForm =
  'a secret reference (env:NAME, file:PATH or exec:COMMAND); the secret itself is never ' +
  'written into the inventory';
const duration = (from: string, to: string) =>
  `a duration such as 30s, 10m or 6h, from ${from} to ${to}`;

/**
 * What is added below the least inventory (from line 8), and the only problem that it must give.
 */
const added: readonly (readonly [yaml: string, problem: string])[] = [
  ['concurency: 3', '8:1 concurency: unknown key (did you mean "concurrency"?)'],
  ['concurrency: many', '8:14 concurrency: must be a whole number from 1 to 512, not "many"'],
  ['concurrency: 0', '8:14 concurrency: must be a whole number from 1 to 512, not 0'],
  ['concurrency: 1.5', '8:14 concurrency: must be a whole number from 1 to 512, not 1.5'],
  [
    'concurrency:',
    '8:1 concurrency: this key has no value; it must be a whole number from 1 to 512',
  ],
  [
    'ledger: [a]',
    '8:9 ledger: must be a path, postgres://USER@SERVER/DATABASE without a password, or ' +
      'postgres://USER@/DATABASE?host=/FOLDER for a unix socket, not a list',
  ],
  ['ssh: root', '8:6 ssh: must be a mapping of keys, not text'],
  ['ssh:\n  usr: root', '9:3 ssh.usr: unknown key (did you mean "user"?)'],
  ['ssh:\n  port: 70000', '9:9 ssh.port: must be a whole number from 1 to 65535, not 70000'],
  ['ssh:\n  password: hunter2', `9:13 ssh.password: must be ${secretForm}`],
  ['ssh:\n  password: env:NOT-A-NAME', `9:13 ssh.password: must be ${secretForm}`],
  ['ssh:\n  password: 123456', `9:13 ssh.password: must be ${secretForm}`],
  [
    'ssh:\n  identity_files: ~/.ssh/id',
    '9:19 ssh.identity_files: must be a list, for example [a, b], not text',
  ],
  [
    'ssh:\n  connect_timeout: 10',
    `9:20 ssh.connect_timeout: must be ${duration('1s', '5m')}, not 10`,
  ],
  [
    'ssh:\n  connect_timeout: 10 minutes',
    `9:20 ssh.connect_timeout: must be ${duration('1s', '5m')}, not "10 minutes"`,
  ],
  [
    'ssh:\n  connect_timeout: 6m',
    `9:20 ssh.connect_timeout: must be ${duration('1s', '5m')}, not "6m"`,
  ],
  ['hold: { after: 5s }', `8:16 hold.after: must be ${duration('1m', '7d')}, not "5s"`],
  [
    'hold: { require_clock_sync: yes }',
    '8:29 hold.require_clock_sync: must be true or false, not "yes"',
  ],
  [
    'placement: { strategy: isolate }',
    '8:24 placement.strategy: must be one of load, even, location, affinity, isolation, ' +
      'not "isolate" (did you mean "isolation"?)',
  ],
  [
    'placement: { weights: { cpu: 0.5 } }',
    '8:23 placement.weights: the four weights must sum to 1, not 1.2 (not given: cpu 0.3, ' +
      'memory 0.3, slots 0.3, disk 0.1)',
  ],
  [
    'placement: { memory_limit_percent: 0.9 }',
    '8:36 placement.memory_limit_percent: must be a number from 10 to 100 percent, not 0.9',
  ],
  [
    'defaults: { limits: { memory_max: 512 } }',
    '8:35 defaults.limits.memory_max: must be a size such as 200M or 1.5G, from 64M to ' +
      '64G, not 512',
  ],
  [
    'defaults: { limits: { memory_max: 512MB } }',
    '8:35 defaults.limits.memory_max: must be a size such as 200M or 1.5G, from 64M to ' +
      '64G, not "512MB"',
  ],
  [
    'defaults: { memory_max: 512M }',
    '8:13 defaults.memory_max: unknown key here: it belongs under "limits"',
  ],
  [
    'defaults: { time_zone: Europe/Berln }',
    '8:24 defaults.time_zone: no time zone is called "Europe/Berln" (did you mean ' +
      '"Europe/Berlin"?)',
  ],
  [
    'defaults: { time_zone: europe/berlin }',
    '8:24 defaults.time_zone: no time zone is called "europe/berlin" (did you mean ' +
      '"Europe/Berlin"?)',
  ],
  [
    'defaults: { location: frankfrut }',
    '8:23 defaults.location: no city called "frankfrut" is known (did you mean ' +
      '"frankfurt"?); give its position instead: { name: ..., lat: ..., lon: ... }',
  ],
  [
    'defaults: { location: { lat: 91, lon: 0 } }',
    '8:30 defaults.location.lat: must be a number from -90 to 90 degrees, not 91',
  ],
  [
    'defaults: { location: { lat: 9 } }',
    '8:13 defaults.location.lon: this key is missing; it must be a number from -180 to 180 degrees',
  ],
  [
    'defaults: { location: { lat: 9, long: 8, lon: 8 } }',
    '8:33 defaults.location.long: unknown key (did you mean "lon"?)',
  ],
  [
    'defaults: { location: 5 }',
    '8:23 defaults.location: must be the name of a place such as frankfurt or fra, or { ' +
      'lat: 50.11, lon: 8.68 }, not 5',
  ],
  [
    'defaults: { labels: { tier: 1.5 } }',
    '8:29 defaults.labels.tier: must be text of letters, digits and "._:/@-", at most 63 ' +
      'characters, or a whole number, true or false, not 1.5',
  ],
  ['groups: { eu: { groups: [de] } }', '8:26 groups.eu.groups[0]: no group is called "de"'],
  ['groups: { eu: { groups: [eu] } }', '8:25 groups.eu.groups: this group contains itself'],
  [
    'groups: { all: {} }',
    '8:11 groups.all: "all" is the name of every host together; choose another name',
  ],
  [
    'groups: { web-1: {} }',
    '8:11 groups.web-1: a host is called "web-1" too; patterns could not tell them apart',
  ],
  [
    'groups: { EU: {} }',
    '8:11 groups.EU: bad name: a group name starts with a lower-case letter and has ' +
      'lower-case letters, digits, "-" and "_" after it',
  ],
  [
    'accounts: { anna: { pinned_to: web-l } }',
    '8:32 accounts.anna.pinned_to: no host is called "web-l" (did you mean "web-1"?)',
  ],
  [
    'accounts: { anna: { allowed_zones: [mars] } }',
    '8:37 accounts.anna.allowed_zones[0]: no host is in a zone, country or group called "mars"',
  ],
  [
    'accounts: { anna: { chats: { garden: -1001, yard: -1001 } } }',
    '8:51 accounts.anna.chats.yard: the group -1001 is listed twice',
  ],
  [
    'accounts: { anna: { chats: [1001] } }',
    '8:29 accounts.anna.chats[0]: must be the id of a group in the marked form: -100 and ' +
      'the number of a supergroup, - and the number of a basic group, not 1001',
  ],
  [
    'accounts: { anna: { answer_limits: { per_user: none } } }',
    '8:48 accounts.anna.answer_limits.per_user: must be a whole number from 0 to 100000 ' +
      '(answers in an hour), or off, not "none"',
  ],
  [
    'model: { base_url: http://x/v1, model: m, timeout: 17s }',
    '8:52 model.timeout: an answer of the model (17s) must end 3s before its slot does ' +
      '(answer_slot: 20s)',
  ],
  [
    'model: { base_url: http://x/v1, model: m, api_key: sk-0123 }',
    `8:52 model.api_key: must be ${secretForm}`,
  ],
  [
    'model: { base_url: "https://me:pw@x/v1", model: m }',
    '8:20 model.base_url: must be an address such as https://api.example.com/v1, without ' +
      'a login and without a "/" at its end, not "https://***@x/v1"',
  ],
  [
    'model: { base_url: http://x/v1, model: m, retrys: 1 }',
    '8:43 model.retrys: unknown key (did you mean "retries"?)',
  ],
  [
    'accounts: { anna: { telegram: { api_hash: 0123456789abcdef } } }',
    `8:43 accounts.anna.telegram.api_hash: must be ${secretForm}`,
  ],
  [
    'accounts: { anna: { telegram: { api_id: x } } }',
    '8:41 accounts.anna.telegram.api_id: must be a whole number, or a secret reference ' +
      '(env:NAME, file:PATH or exec:COMMAND)',
  ],
  ['fleet: again', '8:1 fleet: this key is given twice; remove one'],
  ['<<: {}', '8:1 ["<<"]: merge keys are not supported: use defaults and groups to share settings'],
  [
    'zzz: 1',
    '8:1 zzz: unknown key; allowed here: version, fleet, vault, ledger, postgres, concurrency, ' +
      'runtime_mirror, scripts, model, answer_slot, egress, ssh, telegram, placement, ' +
      'failover, rebalance, hold, sweep, alerts, defaults, groups, hosts, account_defaults, ' +
      'accounts',
  ],
];

test.each(added)('added: %j', (yaml, problem) => {
  expect(problemsOf(`${minimalYaml}${yaml}\n`)).toEqual([problem]);
});

/** What stands in the place of `  web-2:` (line 7), and the only problem. */
const hosts: readonly (readonly [yaml: string, problem: string])[] = [
  [
    '  Web-2:',
    '7:3 hosts.Web-2: bad name: a host name has 1 to 63 lower-case letters, digits, "-" ' +
      'and ".", and begins and ends with a letter or digit',
  ],
  ['  web-1:', '7:3 hosts.web-1: this key is given twice; remove one'],
  ['  all:', '7:3 hosts.all: "all" is the name of every host together; choose another name'],
  [
    '  web-2: { address: root@192.0.2.1 }',
    '7:21 hosts.web-2.address: must be a host name or an IP address, without user, port ' +
      'and brackets, not "root@192.0.2.1"',
  ],
  ['  web-2: { user: root }', '7:12 hosts.web-2.user: unknown key here: it belongs under "ssh"'],
  ...[
    '-oProxyCommand=id',
    '$(id)',
    'a`id`',
    'a;id',
    'a|id',
    "a'b",
    'a b',
    'a\\',
    '\u001b[2J',
    'a\u202eb',
  ].map((user): [string, string] => [
    `ssh: { user: ${JSON.stringify(user)} }`,
    '7:14 ssh.user: must be a user name, without control characters, blanks and what a ' +
      `shell obeys, not ${JSON.stringify(user)}`,
  ]),
  ['  web-2: { group: [x] }', '7:12 hosts.web-2.group: unknown key (did you mean "groups"?)'],
  ['  web-2: 192.0.2.1', '7:10 hosts.web-2: must be a mapping of keys, not text'],
  [
    '  web-2: { host_keys: [SHA256:abc] }',
    '7:24 hosts.web-2.host_keys[0]: must be a fingerprint such as SHA256: and 43 ' +
      'characters (ssh-keygen -lf shows it), not "SHA256:abc"',
  ],
  [
    '  eu.web: { zone: "a b" }',
    '7:19 hosts["eu.web"].zone: must be a zone: letters, digits, "-", "_" and ".", at ' +
      'most 63, not "a b"',
  ],
  [
    '  web-2: { max_accounts: -1 }',
    '7:26 hosts.web-2.max_accounts: must be a whole number from 0 to 1000, not -1',
  ],
];

test.each(hosts)('host: %j', (yaml, problem) => {
  expect(problemsOf(minimalYaml.replace('  web-2:', yaml))).toEqual([problem]);
});

const syntax: readonly (readonly [yaml: string, problem: string])[] = [
  ['ssh:\n\tuser: root', '9:1 a tab is used as indentation: use spaces'],
  ['\tweb-3: {}\n  web-4: {}', '8:1 a tab is used as indentation: use spaces'],
  [
    'ssh: { user: root',
    '9:1 the indentation does not fit the lines above, or a bracket above is not closed',
  ],
  [
    'ledger: "x',
    '9:1 a character is missing: a closing quote or bracket, a comma, or the colon and ' +
      'space after a key',
  ],
  [
    'ledger hunter2',
    '8:1 a character is missing: a closing quote or bracket, a comma, or the colon and ' +
      'space after a key',
  ],
  [
    'ledger: a: b',
    '8:9 a mapping starts in the middle of a line: check the indentation, and put quotes ' +
      'around text with ": " in it',
  ],
  ['ledger: @x', '8:9 text that starts with @ or ` needs quotes'],
  ['ledger: !secret x', '8:9 tags (!name) are not supported; text that starts with ! needs quotes'],
  [
    'ledger x\nfleet: y',
    '8:1 this is no "key: value": a colon with a space after it is missing, or the ' +
      'indentation is wrong',
  ],
  ['---\nversion: 1', '8:1 a second document starts here (---): the file must be one document'],
  [
    'ledger: *hunter2',
    '8:9 an alias (*name) stands before its anchor (&name), inside it, or aliases ' +
      'multiply to more than 100: use groups to share settings',
  ],
  [
    `ledger: ${'['.repeat(30_000)}`,
    '8:56 this is nested too deeply: a bracket is not closed, or this is another kind of file',
  ],
];

test.each(syntax)('syntax: %.40j', (yaml, problem) => {
  expect(problemsOf(`${minimalYaml}${yaml}\n`)).toEqual([problem]);
});

test('what is required is asked for, where it would have to be', () => {
  expect(problemsOf('hosts:\n  a:\nvault: {}\n')).toEqual([
    '1:1 version: this key is missing; it must be 1, the only version of this format',
    '1:1 fleet: this key is missing; it must be a name of at most 32 lower-case letters, ' +
      'digits and "-"',
    '1:1 telegram: this key is missing; it must be a mapping of keys',
    `3:1 vault.key: this key is missing; it must be ${secretForm}`,
  ]);
});

test('all mistakes are reported at once, in the order of the file', () => {
  const text = `version: 2
fleet: test
fleet: test
vault: { key: AGE-SECRET-KEY-1QQQ }
telegram: { api_id: 1, api_hash: env:H, device: x }
groups: { eu: }
hosts:
  a: { groups: [ue, eu, eu], ssh: { port: x } }
`;
  expect(problemsOf(text)).toEqual([
    '1:10 version: must be 1, the only version of this format, not 2',
    '3:1 fleet: this key is given twice; remove one',
    `4:15 vault.key: must be ${secretForm}`,
    '5:41 telegram.device: unknown key (did you mean "device_model"?)',
    '8:17 hosts.a.groups[0]: no group is called "ue" (did you mean "eu"?)',
    '8:25 hosts.a.groups[2]: group "eu" is listed twice',
    '8:43 hosts.a.ssh.port: must be a whole number from 1 to 65535, not "x"',
  ]);
});

test('aliases that multiply are refused', () => {
  const bomb = [
    'a0: &a0 [x, x]',
    ...Array.from(
      { length: 20 },
      (_, level) => `a${level + 1}: &a${level + 1} [*a${level}, *a${level}, *a${level}]`,
    ),
  ].join('\n');
  expect(problemsOf(bomb)).toHaveLength(1);
  expect(problemsOf('hosts: &x [*x]')).toContain(
    '1:11 hosts: must be a mapping of host names to settings, not a list',
  );
});

test('many mistakes are counted, not all shown', () => {
  const problems = problemsOf(Array.from({ length: 300 }, (_, index) => `q${index}: 1`).join('\n'));
  expect(problems).toHaveLength(101);
  expect(problems.at(-1)).toBe('and 205 more');
});

test('an empty file and one that holds no mapping say so', () => {
  expect(problemsOf('# nothing\n')).toEqual(['1:1 the file is empty']);
  expect(problemsOf('hello')).toEqual(['1:1 must be a mapping of keys, not text']);
});

const narrow = (ssh: string, host = '{ address: 192.0.2.1 }') =>
  problemsOf(
    `${minimalYaml.replace('  web-2:\n', '').replace('{ address: 192.0.2.1 }', host)}ssh: ` +
      `{ sudo: narrow, ${ssh} }\n`,
  );
const way = 'init_user: root';

test.each([
  [way, 'needs ssh.user: the user whose rights are narrowed'],
  [`user: root, ${way}`, 'means a user who becomes root by sudo, and ssh.user is root'],
  [`user: "#0", ${way}`, 'takes as ssh.user letters, digits, "_" and "-" only'],
  [`user: "%sudo", ${way}`, 'takes as ssh.user letters, digits, "_" and "-" only'],
  [
    'user: ann, init_user: ann',
    'needs another ssh.init_user than ssh.user, whose rights are narrowed',
  ],
  ['user: ann', 'needs a way back for fleet init: ssh.init_user or ssh.sudo_password'],
])('narrow sudo with { %s } is refused', (ssh, problem) => {
  expect(narrow(ssh)).toEqual([`6:3 hosts.web-1: ssh.sudo: narrow ${problem}`]);
});

test('narrow sudo with a way back is taken, and a host that is root all the same says full', () => {
  expect(narrow(`user: ann, ${way}`)).toEqual([]);
  expect(narrow('user: ann, sudo_password: env:PW')).toEqual([]);
  expect(narrow(`user: ann, ${way}`, '{ ssh: { user: root, sudo: full } }')).toEqual([]);
  expect(narrow(`user: ann, ${way}`, '{ ssh: { user: root } }')).toHaveLength(1);
});

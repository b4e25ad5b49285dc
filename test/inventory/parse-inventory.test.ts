import { expect, test } from 'vitest';
import { workerCommandPattern } from '../../hostside/protocol/worker.ts';
import { accountSpecFor } from '../../src/inventory/account-spec.ts';
import type { AccountName } from '../../src/model/names.ts';
import { minimalYaml, parsed } from './sample-inventory.ts';

const mebibyte = 1_048_576;

const host = (text: string, name = 'web-1') => {
  const found = parsed(text).hosts.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no host ${name}`);
  return found;
};

const withHosts = (hosts: string, more = ''): string =>
  minimalYaml.replace(/hosts:[\s\S]*/, `hosts:\n${hosts}\n${more}`);

test('the least inventory has the documented defaults', () => {
  const limits = {
    memoryMaxBytes: 512 * mebibyte,
    memoryHighBytes: 460 * mebibyte,
    memoryReserveBytes: 200 * mebibyte,
    cpuMaxCores: 0.5,
    cpuReserveCores: 0.2,
    tasksMax: 128,
    diskMaxBytes: 1024 * mebibyte,
    filesMax: 20_000,
    logMax: 500,
  };
  const accountDefaults = {
    labels: {},
    group: null,
    script: null,
    owner: null,
    location: null,
    allowedZones: [],
    pinnedTo: null,
    strategy: null,
    limits: {},
    chats: [],
    answerLimits: {},
    telegram: {
      apiId: 12_345,
      apiHash: { kind: 'env', target: 'API_HASH' },
      deviceModel: 'fleet worker',
      systemVersion: 'Linux',
      appVersion: '1.0',
      langCode: 'en',
    },
    ownTelegram: {},
    worker: null,
    logLevel: 'info',
  };
  const web1 = {
    name: 'web-1',
    groups: [],
    labels: {},
    zone: null,
    location: null,
    ssh: {
      address: '192.0.2.1',
      user: null,
      port: null,
      identityFiles: [],
      hostKeys: [],
      password: null,
      passphrase: null,
      sudoPassword: null,
      sudo: 'full',
      initUser: null,
      transport: 'auto',
      connectTimeoutMs: 10_000,
      commandTimeoutMs: 120_000,
    },
    fence: null,
    profile: 'account-host',
    maxAccounts: 5,
    cordoned: false,
    limits,
    timeZone: 'Etc/UTC',
    allowUnsupportedOs: false,
  };
  expect(parsed(minimalYaml)).toEqual({
    fleet: 'test',
    path: '/ops/inventory.yaml',
    ledger: { kind: 'file', path: '/ops/fleet.db' },
    postgres: { password: null, caPath: null, isPlain: false },
    paths: {
      backups: '/ops/backups',
      vault: '/ops/vault',
      knownHosts: '/ops/known_hosts',
      scripts: '/ops/scripts',
    },
    model: null,
    answerSlotMs: 20_000,
    egress: null,
    alerts: null,
    vaultKey: { kind: 'env', target: 'VAULT_KEY' },
    concurrency: 32,
    placement: {
      strategy: 'load',
      strategyByLabel: [],
      weights: { cpu: 0.3, memory: 0.3, slots: 0.3, disk: 0.1 },
      threshold: 30,
      maxMigrations: 10,
      memoryLimitRatio: 0.9,
      sampleMaxAgeMs: 300_000,
      cooldownMs: 21_600_000,
    },
    hold: {
      holdAfterMs: 600_000,
      requireClockSync: true,
      settleMs: 5_000,
      settleUncleanMs: 30_000,
    },
    failover: { maxHosts: 1, settleMs: 25_000 },
    raised: [],
    rebalance: {
      patience: 3,
      restMs: 1_800_000,
      halfLifeMs: 1_800_000,
      measuredForMs: 300_000,
      addressChangesPerWeek: 3,
      crossCountry: false,
    },
    sweep: { downAfterMs: 180_000, keepSamplesMs: 604_800_000 },
    hosts: [web1, { ...web1, name: 'web-2', ssh: { ...web1.ssh, address: null } }],
    accounts: [],
    accountDefaults,
    runtimeMirror: null,
  });
});

test('defaults give way to groups in the order listed, groups to the host; labels and limits are joined', () => {
  const spec = host(
    withHosts(
      '  web-1: { groups: [second, first], labels: { b: host }, limits: { cpu_max: 2 } }',
      `defaults: { max_accounts: 1, zone: zd, labels: { a: default, b: default, c: default }, limits: { memory_max: 256M } }
groups:
  first: { max_accounts: 2, labels: { c: first }, limits: { tasks_max: 99 } }
  second: { max_accounts: 3, zone: zs, labels: { c: second, a: 7 } }
`,
    ),
  );
  expect(spec.groups).toEqual(['second', 'first']);
  expect(spec.maxAccounts).toBe(2);
  expect(spec.zone).toBe('zs');
  expect(spec.labels).toEqual({ a: '7', b: 'host', c: 'first' });
  expect(spec.limits).toMatchObject({
    memoryMaxBytes: 256 * mebibyte,
    memoryHighBytes: 230 * mebibyte,
    cpuMaxCores: 2,
    tasksMax: 99,
  });
});

test('a group that belongs to a group brings it along, settings of the outer one first', () => {
  const spec = host(
    withHosts(
      '  web-1: { groups: [de] }',
      'groups:\n  de: { groups: [eu], zone: de }\n  eu: { zone: eu, max_accounts: 9 }\n',
    ),
  );
  expect([spec.groups, spec.zone, spec.maxAccounts]).toEqual([['eu', 'de'], 'de', 9]);
});

test('ssh settings of the fleet give way to those of groups and of the host, key by key', () => {
  const spec = host(
    withHosts(
      '  web-1: { groups: [g], ssh: { port: 2200 } }',
      `ssh: { user: fleet, port: 22, identity_files: [~/.ssh/a, keys/b, /abs/c], connect_timeout: 3s, password: "exec:pass show x" }
groups: { g: { ssh: { user: root, port: 2100, command_timeout: 1.5m } } }
`,
    ),
  );
  expect(spec.ssh).toMatchObject({
    user: 'root',
    port: 2200,
    identityFiles: ['/home/ann/.ssh/a', '/ops/keys/b', '/abs/c'],
    connectTimeoutMs: 3_000,
    commandTimeoutMs: 90_000,
    password: { kind: 'exec', target: 'pass show x' },
  });
});

test('reserve and brake never exceed the ceiling', () => {
  const spec = host(
    withHosts('  web-1: { limits: { memory_max: 128M, memory_high: 1G, cpu_max: 0.1 } }'),
  );
  expect(spec.limits).toMatchObject({
    memoryHighBytes: 128 * mebibyte,
    memoryReserveBytes: 128 * mebibyte,
    cpuReserveCores: 0.1,
  });
});

const placeOf = (yaml: string) => host(withHosts(`  web-1: { location: ${yaml} }`)).location;

test('places by city, code, numbered code or position', () => {
  const frankfurt = { name: 'frankfurt', latitude: 50.11, longitude: 8.68, country: 'DE' };
  for (const word of ['frankfurt', 'Frankfurt', 'fra', 'fra1', 'FRA-12'])
    expect(placeOf(word)).toEqual(frankfurt);
  expect(placeOf('New York')?.name).toBe('new-york');
  expect(placeOf('{ lat: -1.5, lon: 2, country: de }')).toEqual({
    name: '-1.5,2',
    latitude: -1.5,
    longitude: 2,
    country: 'DE',
  });
});

test('an account that the inventory does not name has the defaults; a named one overrides them', () => {
  const inventory = parsed(`${minimalYaml}
account_defaults: { labels: { tier: a, x: y }, group: g, limits: { memory_max: 256M }, log_level: warn, allowed_zones: [z] }
defaults: { zone: z }
accounts:
  anna: { labels: { tier: b }, pinned_to: web-2, limits: { cpu_max: 1 }, telegram: { device_model: desk, api_id: env:ID }, allowed_zones: [] }
  bert:
`);
  const anna = accountSpecFor(inventory, 'anna' as AccountName);
  expect(anna).toMatchObject({
    name: 'anna',
    labels: { tier: 'b', x: 'y' },
    group: 'g',
    pinnedTo: 'web-2',
    logLevel: 'warn',
    allowedZones: [],
  });
  expect(anna.limits).toEqual({
    memoryMaxBytes: 256 * mebibyte,
    memoryHighBytes: 230 * mebibyte,
    cpuMaxCores: 1,
  });
  expect(anna.telegram).toMatchObject({
    deviceModel: 'desk',
    apiId: { kind: 'env', target: 'ID' },
    apiHash: { kind: 'env', target: 'API_HASH' },
  });
  expect(accountSpecFor(inventory, 'carl' as AccountName)).toEqual({
    ...inventory.accountDefaults,
    name: 'carl',
  });
  expect(accountSpecFor(inventory, 'bert' as AccountName)).toEqual({
    ...inventory.accountDefaults,
    name: 'bert',
  });
});

test('an account may be run by a program of one’s own, with its arguments and its form of the session', () => {
  const inventory = parsed(`${minimalYaml}
account_defaults: { worker: { command: [/opt/bot/run, --chat=a], session_format: telethon-string } }
accounts:
  anna: { worker: bundled }
  bert: { worker: { command: [/opt/other], linger: 45s } }
`);
  const workerOf = (name: string) => accountSpecFor(inventory, name as AccountName).worker;
  expect(workerOf('carl')).toEqual({
    command: ['/opt/bot/run', '--chat=a'],
    sessionFormat: 'telethon-string',
    lingerMs: 300_000,
  });
  expect(workerOf('anna')).toBeNull();
  expect(workerOf('bert')).toEqual({
    command: ['/opt/other'],
    sessionFormat: 'gramjs-string',
    lingerMs: 45_000,
  });
});

test('floors below the time for which Telegram may count a lost connection are raised, and said', () => {
  const low = parsed(`${minimalYaml}\nhold: { settle_unclean: 5s }\nfailover: { settle: 10s }\n`);
  expect([low.hold.settleUncleanMs, low.failover.settleMs]).toEqual([25_000, 25_000]);
  expect(low.raised).toEqual([
    expect.stringMatching(/^hold.settle_unclean is 5 s/),
    expect.stringMatching(/^failover.settle is 10 s/),
  ]);
  const high = parsed(`${minimalYaml}\nhold: { settle_unclean: 1m }\nfailover: { settle: 2m }\n`);
  expect([high.hold.settleUncleanMs, high.failover.settleMs, high.raised]).toEqual([
    60_000,
    120_000,
    [],
  ]);
});

test.each([
  '',
  'bot',
  '/opt/bot, "a b"',
  '/opt/bot, "$HOME"',
  '/opt/bot, "%h"',
  '"/opt/b:t"',
  '/opt/bot, ""',
])('a command that would be more than text on the host is refused: [%s]', (words) => {
  expect(() =>
    parsed(`${minimalYaml}account_defaults: { worker: { command: [${words}] } }\n`),
  ).toThrow();
});

test('what the inventory accepts as a command, the helper on the host does too', () => {
  const inventory = parsed(
    `${minimalYaml}account_defaults: { worker: { command: [/opt/a+b/r_un-1.sh, ` +
      '"--x=1,2:3@4", -v] } }\n',
  );
  expect(inventory.accountDefaults.worker?.command.join(' ')).toMatch(workerCommandPattern);
});

test('an anchor may share settings', () => {
  const inventory = parsed(
    withHosts('  web-1: { ssh: &login { user: root } }\n  web-2: { ssh: *login }'),
  );
  expect(inventory.hosts.map((each) => each.ssh.user)).toEqual(['root', 'root']);
});

test('labels keep their order for strategies, and the first is first', () => {
  const inventory = parsed(
    `${minimalYaml}placement: { strategy_by_label: { z: even, a=1: isolation } }\n`,
  );
  expect(inventory.placement.strategyByLabel).toEqual([
    { label: 'z', strategy: 'even' },
    { label: 'a=1', strategy: 'isolation' },
  ]);
});

test('ten times as many hosts take about ten times as long', () => {
  const inventoryOf = (count: number): string => {
    const hosts = Array.from(
      { length: count },
      (_, index) =>
        `  h${index}: { address: 192.0.${index >> 8}.${index % 256}, groups: [g], labels: ` +
        `{ n: ${index} } }`,
    );
    return withHosts(hosts.join('\n'), 'groups: { g: { zone: z } }');
  };
  /**
   * Processor time and not the clock's: the machine may have other work. The best of two is
   * disturbed least.
   */
  const costOf = (count: number): number => {
    const text = inventoryOf(count);
    const once = (): number => {
      const before = process.cpuUsage();
      expect(parsed(text).hosts).toHaveLength(count);
      const { user, system } = process.cpuUsage(before);
      return user + system;
    };
    return Math.min(once(), once());
  };
  costOf(200);
  // A cost that grows with the square of the hosts would be a hundred times as much.
  expect(costOf(2_000)).toBeLessThan(40 * costOf(200));
}, 120_000);

test('groups by name or as a list, limits joined key by key, off as null; the model with its defaults', () => {
  const { accounts, model, answerSlotMs, paths } = parsed(`${minimalYaml}
model: { base_url: http://127.0.0.1:8080/v1, model: small, fallback: later }
scripts: texts
account_defaults: { chats: [-1001, '-42'], answer_limits: { per_chat: off, ceiling: 500 } }
accounts: { anna: { answer_limits: { per_user: 3, ceiling: 600 } }, ben: { chats: { garden: -1002 } } }`);
  expect(accounts.map(({ chats, answerLimits }) => [chats, answerLimits])).toEqual([
    [
      [
        { id: '-1001', name: null },
        { id: '-42', name: null },
      ],
      { perChat: null, perUser: 3, ceiling: 600 },
    ],
    [[{ id: '-1002', name: 'garden' }], { perChat: null, ceiling: 500 }],
  ]);
  expect(model).toMatchObject({
    baseUrl: 'http://127.0.0.1:8080/v1',
    apiKey: null,
    timeoutMs: 12_000,
    contextMessages: 100,
    fallback: 'later',
  });
  expect([answerSlotMs, paths.scripts]).toEqual([20_000, '/ops/texts']);
});

import { describe, expect, it } from 'vitest';
import { parseInventory } from '../../../src/inventory/parse-inventory.ts';
import type { PlacedAccount } from '../../../src/ledger/queries/accounts.ts';
import type { HostRow } from '../../../src/ledger/schema.ts';
import { FleetError } from '../../../src/model/errors.ts';
import { buildFleetView, type FleetFacts } from '../../../src/workflows/hosts/build-fleet-view.ts';
import { accountReply, hostReply, keyId } from '../../facts/sample-reply.ts';

const inventory = parseInventory(
  `version: 1
fleet: test
vault: { key: env:KEY }
telegram: { api_id: 1, api_hash: env:HASH }
hosts:
  h1: { zone: z1 }
  h2: { cordoned: true }
accounts:
  alice: { limits: { memory_reserve: 300M, cpu_reserve: 0.3 } }
`,
  { path: '/x/inventory.yaml', home: '/home/x' },
);

const hostRow = (name: string, over: Partial<HostRow> = {}): HostRow => ({
  name,
  instance_id: 'i',
  ...{ refused_since: null, refused_at: null, refusals: 0, refusal: null },
  ...{ acknowledged_serial: null, fell_back_at: null, fell_back_to: null },
  arch: 'x64',
  os: 'Debian',
  release: 'r1',
  bootstrapped_at: 1,
  cordoned: 0,
  cordon_reason: null,
  contact_intent_at: null,
  last_seen_at: 1,
  failures: 0,
  failure_reason: null,
  unreachable_since: null,
  health: 'healthy',
  off_at: null,
  off_kind: null,
  may_boot_until: null,
  contacts: 0,
  announced_until: null,
  announced_boot: null,
  hold_after_ms: 600_000,
  machine_id: null,
  told_name: null,
  latency_ms: 3,
  destroyed_at: null,
  ...over,
});

const account = (over: Partial<PlacedAccount> = {}): PlacedAccount => ({
  name: 'alice',
  key_id: keyId,
  user_id: null,
  data_centre: 2,
  is_bot: 0,
  source_format: 'telethon',
  vault_hash: 'v',
  imported_at: 1,
  state: 'online',
  state_reason: '',
  state_since: 1,
  wanted: 1,
  pinned_to: null,
  paused: 0,
  script: null,
  username: null,
  display_name: null,
  behaviour_hash: null,
  host: 'h1',
  epoch: 1,
  placed_since: 5,
  ...over,
});

const [h1, h2] = inventory.hosts;
if (h1 === undefined || h2 === undefined) throw new Error('two hosts expected');

const view = (over: Partial<FleetFacts> = {}) =>
  buildFleetView({
    inventory,
    hosts: [hostRow('h1'), hostRow('h2')],
    accounts: [account()],
    readings: [h1, h2].map((host) => ({ host, sample: hostReply(), takenAtMs: 9, problem: null })),
    arriving: new Map(),
    nowMs: 10,
    ...over,
  });

describe('the view of the fleet', () => {
  it('takes what an account uses out of its host, so that it is not counted twice', () => {
    const sample = hostReply({
      accounts: [accountReply({ cpuCores: { m1: 0.2, m5: 0.2, m15: 0.2 }, memoryBytes: 100e6 })],
    });
    const { hosts, accounts } = view({
      readings: [{ host: h1, sample, takenAtMs: 9, problem: null }],
    });
    expect(hosts[0]).toMatchObject({
      cpuCores: 2,
      baseCpuCores: 0.4 * 2 - 0.2,
      baseMemoryBytes: 1e9 - 100e6,
      diskUsedRatio: 0.5,
      latencyMs: 3,
    });
    expect(accounts[0]).toMatchObject({ cpuCores: 0.2, memoryBytes: 100e6 });
  });

  it('counts an account once where its host cannot count its memory: what is reserved for it is not the host’s own', () => {
    const sample = hostReply({
      accounts: [accountReply({ cpuCores: { m1: 0.2, m5: 0.2, m15: 0.2 }, memoryBytes: null })],
    });
    const { hosts, accounts } = view({
      readings: [{ host: h1, sample, takenAtMs: 9, problem: null }],
    });
    expect([hosts[0]?.baseMemoryBytes, accounts[0]?.memoryBytes]).toEqual([
      1e9 - 300 * 1024 ** 2,
      300 * 1024 ** 2,
    ]);
  });

  it('reserves what the inventory says until 15 minutes were measured', () => {
    expect(view().accounts[0]).toMatchObject({ cpuCores: 0.3, memoryBytes: 300 * 1024 ** 2 });
  });

  it('counts an account where an open move is taking it', () => {
    expect(view({ arriving: new Map([['alice', 'h2']]) }).accounts[0]).toMatchObject({
      host: 'h2',
    });
  });

  it.each<[string, Partial<FleetFacts>, string]>([
    ['ready', {}, 'up'],
    ['never bootstrapped', { hosts: [hostRow('h1', { release: null })] }, 'not-ready'],
    ['unknown to the ledger', { hosts: [] }, 'not-ready'],
    [
      'cordoned in the ledger',
      { hosts: [hostRow('h1', { cordoned: 1, cordon_reason: 'repair' })] },
      'cordoned',
    ],
    ['declared destroyed', { hosts: [hostRow('h1', { destroyed_at: 3 })] }, 'dead'],
    [
      'without a sample',
      { readings: [{ host: h1, sample: null, takenAtMs: null, problem: null }] },
      'unhealthy',
    ],
    [
      'not answering now',
      {
        readings: [
          {
            host: h1,
            sample: hostReply(),
            takenAtMs: 1,
            problem: new FleetError('ssh-timeout', 'h1: no answer', { hint: '' }),
          },
        ],
      },
      'unhealthy',
    ],
  ])('a host that is %s is %s', (_, facts, state) => {
    expect(view(facts).hosts[0]?.state).toBe(state);
  });

  it('a host that the inventory cordons is cordoned', () => {
    expect(view().hosts[1]).toMatchObject({
      name: 'h2',
      state: 'cordoned',
      stateReason: 'in the inventory',
    });
  });
});

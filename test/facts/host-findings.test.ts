import { expect, it } from 'vitest';
import type { HostSample } from '../../hostside/protocol/sample.ts';
import { findingsIn } from '../../src/facts/host-findings.ts';
import { accountReply, hostReply } from './sample-reply.ts';

const busy = (ratio: number): Partial<HostSample> => ({
  cpu: { cores: 2, busyRatio: { m1: 0, m5: ratio, m15: null, now: 1 } },
});
const unit = { activeState: 'active', subState: 'running', exitStatus: null };

it.each<[string, Partial<HostSample>, string | null, string[]]>([
  ['nothing', {}, 'r1', []],
  ['nothing without a known release', {}, null, []],
  ['a CPU just below the level', busy(0.69), 'r1', []],
  ['a busy CPU, over the longest window that is full', busy(0.7), 'r1', ['warning: CPU at 70 %']],
  ['a CPU at its limit', busy(0.85), 'r1', ['critical: CPU at 85 %']],
  [
    'memory',
    { memory: { totalBytes: 100, availableBytes: 15, swapTotalBytes: 0, swapFreeBytes: 0 } },
    'r1',
    ['warning: memory at 85 %'],
  ],
  ['disk', { disk: { totalBytes: 100, freeBytes: 5 } }, 'r1', ['critical: disk at 95 %']],
  [
    'a clock far off',
    { clock: { synchronized: true, offsetMs: -2500 } },
    'r1',
    ['critical: its clock is off by -2.5 s'],
  ],
  [
    'a clock on its own',
    { clock: { synchronized: false, offsetMs: null } },
    'r1',
    ['warning: its clock is not synchronised'],
  ],
  [
    'a hold',
    {
      bootVerdict: {
        format: 1,
        bootId: 'b',
        verdict: 'hold',
        reasons: ['long ago'],
        decidedAt: '',
      },
    },
    'r1',
    ['warning: it holds accounts since its boot: long ago'],
  ],
  ['another release', {}, 'r2', ['warning: its agent is of release r1, not r2']],
  ['three restarts', { accounts: [accountReply({ unit: { ...unit, restarts: 3 } })] }, 'r1', []],
  [
    'memory that nobody counts',
    { accounts: [accountReply({ unit: { ...unit, restarts: 0 }, memoryBytes: null })] },
    'r1',
    [
      'warning: the memory of its accounts is not counted, nor limited: its kernel has no ' +
        'memory controller for control groups',
    ],
  ],
  [
    'an account that is off',
    {
      accounts: [
        accountReply({
          unit: { ...unit, activeState: 'inactive', restarts: 0 },
          memoryBytes: null,
        }),
      ],
    },
    'r1',
    [],
  ],
  [
    'more restarts',
    { accounts: [accountReply({ unit: { ...unit, restarts: 4 } })] },
    'r1',
    ['warning: alice was restarted 4 times'],
  ],
])('finds %s', (_, over, release, expected) => {
  const found = findingsIn(hostReply(over), release, true);
  expect(found.map(({ level, text }) => `${level}: ${text}`)).toEqual(expected);
  for (const { remedy } of found) expect(remedy).toMatch(/^fleet /);
});

it('bears a clock on its own where the inventory does', () => {
  expect(
    findingsIn(hostReply({ clock: { synchronized: false, offsetMs: null } }), 'r1', false),
  ).toEqual([]);
});

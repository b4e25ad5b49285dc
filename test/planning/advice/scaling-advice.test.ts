import { expect, it } from 'vitest';
import {
  adviseScaling,
  type FleetUse,
  type HostUse,
} from '../../../src/planning/advice/scaling-advice.ts';

const gigabyte = 1024 ** 3;
const host = (name: string, over: Partial<HostUse> = {}): HostUse => ({
  ...{
    host: name,
    cores: 2,
    busyRatio: 0.3,
    memoryBytes: 4 * gigabyte,
    memoryUsedRatio: 0.4,
    accounts: 2,
    maxAccounts: 5,
  },
  ...over,
});
const now = 20_000 * 86_400_000;
/** Figures of the last days, one a day, today's last. */
const days = (measure: keyof Omit<FleetUse, 'atMs'>, values: readonly number[]): FleetUse[] =>
  values.map((value, index) => ({
    ...{
      atMs: now - (values.length - 1 - index) * 86_400_000,
      busyRatio: 0.3,
      memoryUsedRatio: 0.3,
      slotsRatio: 0.3,
    },
    [measure]: value,
  }));

it.each<[string, HostUse[], number, string[], number]>([
  ['no host at all', [], 3, [], 0],
  ['enough of everything', [host('a'), host('b')], 0, [], 0],
  [
    'exactly at the limit',
    [host('a', { busyRatio: 0.8, memoryUsedRatio: 0.8 }), host('b')],
    0,
    [],
    0,
  ],
  ['one busy host', [host('a', { busyRatio: 0.95 }), host('b')], 0, ['a: CPU 95 %'], 0],
  [
    'one host without memory',
    [host('a', { memoryUsedRatio: 0.9 }), host('b')],
    0,
    ['a: memory 90 %'],
    0,
  ],
  ['one host that is full', [host('a', { accounts: 5 }), host('b')], 0, ['a: 5 of 5 accounts'], 0],
  [
    'all full',
    [host('a', { accounts: 5 }), host('b', { accounts: 6 })],
    0,
    ['a: 5 of 5 accounts', 'b: 6 of 5 accounts'],
    1,
  ],
  [
    'all full, and more to come',
    [host('a', { accounts: 5 }), host('b', { accounts: 5 })],
    7,
    ['a: 5 of 5 accounts', 'b: 5 of 5 accounts'],
    2,
  ],
  ['few slots for many that wait', [host('a'), host('b')], 12, [], 2],
  // 3.8 of 4 cores are busy: at 80 % that takes 4.75, which is one host of two cores more.
  [
    'all busy',
    [host('a', { busyRatio: 0.95 }), host('b', { busyRatio: 0.95 })],
    0,
    ['a: CPU 95 %', 'b: CPU 95 %'],
    1,
  ],
  // 15.2 of 16 GB at 80 %: 19 GB, one of 4 GB more; for each its own reason.
  [
    'each for another reason',
    [host('a', { busyRatio: 0.81 }), host('b', { accounts: 5 })],
    0,
    ['a: CPU 81 %', 'b: 5 of 5 accounts'],
    1,
  ],
])('%s', (_, uses, waiting, crowded, missing) => {
  const advice = adviseScaling(uses, waiting, [], now);
  expect(advice.crowded.map(({ host: name, reasons }) => `${name}: ${reasons.join(', ')}`)).toEqual(
    crowded,
  );
  expect(advice.missingHosts).toBe(missing);
});

it('counts in hosts as most of them are', () => {
  const large = { cores: 16, memoryBytes: 64 * gigabyte, maxAccounts: 40 };
  expect(adviseScaling([host('a', large), host('b'), host('c')], 0, [], now).size).toEqual({
    cores: 2,
    memoryBytes: 4 * gigabyte,
    maxAccounts: 5,
  });
  expect(adviseScaling([host('a', large), host('b')], 0, [], now).size?.cores).toBe(2);
});

it.each<[string, FleetUse[], 'CPU' | 'memory' | 'slots' | null, number | null]>([
  ['too few days', days('busyRatio', [0.4, 0.6]), null, null],
  ['a level fleet', days('busyRatio', [0.5, 0.5, 0.5, 0.5]), null, null],
  ['less every day', days('busyRatio', [0.7, 0.6, 0.5, 0.4]), null, null],
  ['busier by a tenth every day', days('busyRatio', [0.4, 0.5, 0.6, 0.7]), 'CPU', 1],
  ['memory that grows slowly', days('memoryUsedRatio', [0.5, 0.51, 0.52, 0.53]), 'memory', 27],
  ['more accounts every day', days('slotsRatio', [0.5, 0.6, 0.7]), 'slots', 3],
  ['too far away to say', days('memoryUsedRatio', [0.1, 0.101, 0.102]), null, null],
])('%s', (_, past, fullOf, inDays) => {
  const advice = adviseScaling([host('a'), host('b')], 0, past, now);
  expect(advice.fullOf).toBe(fullOf);
  if (inDays === null) expect(advice.fullAtMs).toBeNull();
  else expect(((advice.fullAtMs ?? 0) - now) / 86_400_000).toBeCloseTo(inDays, 3);
});

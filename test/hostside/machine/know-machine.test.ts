import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  instanceIdFrom,
  type MachineParts,
  readMachineParts,
} from '../../../hostside/machine/instance-id.ts';
import {
  judgeMachine,
  keepMachine,
  lookAtMachine,
  type MachineRecord,
} from '../../../hostside/machine/know-machine.ts';
import { scratchPlaces } from '../claims/claim-fixtures.ts';

const parts: MachineParts = {
  ...{
    cloudId: 'i-0abc',
    dmiUuid: '4C4C4544-0051-3610-8052-B4C04F4E3432',
    isContainer: false,
    machineId: 'm1',
  },
  macs: ['52:54:00:00:00:01', '52:54:00:00:00:02'],
};
const first = judgeMachine(null, parts);
/** What a later boot finds, held against the record of the first. */
const later = (change: Partial<MachineParts>, before: MachineRecord = first): MachineRecord =>
  judgeMachine(before, { ...parts, ...change });
const nothing: Partial<MachineParts> = { cloudId: '', dmiUuid: '', macs: [] };

test('without a record it has the id under which a host of the release before made its claims', () => {
  expect(first).toMatchObject({ format: 1, instanceId: instanceIdFrom(parts), machineId: 'm1' });
  expect(first.changed).toBeUndefined();
});

describe('the same machine keeps its id', () => {
  test.each<[string, Partial<MachineParts>]>([
    ['nothing changed', {}],
    ['a card more', { macs: [...parts.macs, '52:54:00:00:00:03'] }],
    [
      'one of two cards another one, in other letters',
      { macs: ['52:54:00:00:00:0F', '52:54:00:00:00:02'] },
    ],
    ['no card yet', { macs: [] }],
    ['cloud-init removed', { cloudId: '' }],
    ['a firmware that says nothing any more', { dmiUuid: '00000000-0000-0000-0000-000000000000' }],
    ['the uuid in other letters', { dmiUuid: parts.dmiUuid.toLowerCase() }],
    ['a machine id of its own', { machineId: 'm2' }],
    ['only a card left by which it is known', { cloudId: '', dmiUuid: '' }],
    ['only the cloud left', { dmiUuid: '', macs: [] }],
  ])('%s', (_, change) => {
    expect(later(change).instanceId).toBe(first.instanceId);
  });

  test('cards may be exchanged one after the other, and what is missing for a while is remembered', () => {
    const second = later({ macs: ['52:54:00:00:00:02', '52:54:00:00:00:03'], cloudId: '' });
    expect(second.cloudId).toBe('i-0abc');
    expect(later({ macs: ['52:54:00:00:00:03'] }, second).instanceId).toBe(first.instanceId);
    // One by one they come up at boots: neither boot sees the other's card.
    expect(
      later({ macs: ['52:54:00:00:00:01'] }, later({ macs: ['52:54:00:00:00:02'] })).instanceId,
    ).toBe(first.instanceId);
  });

  test('of any number of cards no more than 64 are kept, those of now first', () => {
    const many = Array.from(
      { length: 200 },
      (_, index) => `52:54:00:00:01:${index.toString(16).padStart(2, '0')}`,
    );
    const record = later({ macs: [...many, '52:54:00:00:00:01'] });
    expect([record.instanceId, record.macs.length]).toEqual([first.instanceId, 64]);
    expect(later({ macs: many }, record).instanceId).toBe(first.instanceId);
  });
});

describe('another machine gets another id, and keeps it', () => {
  test.each<[string, Partial<MachineParts>, RegExp]>([
    ['another cloud id', { cloudId: 'i-0abd' }, /^the cloud's id i-0abc is now i-0abd$/],
    [
      'another DMI uuid',
      { dmiUuid: '4c4c4544-0051-3610-8052-b4c04f4e3433' },
      /^the DMI uuid .* is now .*3433$/,
    ],
    [
      'other cards only',
      { macs: ['52:54:00:00:00:09'] },
      /^the hardware address 52:54:00:00:00:01 52:54:00:00:00:02 is now 52:54:00:00:00:09$/,
    ],
    [
      'everything',
      { cloudId: 'x', dmiUuid: '', macs: ['52:54:00:00:00:09'] },
      /cloud's id.*, the hardware address/,
    ],
    ['nothing by which it is known', nothing, /nothing by which it is known is left/],
  ])('%s', (_, change, words) => {
    const other = later(change);
    expect(other.instanceId).not.toBe(first.instanceId);
    expect(other.instanceId).toMatch(/^[0-9a-f]{32}$/);
    expect(other.changed).toMatch(words);
    expect(later(change, other)).toEqual(other);
    // And the disk back in the first machine is no machine that it was granted anything on.
    expect(later({}, other).instanceId).not.toBe(other.instanceId);
  });

  test('two copies of one machine are two machines', () => {
    const ids = ['52:54:00:00:00:08', '52:54:00:00:00:09'].map(
      (mac) => later({ macs: [mac] }).instanceId,
    );
    expect(new Set([first.instanceId, ...ids]).size).toBe(3);
  });
});

describe('a machine without any hardware part', () => {
  const bare = judgeMachine(null, { ...parts, ...nothing });

  test('is known by its machine id, where it has one', () => {
    expect(later(nothing, bare).instanceId).toBe(bare.instanceId);
    expect(later({ ...nothing, machineId: '' }, bare).instanceId).toBe(bare.instanceId);
    expect(later({ ...nothing, machineId: 'm2' }, bare)).toMatchObject({
      changed: 'the machine id m1 is now m2',
    });
  });

  test('that shows one later cannot be told from a copy', () => {
    expect(later({}, bare).instanceId).not.toBe(bare.instanceId);
  });
});

describe('on a host', () => {
  const hostOf = (mac: string) => {
    const places = scratchPlaces();
    const show = (path: string, text: string): void => {
      mkdirSync(dirname(join(places.root, path)), { recursive: true });
      writeFileSync(join(places.root, path), `${text}\n`);
    };
    show('var/lib/cloud/data/instance-id', 'i-0abc');
    show('etc/machine-id', 'm1');
    show('sys/class/net/eth0/address', mac);
    show('sys/class/net/docker0/address', '02:42:00:00:00:01');
    show('sys/class/net/enx1/address', '52:54:00:00:00:77');
    show('sys/class/net/enx1/addr_assign_type', '1');
    return { places, show };
  };

  test('the parts are read with limits, and without what changes by itself', () => {
    const { places, show } = hostOf('52:54:00:00:00:01');
    expect(readMachineParts(places.root)).toEqual({
      ...{
        cloudId: 'i-0abc',
        dmiUuid: '',
        macs: ['52:54:00:00:00:01'],
        isContainer: false,
        machineId: 'm1',
      },
    });
    show('etc/machine-id', 'x'.repeat(10_000));
    expect(readMachineParts(places.root).machineId).toBe('');
  });

  test('what was found is kept for root alone, once the boot has said who it is, and never of a machine that changed since', () => {
    const { places, show } = hostOf('52:54:00:00:00:01');
    const machine = lookAtMachine(places);
    keepMachine(places, machine);
    expect(existsSync(places.machine)).toBe(false);
    mkdirSync(dirname(places.bootInstanceId), { recursive: true });
    writeFileSync(places.bootInstanceId, machine.instanceId);
    keepMachine(places, machine);
    expect(statSync(places.machine).mode & 0o777).toBe(0o600);
    expect(lookAtMachine(places)).toEqual(machine);
    const kept = readFileSync(places.machine, 'utf8');
    show('sys/class/net/eth0/address', '52:54:00:00:00:02');
    const other = lookAtMachine(places);
    expect(other.instanceId).not.toBe(machine.instanceId);
    keepMachine(places, other);
    expect(readFileSync(places.machine, 'utf8')).toBe(kept);
  });

  test.each([
    ['nothing', ''],
    ['no JSON', '{'],
    ['a later format', '{"format":2}'],
    ['a wrong id', '{"format":1,"instanceId":"../x"}'],
    ['too much', 'x'.repeat(100_000)],
  ])('a record that is garbage counts as none: %s', (_, text) => {
    const { places } = hostOf('52:54:00:00:00:01');
    mkdirSync(dirname(places.machine), { recursive: true });
    writeFileSync(places.machine, text);
    expect(lookAtMachine(places).instanceId).toBe(instanceIdFrom(readMachineParts(places.root)));
  });
});

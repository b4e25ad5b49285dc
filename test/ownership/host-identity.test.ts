import { describe, expect, it } from 'vitest';
import { instanceIdFrom } from '../../hostside/machine/instance-id.ts';
import {
  judgeAll,
  judgeIdentity,
  type KnownMachine,
  namelessInstance,
} from '../../src/ownership/host-identity.ts';

const machine = (
  name: string,
  instanceId: string | null,
  machineId: string | null = null,
  isListed = true,
): KnownMachine => ({
  ...{ name, instanceId, machineId, isListed },
});

describe('one machine, one name', () => {
  const h1 = machine('h1', 'i1', 'm1');

  it('a machine alone is itself, also after a reinstallation, a new disk, or when it was never heard', () => {
    expect(judgeIdentity(machine('h1', 'i1', 'm2'), [h1, machine('h2', 'i2', 'm3')])).toBeNull();
    expect(judgeIdentity(machine('h1', 'i9', 'm1'), [h1])).toBeNull();
    expect(judgeIdentity(machine('h3', 'i3', 'm3'), [h1, machine('h2', null, null)])).toBeNull();
    expect(judgeIdentity(machine('h3', '', ''), [h1, machine('h2', '', '')])).toBeNull();
  });

  it('the same machine under a second name of the inventory is a duplicate, under one that only the ledger has it was renamed', () => {
    expect(judgeIdentity(machine('h2', 'i1', 'm1'), [h1])).toEqual({
      kind: 'duplicate',
      other: 'h1',
    });
    expect(judgeIdentity(machine('h2', 'i1'), [machine('h1', 'i1', 'm1', false)])).toEqual({
      kind: 'renamed',
      other: 'h1',
    });
    // Reinstalled and renamed at once.
    expect(judgeIdentity(machine('h2', 'i1', 'm7'), [machine('h1', 'i1', 'm1', false)])).toEqual({
      kind: 'renamed',
      other: 'h1',
    });
    expect(judgeIdentity(machine('h2', 'i1'), [machine('h0', 'i1', null, false), h1])).toEqual({
      kind: 'duplicate',
      other: 'h1',
    });
  });

  it('the same system on another machine is a copy; where the machine cannot be told, that is said', () => {
    expect(judgeIdentity(machine('h2', 'i2', 'm1'), [h1])).toEqual({ kind: 'clone', other: 'h1' });
    expect(judgeIdentity(machine('h2', '', 'm1'), [h1])).toEqual({
      kind: 'same-system',
      other: 'h1',
    });
    expect(judgeIdentity(machine('h2', '', 'm1'), [machine('h1', 'i1', 'm1', false)])).toEqual({
      kind: 'renamed',
      other: 'h1',
    });
  });

  it('its own settings tell a wrong address, and a new name', () => {
    const settings = (toldName: string) => ({ ...machine('h2', 'i2', null), toldName });
    expect(judgeIdentity(settings('h2'), [h1])).toBeNull();
    expect(judgeIdentity(settings('h1'), [h1])).toEqual({ kind: 'misnamed', other: 'h1' });
    expect(judgeIdentity(settings('old'), [h1])).toEqual({ kind: 'renamed', other: 'old' });
  });

  it('machines without anything to tell them apart are not one machine', () => {
    expect(instanceIdFrom({ cloudId: '', dmiUuid: '', macs: [], isContainer: true })).toBe(
      namelessInstance,
    );
    expect(
      judgeIdentity(machine('h2', namelessInstance), [machine('h1', namelessInstance)]),
    ).toBeNull();
  });

  it('another machine under the name of one that has accounts is told, unless it is a known one or nobody has accounts there', () => {
    const owner = { ...h1, isOwner: true };
    const heard = { ...machine('h1', 'i9'), changed: 'the DMI uuid a is now b' };
    expect([...judgeAll([heard], [owner])]).toEqual([
      ['h1', { kind: 'replaced', other: 'h1', changed: 'the DMI uuid a is now b' }],
    ]);
    expect(judgeAll([heard], [h1]).size).toBe(0);
    expect(judgeAll([machine('h1', '')], [owner]).size).toBe(0);
    expect(judgeAll([machine('h1', 'i1')], [owner]).size).toBe(0);
    expect(
      judgeAll(
        [machine('h1', 'i9')],
        [machine('h1', null), { ...machine('h1', null), isOwner: true }],
      ).size,
    ).toBe(0);
    expect(judgeAll([machine('h1', 'i2')], [owner, machine('h2', 'i2')]).get('h1')).toEqual({
      kind: 'duplicate',
      other: 'h2',
    });
  });

  it('both names of one machine are at fault, and addresses that were exchanged are told by the settings', () => {
    const both = judgeAll([machine('h1', 'i1'), machine('h2', 'i1')], [h1]);
    expect([...both]).toEqual([
      ['h1', { kind: 'duplicate', other: 'h2' }],
      ['h2', { kind: 'duplicate', other: 'h1' }],
    ]);
    const heard = [
      { ...machine('h1', 'i2'), toldName: 'h2' },
      { ...machine('h2', 'i1'), toldName: 'h1' },
    ];
    expect([...judgeAll(heard, [h1, machine('h2', 'i2')])].map(([, { kind }]) => kind)).toEqual([
      'misnamed',
      'misnamed',
    ]);
  });
});

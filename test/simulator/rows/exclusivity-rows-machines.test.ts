import { rmSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import '../borders.ts';
import { settle } from '../settle.ts';
import {
  a1,
  allocate,
  claimAt,
  nothingWrong,
  placed,
  usersOf,
  whole,
  world,
} from './rows-fixture.ts';

/** Rule R7 of docs/exclusivity.md: machines are known by their parts. */

const h1 = () => world.host('h1');
const plug = (macs: readonly string[]): void => {
  h1().macs = macs;
};
const heldOn = (machine = h1()): boolean => machine.units.workerOf(a1) === null;

/** Down for ten seconds, with what `change` makes of it; then a minute. */
async function bootWith(change: () => void): Promise<void> {
  h1().crash();
  change();
  await world.simulation.pass(10_000);
  h1().boot();
  await world.simulation.pass(60_000);
}

const problemsOfSweep = async (): Promise<readonly string[]> => {
  await world.command({ verb: 'sweep' });
  return world.hints;
};

describe('R7 copies', () => {
  it('R7 a copy with the same machine id, cloud id and DMI uuid starts nothing, ten seconds after it was made', async () => {
    await placed();
    const copy = world.clone(h1(), 'ids');
    await world.simulation.pass(10_000);
    copy.boot();
    await world.simulation.pass(60_000);
    expect([heldOn(copy), usersOf('a1')]).toEqual([true, ['h1']]);
    // And a second time, by what it recorded in the first boot.
    copy.crash();
    copy.boot();
    await world.simulation.pass(60_000);
    expect([heldOn(copy), usersOf('a1')]).toEqual([true, ['h1']]);
    nothingWrong();
  });

  it('R7 a copy that answers in the place of its original, which cannot be heard, gets nothing, and nobody else does', async () => {
    await placed();
    const copy = world.clone(h1(), 'ids');
    copy.link = whole;
    await world.simulation.pass(10_000);
    copy.boot();
    world.leadsTo.set('h1', copy);
    await world.simulation.pass(60_000);
    expect(await problemsOfSweep()).toContainEqual(
      expect.stringContaining('fleet adopt --replaced h1'),
    );
    for (const verb of [
      { verb: 'adopt' },
      allocate,
      { verb: 'start', account: 'a1' },
      { verb: 'move', account: 'a1', host: 'h2' },
    ] as const)
      await world.command(verb);
    expect([heldOn(copy), usersOf('a1')]).toEqual([true, ['h1']]);
    // Switched off, and the address put right: nothing is left of it.
    copy.crash();
    world.leadsTo.clear();
    await settle(world);
    expect(usersOf('a1')).toEqual(['h1']);
    nothingWrong();
  });
});

describe('R7 targets', () => {
  it('R7 a move gives nothing to a copy that answers under its target’s name, however young the measurement is', async () => {
    await placed();
    await world.command({ verb: 'sweep' });
    const copy = world.clone(world.host('h2'), 'ids');
    copy.link = whole;
    copy.boot();
    world.leadsTo.set('h2', copy);
    await world.simulation.pass(1_000);
    const problem = await world.command({ verb: 'move', account: 'a1', host: 'h2' });
    expect([problem?.code, problem?.message]).toEqual([
      'host-foreign',
      expect.stringContaining('another machine answers there'),
    ]);
    expect([heldOn(copy), usersOf('a1')]).toEqual([true, ['h1']]);
    copy.crash();
    world.leadsTo.clear();
    await settle(world);
    expect(usersOf('a1')).toEqual(['h1']);
    nothingWrong();
  });
});

describe('R7 the same machine', () => {
  it.each<[string, () => void]>([
    ['a network card more', () => plug([...h1().macs, '02:00:00:00:00:09'])],
    ['cloud-init removed', () => h1().identify(null)],
    ['no card at the time of the boot', () => plug([])],
    ['no record, as after an upgrade', () => rmSync(h1().places.machine, { force: true })],
  ])('R7 a reboot with %s holds nothing', async (_, change) => {
    await placed();
    await bootWith(change);
    expect(usersOf('a1')).toEqual(['h1']);
    expect(await problemsOfSweep()).toEqual([]);
    nothingWrong();
  });
});

describe('R7 other hardware', () => {
  it.each<[string, () => void]>([
    ['another network card', () => plug(['02:00:00:00:00:07'])],
    [
      'a snapshot restored elsewhere',
      () => {
        h1().macs = ['02:00:00:00:00:07'];
        h1().dmiUuid = '4c4c4544-0000-4000-8000-000000000007';
        h1().identify('i-7');
      },
    ],
  ])(
    'R7 %s: held, named, nothing is granted until the operator has said what it is; then it runs',
    async (_, change) => {
      await placed();
      await bootWith(change);
      expect(usersOf('a1')).toEqual([]);
      expect(await problemsOfSweep()).toContainEqual(
        expect.stringContaining('fleet adopt --replaced h1'),
      );
      // Without the statement adopt decides nothing, and nothing starts elsewhere.
      await world.command({ verb: 'adopt' });
      expect(world.doubted).toEqual(['h1']);
      await world.command(allocate);
      expect([usersOf('a1'), claimAt('h1')?.state]).toEqual([[], 'active']);
      expect(await world.command({ verb: 'adopt', replaced: ['h1'] })).toBeNull();
      expect(claimAt('h1')?.state).toBe('revoked');
      expect(await world.command(allocate)).toBeNull();
      expect(usersOf('a1')).toHaveLength(1);
      // From now on it is that machine.
      await bootWith(() => undefined);
      expect(await problemsOfSweep()).toEqual([]);
      await settle(world);
      nothingWrong();
    },
  );

  it('R7 21 a new machine under the name of one that still runs accounts is not taken for it', async () => {
    await placed();
    const original = h1();
    original.crash();
    original.reinstall('i-new');
    original.macs = ['02:00:00:00:00:06'];
    original.dmiUuid = '4c4c4544-0000-4000-8000-000000000006';
    original.boot();
    await world.simulation.pass(60_000);
    expect(await problemsOfSweep()).toContainEqual(
      expect.stringContaining('fleet adopt --replaced h1'),
    );
    await world.command({ verb: 'adopt' });
    expect(world.doubted).toEqual(['h1']);
    await world.command(allocate);
    expect(usersOf('a1')).toEqual([]);
    expect(await world.command({ verb: 'adopt', replaced: ['h1'] })).toBeNull();
    expect(await world.command(allocate)).toBeNull();
    expect(usersOf('a1')).toHaveLength(1);
    nothingWrong();
  });
});

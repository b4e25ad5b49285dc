import { describe, expect, it } from 'vitest';
import '../borders.ts';
import { type CallFate, plainFate, type RemoteCall } from '../model/model-remote.ts';
import { settle } from '../settle.ts';
import { allocate, at, claimAt, nothingWrong, placed, usersOf, world } from './rows-fixture.ts';

/** Row 52 of docs/exclusivity.md: `fleet uninstall` in the middle of everything. */
const minute = 60_000;
const pass = (ms: number) => world.simulation.pass(ms);
const uninstall = (host: string, forgetsClaims = false) =>
  ({ verb: 'uninstall', host, forgetsClaims }) as const;

async function endsWell(): Promise<void> {
  await settle(world);
  for (const account of ['a1', 'a2', 'a3']) expect(usersOf(account)).toHaveLength(1);
  nothingWrong();
}

/** h1 owns nothing any more. */
async function drained(): Promise<void> {
  await placed();
  expect(await world.command({ verb: 'drain', host: 'h1' })).toBeNull();
  expect(usersOf('a1')).not.toEqual(['h1']);
  await world.uncordonAll();
}

describe('fleet is taken off a host', () => {
  it('52 not off one that owns accounts, by the ledger or by the host', async () => {
    await placed();
    expect((await world.command(uninstall('h1')))?.code).toBe('claim-refused');
    expect(world.host('h1').closeForAccounts()).toMatch(/^this host owns accounts/);
    expect(usersOf('a1')).toEqual(['h1']);
    await endsWell();
  });

  it('52 its tombstones stay: an old copy of its disk is held, whoever runs the account now', async () => {
    await placed();
    const disk = world.snapshotDisk(world.host('h1'));
    await world.command({ verb: 'drain', host: 'h1' });
    const [owner = ''] = usersOf('a1');
    expect(await world.command(uninstall('h1', true))).toBeNull();
    await pass(11 * minute);
    world.host('h1').crash();
    world.restoreDisk(world.host('h1'), disk);
    world.host('h1').boot();
    await pass(5 * minute);
    expect(claimAt('h1')?.state).toBe('active');
    expect(usersOf('a1')).toEqual([owner]);
    await endsWell();
  });

  it.each(['uninstall close', 'uninstall remove'])(
    '52 killed after "%s": nothing can be granted there, and the same command ends it',
    async (step) => {
      await drained();
      await world.tell(uninstall('h1'), { fateOf: at(step, 'h1', { kill: 'after' }) });
      await pass(minute);
      expect(world.host('h1').hasPrograms).toBe(false);
      await world.command({ verb: 'sweep' });
      expect(await world.command({ verb: 'move', account: 'a2', host: 'h1' })).not.toBeNull();
      expect(usersOf('a2')).toEqual(['h2']);
      expect(await world.command(uninstall('h1'))).toBeNull();
      expect(await world.knows('h1')).toBe(false);
      await endsWell();
    },
  );

  it('52 a grant that stood still meanwhile is refused there', async () => {
    await drained();
    const h1 = world.host('h1');
    let isUnderWay = false;
    const fateOf = (call: RemoteCall): CallFate => {
      if (call.host === 'h1' && call.what.includes('grant')) {
        h1.stallMs = 5_000;
        isUnderWay = true;
      }
      return plainFate;
    };
    const move = world.tell({ verb: 'move', account: 'a2', host: 'h1' }, { fateOf });
    for (let looks = 0; !isUnderWay && looks < 1_000; looks += 1) await pass(100);
    await pass(1_000);
    expect(h1.closeForAccounts()).toBeNull();
    expect(isUnderWay).toBe(true);
    await pass(10_000);
    expect(claimAt('h1', 'a2')?.state ?? 'none').not.toBe('active');
    h1.takeOff(false);
    await pass(4 * minute);
    await move;
    expect(claimAt('h1', 'a2')?.state ?? 'none').not.toBe('active');
    await endsWell();
  });

  it('52 and given it again, it is a host like any other', async () => {
    await drained();
    expect(await world.command(uninstall('h1', true))).toBeNull();
    await pass(minute);
    expect(await world.command({ verb: 'init', host: 'h1' })).toBeNull();
    expect(await world.command({ verb: 'move', account: 'a1', host: 'h1' })).toBeNull();
    expect(usersOf('a1')).toEqual(['h1']);
    expect(await world.command(allocate)).toBeNull();
    await endsWell();
  });
});

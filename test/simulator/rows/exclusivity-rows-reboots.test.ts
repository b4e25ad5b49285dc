import { describe, expect, it } from 'vitest';
import '../borders.ts';
import { settle } from '../settle.ts';
import {
  a1,
  at,
  claimAt,
  cut,
  failover,
  nothingWrong,
  placed,
  reboot,
  usersOf,
  whole,
  world,
} from './rows-fixture.ts';

/**
 * Rule R8 of docs/exclusivity.md: a reboot that was announced serves one boot, and no failover
 * believes in a host that is off in its middle.
 */
const minute = 60_000;
const announced = (...hosts: readonly string[]) => ({ verb: 'reboot', hosts }) as const;
const sweep = { verb: 'sweep' } as const;

/** h1 is rebooted in order, and comes up again when somebody switches it on. */
async function announcedAndOff(): Promise<void> {
  await placed();
  world.host('h1').firmwareMs = null;
  const { controller } = world.start(announced('h1'));
  await world.simulation.pass(10_000);
  controller.kill('while h1 is down');
  expect([world.host('h1').isUp, usersOf('a1')]).toEqual([false, []]);
}

const up = async (name: string): Promise<void> => {
  world.host(name).boot();
  await world.simulation.pass(minute);
};

describe('minutes offline of an announced reboot while another host is silent', () => {
  it.each([
    ['an ordinary one', 20_000],
    ['four minutes of firmware', 4 * minute],
    ['a quarter of an hour less a minute, longer than hold.after', 14 * minute],
  ])('%s: as long as the reboot, and the same claim', async (what, firmwareMs) => {
    await placed();
    world.host('h3').link = cut;
    world.host('h1').firmwareMs = firmwareMs;
    const beganMs = world.simulation.nowMs;
    expect(await world.command(announced('h1'))).toBeNull();
    const seconds = (world.simulation.nowMs - beganMs) / 1000;
    console.log(
      `announced, ${what}: ${(firmwareMs / minute).toFixed(1)} min down, offline for ` +
        `${(seconds / 60).toFixed(1)} min`,
    );
    expect([usersOf('a1'), claimAt('h1')?.epoch]).toEqual([['h1'], 1]);
    expect(seconds).toBeLessThanOrEqual(firmwareMs / 1000 + 90);
    nothingWrong();
  });
});

describe('an announcement serves one boot', () => {
  it('announced, switched off, booted twice: the second boot holds', async () => {
    await announcedAndOff();
    await world.simulation.pass(6 * minute);
    await up('h1');
    expect(usersOf('a1')).toEqual(['h1']);
    await reboot('h1');
    expect([usersOf('a1'), world.host('h1').units.workerOf(a1)]).toEqual([[], null]);
    await settle(world);
    nothingWrong();
  });

  it('off until its end is over: the first boot holds', async () => {
    await announcedAndOff();
    await world.simulation.pass(16 * minute);
    await up('h1');
    expect(world.host('h1').units.workerOf(a1)).toBeNull();
    await settle(world);
    nothingWrong();
  });

  it('a disk that is put back to a moment after that boot does not use it again', async () => {
    await announcedAndOff();
    await world.simulation.pass(4 * minute);
    await up('h1');
    const disk = world.snapshotDisk(world.host('h1'));
    await world.simulation.pass(minute);
    expect(await world.command({ verb: 'move', account: 'a1', host: 'h2' })).toBeNull();
    world.host('h1').crash();
    world.restoreDisk(world.host('h1'), disk);
    world.host('h1').link = cut;
    await up('h1');
    expect(usersOf('a1')).toEqual(['h2']);
    world.host('h1').link = whole;
    await settle(world);
    nothingWrong();
  });

  it('a contact after the reboot ends it: what comes later is judged as any boot', async () => {
    await placed();
    expect(await world.command(announced('h1'))).toBeNull();
    world.host('h1').crash();
    await world.simulation.pass(4 * minute);
    await up('h1');
    expect(usersOf('a1')).toEqual([]);
    expect(await world.command(sweep)).toBeNull();
    expect(usersOf('a1')).toEqual(['h1']);
    nothingWrong();
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])(
    'power is lost after %i writes of the announcement: the host runs or holds, never twice',
    async (writes) => {
      await placed();
      await world.command(announced('h1'), {
        fateOf: at('announce', 'h1', { helperWrites: writes, powerLost: true }),
      });
      await world.simulation.pass(5 * minute);
      await up('h1');
      await settle(world);
      nothingWrong();
    },
  );
});

describe('a failover while an announcement is open', () => {
  it('"switched off" is believed only after its end, and the host then holds', async () => {
    await announcedAndOff();
    // hold.after and the margin behind the contact are over, the announcement's are not.
    await world.simulation.pass(21 * minute);
    expect((await world.command(failover('h1', 'powered-off')))?.code).toBe('claim-refused');
    await world.simulation.pass(5 * minute);
    expect(await world.command(failover('h1', 'powered-off'))).toBeNull();
    const [owner = ''] = usersOf('a1');
    expect(['h2', 'h3']).toContain(owner);
    await up('h1');
    expect(usersOf('a1')).toEqual([owner]);
    await settle(world);
    nothingWrong();
  });

  it('journaled, and the operator dies before it leaves: the same', async () => {
    await placed();
    await world.command(announced('h1'), { fateOf: at('announce', 'h1', { kill: 'before' }) });
    world.host('h1').crash();
    await world.simulation.pass(21 * minute);
    expect((await world.command(failover('h1', 'powered-off')))?.code).toBe('claim-refused');
    await up('h1');
    expect(world.host('h1').units.workerOf(a1)).toBeNull();
    await settle(world);
    nothingWrong();
  });

  it('a fence that finds it off proves nothing', async () => {
    await announcedAndOff();
    expect((await world.command(failover('h1', 'fenced')))?.code).toBe('claim-refused');
    await up('h1');
    expect(usersOf('a1')).toEqual(['h1']);
    nothingWrong();
  });

  it('a sweep that may fail over by itself waits for it', async () => {
    await announcedAndOff();
    for (let minutes = 0; minutes < 12; minutes += 2) {
      await world.command({ verb: 'sweep', isAutomatic: true });
      await world.simulation.pass(2 * minute);
    }
    expect(usersOf('a1')).toEqual([]);
    await up('h1');
    expect([usersOf('a1'), claimAt('h1')?.epoch]).toEqual([['h1'], 1]);
    nothingWrong();
  });
});

describe('--rolling', () => {
  const rolling = { verb: 'reboot', hosts: ['h1', 'h2', 'h3'], isRolling: true } as const;

  it('the next host goes when the last is back with its accounts', async () => {
    await placed();
    const { isOver, problem } = world.start(rolling);
    let mostDown = 0;
    while (!isOver()) {
      await world.simulation.pass(1_000);
      mostDown = Math.max(
        mostDown,
        ['a1', 'a2', 'a3'].filter((account) => usersOf(account).length === 0).length,
      );
    }
    expect([problem(), mostDown]).toEqual([null, 1]);
    expect(['a1', 'a2', 'a3'].map(usersOf)).toEqual([['h1'], ['h2'], ['h3']]);
    nothingWrong();
  });

  it('stops at the host that does not come back', async () => {
    await placed();
    world.host('h2').firmwareMs = null;
    const { bootId } = world.host('h3');
    expect((await world.command(rolling))?.message).toContain('h2 is not back');
    expect(['a1', 'a2', 'a3'].map(usersOf)).toEqual([['h1'], [], ['h3']]);
    expect([world.host('h3').isUp, world.host('h3').bootId]).toEqual([true, bootId]);
    nothingWrong();
  });
});

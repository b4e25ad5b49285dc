import { describe, expect, it } from 'vitest';
import '../borders.ts';
import { readStaged } from '../../../hostside/helper/world.ts';
import { plainFate } from '../model/model-remote.ts';
import { settle } from '../settle.ts';
import {
  a1,
  allocate,
  at,
  claimAt,
  cut,
  failedOver,
  failover,
  nothingWrong,
  placed,
  reboot,
  usersOf,
  whole,
  world,
} from './rows-fixture.ts';

/**
 * Rows 34 and 35 of docs/exclusivity.md: each schedule needs only true statements and ordinary
 * reboots.
 */
describe('34 a failed-over host comes back and is heard before it is told', () => {
  it.each([
    ['a move onto it', { verb: 'move', account: 'a2', host: 'h1' }],
    ['an allocate', allocate],
  ] as const)('%s reaches it, then it reboots', async (_, verb) => {
    const owner = await failedOver();
    if (verb.verb === 'allocate') await world.command({ verb: 'remove', account: 'a3' });
    if (verb.verb === 'allocate') await world.command({ verb: 'import', account: 'a3' });
    await world.command(verb);
    await reboot('h1');
    expect(usersOf('a1')).toEqual([owner]);
    nothingWrong();
  });

  it('accounts start there, of an account that is there', async () => {
    await placed();
    expect(await world.command({ verb: 'move', account: 'a2', host: 'h1' })).toBeNull();
    world.host('h1').crash();
    await world.simulation.pass(1_300_000);
    // Only one of its two accounts gets away before the operator's process dies.
    await world.command(failover('h1', 'powered-off'), {
      fateOf: (call) =>
        call.what.includes('await') ? { ...plainFate, kill: 'before' } : plainFate,
    });
    world.host('h1').boot();
    await world.simulation.pass(30_000);
    for (const account of ['a1', 'a2']) await world.command({ verb: 'start', account });
    await reboot('h1');
    for (const account of ['a1', 'a2']) expect(usersOf(account).length).toBeLessThanOrEqual(1);
    nothingWrong();
    await settle(world);
    nothingWrong();
  });

  it.each(['before', 'after'] as const)(
    'a sweep that is killed %s its first answer',
    async (kill) => {
      const owner = await failedOver();
      let isOver = false;
      await world.command(
        { verb: 'sweep' },
        {
          fateOf: (call) => {
            if (isOver || call.host !== 'h1' || !call.what.includes('contact')) return plainFate;
            isOver = true;
            return { ...plainFate, kill, requestMs: 2_000 };
          },
        },
      );
      await reboot('h1');
      expect(usersOf('a1')).toEqual([owner]);
      nothingWrong();
    },
  );

  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])(
    'its helper loses power after %i writes of the contact',
    async (writes) => {
      const owner = await failedOver();
      await world.command(
        { verb: 'sweep' },
        { fateOf: at('contact', 'h1', { helperWrites: writes, powerLost: true }) },
      );
      world.host('h1').boot();
      await world.simulation.pass(60_000);
      expect(usersOf('a1')).toEqual([owner]);
      await reboot('h1');
      expect(usersOf('a1')).toEqual([owner]);
      await settle(world);
      nothingWrong();
    },
  );

  it('then its ledger is rolled back and the new owner is silent: held stays held, whatever is said to it', async () => {
    await placed();
    const old = world.copyLedger('old');
    world.host('h1').crash();
    await world.simulation.pass(1_300_000);
    expect(await world.command(failover('h1', 'powered-off'))).toBeNull();
    const [owner = ''] = usersOf('a1');
    world.host('h1').boot();
    await world.simulation.pass(30_000);
    world.host(owner).link = cut;
    for (let tries = 0; tries < 4; tries += 1) {
      for (const verb of [{ verb: 'sweep' }, allocate, { verb: 'start', account: 'a1' }] as const)
        await world.command(verb, { ledgerPath: old });
      await reboot('h1');
      expect(usersOf('a1')).toEqual([owner]);
    }
    world.host(owner).link = whole;
    nothingWrong();
  });
});

describe('35 the account leaves the fleet while its former host is away', () => {
  it.each(['export', 'remove'] as const)(
    '%s, and the host is swept for hours before it reboots',
    async (verb) => {
      await placed();
      world.host('h1').crash();
      await world.simulation.pass(1_300_000);
      expect(await world.command(failover('h1', 'powered-off'))).toBeNull();
      expect(await world.command({ verb, account: 'a1' })).toBeNull();
      expect(usersOf('a1')).toEqual([]);
      world.host('h1').boot();
      await world.simulation.pass(30_000);
      for (let sweeps = 0; sweeps < 3; sweeps += 1) {
        await world.command({ verb: 'sweep' });
        await world.simulation.pass(300_000);
      }
      await reboot('h1');
      expect(usersOf('a1')).toEqual([]);
      expect(claimAt('h1')?.state).toBe('revoked');
      expect(readStaged(world.host('h1').places, a1)).toEqual([]);
      nothingWrong();
    },
  );
});

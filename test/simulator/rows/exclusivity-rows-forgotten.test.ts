import { describe, expect, it } from 'vitest';
import '../borders.ts';
import { settle } from '../settle.ts';
import { allocate, claimAt, nothingWrong, placed, usersOf, world } from './rows-fixture.ts';

/**
 * Row 47 of docs/exclusivity.md: the ledger is lost, and the new inventory forgets a host that runs
 * accounts.
 */
async function lostAndForgotten(): Promise<void> {
  await placed();
  world.ledgerPath = await world.secondLedger({ hosts: 2, accounts: 3 });
  world.forgetLastHost();
  world.isLedgerOld = true;
}

describe('47 the ledger is lost, and the new inventory forgets a host', () => {
  it('adopt learns of it from the others: what it runs is started nowhere else, however often that is tried', async () => {
    await lostAndForgotten();
    await world.command({ verb: 'adopt' });
    expect((await world.command(allocate))?.code).toBe('survey-incomplete');
    await world.command({ verb: 'sweep' });
    expect((await world.command(allocate))?.code).toBe('survey-incomplete');
    expect(['a1', 'a2', 'a3'].map(usersOf)).toEqual([['h1'], ['h2'], ['h3']]);
    await settle(world);
    nothingWrong();
  });

  it('the operator says that it runs nothing, truly: its account is started elsewhere', async () => {
    await lostAndForgotten();
    world.host('h3').crash();
    world.gone.add('h3');
    // Until a boot of it would hold.
    await world.simulation.pass(1_300_000);
    await world.command({ verb: 'adopt', without: ['h3'] });
    expect(await world.command(allocate)).toBeNull();
    expect(usersOf('a3')).toHaveLength(1);
    // It was not true: its first contact closes what it has.
    world.inventory = world.wholeInventory;
    world.host('h3').boot();
    await world.simulation.pass(5_000);
    expect(claimAt('h3', 'a3')).toMatchObject({ state: 'active', epoch: 1 });
    // It obeys the ledger that was lost, until it is adopted.
    await world.command({ verb: 'adopt' });
    await world.command({ verb: 'sweep' });
    expect(claimAt('h3', 'a3')?.state).toBe('revoked');
    nothingWrong();
  });
});

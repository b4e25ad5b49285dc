import { describe, expect, it } from 'vitest';
import '../borders.ts';
import { settle } from '../settle.ts';
import {
  allocate,
  at,
  claimAt,
  cut,
  failover,
  nothingWrong,
  placed,
  usersOf,
  whole,
  world,
} from './rows-fixture.ts';

/**
 * Rule R8 of docs/exclusivity.md: a hold that is not needed ends without the host that happens to
 * be silent; one that is needed does not.
 */
const sweep = { verb: 'sweep' } as const;

/** h3 is silent; h1 was out of contact for longer than hold.after, and reboots. */
async function heldWhileAnotherIsSilent(): Promise<void> {
  await placed();
  expect(await world.command(sweep)).toBeNull();
  await world.simulation.pass(700_000);
  world.host('h3').link = cut;
  world.host('h1').crash();
  await world.simulation.pass(10_000);
  world.host('h1').boot();
  await world.simulation.pass(60_000);
  expect(usersOf('a1')).toEqual([]);
}

describe('a host holds its accounts since a boot, and another host is silent', () => {
  it('the next sweep ends the hold: this ledger has begun every epoch itself', async () => {
    await heldWhileAnotherIsSilent();
    await world.command(sweep);
    await world.simulation.pass(30_000);
    expect([usersOf('a1'), claimAt('h1')?.epoch]).toEqual([['h1'], 2]);
    nothingWrong();
  });

  it('a first placement still waits for it', async () => {
    await heldWhileAnotherIsSilent();
    await world.command({ verb: 'remove', account: 'a2' });
    await world.command({ verb: 'import', account: 'a2' });
    expect((await world.command(allocate))?.code).toBe('survey-incomplete');
    expect(usersOf('a2')).toEqual([]);
    nothingWrong();
  });

  it('a copy of the ledger at another place does not agree with what is kept outside of it: the hold stays', async () => {
    await heldWhileAnotherIsSilent();
    world.ledgerPath = world.copyLedger('copy');
    for (let sweeps = 0; sweeps < 3; sweeps += 1) await world.command(sweep);
    expect(usersOf('a1')).toEqual([]);
    world.host('h3').link = whole;
    await world.command(sweep);
    await world.simulation.pass(30_000);
    expect(usersOf('a1')).toEqual(['h1']);
    nothingWrong();
  });

  it('a failover of it was begun, and its grant may have been heard by the silent host: the hold stays', async () => {
    await placed();
    world.host('h1').crash();
    await world.simulation.pass(1_300_000);
    // Only h3 takes accounts; the reply to its grant is lost.
    await world.cordon('h2');
    await world.command(failover('h1', 'powered-off'), {
      fateOf: at('grant', 'h3', { reply: 'lost' }),
    });
    await world.simulation.pass(60_000);
    expect(usersOf('a1')).toEqual(['h3']);
    world.host('h3').link = cut;
    world.host('h1').boot();
    await world.simulation.pass(60_000);
    for (let sweeps = 0; sweeps < 3; sweeps += 1) await world.command(sweep);
    expect(usersOf('a1')).toEqual(['h3']);
    world.host('h3').link = whole;
    await settle(world);
    nothingWrong();
  });

  it('after an adoption the full survey stays until every host has answered once', async () => {
    await heldWhileAnotherIsSilent();
    await world.command({ verb: 'adopt' });
    await world.command(sweep);
    expect(usersOf('a1')).toEqual([]);
    world.host('h3').link = whole;
    await world.command(sweep);
    await world.simulation.pass(30_000);
    expect(usersOf('a1')).toEqual(['h1']);
    nothingWrong();
  });
});

describe('minutes offline of a reboot while another host is silent', () => {
  /**
   * Seconds from the power off until the account is online again; `sweepsEveryMs`: as cron does.
   */
  async function rebootOf(downMs: number): Promise<number> {
    await placed();
    world.host('h3').link = cut;
    await world.simulation.pass(120_000);
    await world.command(sweep);
    const offMs = world.simulation.nowMs;
    world.host('h1').shutDown();
    await world.simulation.pass(downMs);
    world.host('h1').boot();
    for (let minutes = 0; minutes < 15 && usersOf('a1').length === 0; minutes += 1) {
      if (minutes % 5 === 2) await world.command(sweep);
      else await world.simulation.pass(60_000);
    }
    expect(usersOf('a1')).toEqual(['h1']);
    nothingWrong();
    return (world.simulation.nowMs - offMs) / 1000;
  }

  it.each([
    ['an ordinary reboot', 20_000, 120],
    ['four minutes of firmware: held until the next sweep', 240_000, 480],
  ])('%s', async (what, downMs, limit) => {
    const seconds = await rebootOf(downMs);
    console.log(
      `${what}: offline for ${(seconds / 60).toFixed(1)} min at most, by looks once a minute`,
    );
    expect(seconds).toBeLessThanOrEqual(limit);
  });
});

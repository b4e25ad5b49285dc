import { describe, expect, it } from 'vitest';
import '../borders.ts';
import { listOpenMoves } from '../../../src/ledger/queries/moves.ts';
import type { RemoteCall } from '../model/model-remote.ts';
import { plainFate } from '../model/model-remote.ts';
import { settle } from '../settle.ts';
import {
  allocate,
  at,
  cut,
  failover,
  nothingWrong,
  placed,
  usersOf,
  whole,
  world,
} from './rows-fixture.ts';

/** What the explorer (test/explorer) found by itself, as schedules of the whole product. */
const openMoves = async (): Promise<number> =>
  (await listOpenMoves((await world.ledgerAt(world.ledgerPath)).db)).length;
const killedAt = (act: string, host: string, times = 1) => {
  let seen = 0;
  return (call: RemoteCall) => {
    if (call.host !== host || !call.what.includes(act)) return plainFate;
    seen += 1;
    return seen === times ? ({ ...plainFate, kill: 'before' } as const) : plainFate;
  };
};

async function lose(host: string): Promise<void> {
  world.host(host).crash();
  await world.simulation.pass(1_300_000);
}

describe('a host is lost while an account is on its way', () => {
  it.each(['stage', 'grant', 'await'])(
    'a first placement that was killed before its %s goes elsewhere',
    async (act) => {
      await placed();
      await world.command({ verb: 'remove', account: 'a1' });
      await world.command({ verb: 'import', account: 'a1' });
      for (const host of ['h2', 'h3']) await world.cordon(host);
      await world.command(allocate, { fateOf: killedAt(act, 'h1') });
      await world.uncordonAll();
      world.gone.add('h1');
      await lose('h1');
      await world.command(failover('h1', 'destroyed'));
      await world.command(allocate);
      expect(usersOf('a1')).toHaveLength(1);
      expect(await openMoves()).toBe(0);
      nothingWrong();
      await settle(world);
      nothingWrong();
    },
  );

  it('a failover whose new host is lost too is begun anew', async () => {
    await placed();
    await lose('h1');
    await world.cordon('h3');
    await world.command(failover('h1', 'powered-off'), { fateOf: killedAt('grant', 'h2') });
    await world.uncordonAll();
    await lose('h2');
    await world.command(failover('h2', 'powered-off'));
    await world.command(failover('h1', 'powered-off'));
    expect(usersOf('a1')).toEqual(['h3']);
    nothingWrong();
    await settle(world);
    nothingWrong();
  });

  it('an export that had not begun on the host ends, and the account is one like any other', async () => {
    await placed();
    await world.command({ verb: 'export', account: 'a1' }, { fateOf: killedAt('release', 'h1') });
    await lose('h1');
    await world.command(failover('h1', 'powered-off'), { fateOf: killedAt('stage', 'h2') });
    await settle(world);
    expect(usersOf('a1')).toHaveLength(1);
    nothingWrong();
  });
});

it('a plan that stood still places nothing that another command has placed', async () => {
  await placed();
  await world.command({ verb: 'remove', account: 'a1' });
  await world.command({ verb: 'import', account: 'a1' });
  for (const host of ['h1', 'h2']) await world.cordon(host);
  const late = world.start({ verb: 'allocate', promptMs: 60_000 });
  await world.simulation.pass(5_000);
  await world.uncordonAll();
  for (const host of ['h2', 'h3']) await world.cordon(host);
  expect(await world.command(allocate)).toBeNull();
  const owner = usersOf('a1');
  await world.simulation.run(late.isOver, 300_000);
  expect([usersOf('a1'), await openMoves()]).toEqual([owner, 0]);
  nothingWrong();
});

it('a placement that another command has planned again does not come back to life when its answer arrives late', async () => {
  await placed();
  await world.command({ verb: 'remove', account: 'a1' });
  await world.command({ verb: 'import', account: 'a1' });
  for (const host of ['h2', 'h3']) await world.cordon(host);
  const late = world.start(allocate, { fateOf: at('stage', 'h1', { replyMs: 15_000 }) });
  await world.simulation.pass(5_000);
  await world.uncordonAll();
  for (const host of ['h1', 'h2']) await world.cordon(host);
  expect(await world.command(allocate)).toBeNull();
  await world.simulation.run(late.isOver, 300_000);
  expect([usersOf('a1'), await openMoves()]).toEqual([['h3'], 0]);
  expect(late.problem()?.code).toBe('plan-stale');
  nothingWrong();
});

describe('an account that left the fleet stays out of it', () => {
  it('a ledger from before its first placement is restored and adopted', async () => {
    await placed();
    await world.command({ verb: 'remove', account: 'a1' });
    await world.command({ verb: 'import', account: 'a1' });
    const old = world.copyLedger('old');
    expect(await world.command(allocate)).toBeNull();
    expect(await world.command({ verb: 'export', account: 'a1' })).toBeNull();
    await world.markRestored(old);
    world.ledgerPath = old;
    expect(await world.command({ verb: 'adopt' })).toBeNull();
    await world.command(allocate);
    await world.command({ verb: 'sweep' });
    expect(usersOf('a1')).toEqual([]);
    nothingWrong();
  });

  it('its last owner is silent, and an earlier one still names that one', async () => {
    await placed();
    expect(await world.command({ verb: 'move', account: 'a1', host: 'h2' })).toBeNull();
    expect(await world.command({ verb: 'move', account: 'a3', host: 'h1' })).toBeNull();
    expect(await world.command({ verb: 'export', account: 'a1' })).toBeNull();
    world.host('h2').link = cut;
    await world.command({ verb: 'adopt' });
    world.host('h2').link = whole;
    // Its host holds what it owns, so a sweep gives back what the ledger has there.
    await lose('h1');
    world.host('h1').boot();
    await world.simulation.pass(30_000);
    for (const verb of ['sweep', 'allocate', 'sweep'] as const) await world.command({ verb });
    await world.command({ verb: 'start', account: 'a1' });
    expect(usersOf('a1')).toEqual([]);
    nothingWrong();
  });
});

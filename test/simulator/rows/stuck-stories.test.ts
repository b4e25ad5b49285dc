import { expect, it } from 'vitest';
import '../borders.ts';
import type { AccountName } from '../../../src/model/names.ts';
import { memoryStatesOf } from '../model/memory-states.ts';
import { goodLuck } from '../model/model-host.ts';
import { type CallFate, plainFate, type RemoteCall } from '../model/model-remote.ts';
import { settle } from '../settle.ts';
import { checkMemory, remember } from '../stories/moving.ts';
import { World } from '../world.ts';
import { a1, at, claimAt, nothingWrong, placed, usersOf, world } from './rows-fixture.ts';

/**
 * Schedules after which an account was safe and stuck: the commands that the errors name have to
 * bring each of them online.
 */
async function everythingIsWell(): Promise<void> {
  await settle(world);
  await checkMemory(world);
  nothingWrong();
}

it('the old host is put back to a disk from before its receipt, while the move waits: its claim is closed, and the move goes on', async () => {
  await placed();
  await remember(world);
  const disk = world.snapshotDisk(world.host('h1'));
  const lost = { fateOf: at('grant', 'h2', { request: 'lost' }) } as const;
  expect((await world.command({ verb: 'move', account: 'a1', host: 'h2' }, lost))?.code).toBe(
    'in-doubt',
  );
  world.host('h1').crash();
  await world.simulation.pass(200_000);
  world.restoreDisk(world.host('h1'), disk);
  world.host('h1').boot();
  await world.simulation.pass(30_000);
  expect([claimAt('h1')?.state, usersOf('a1')]).toEqual(['active', []]);
  expect(await world.command({ verb: 'sweep' })).toBeNull();
  expect([claimAt('h1')?.state, usersOf('a1')]).toEqual(['revoked', ['h2']]);
  await everythingIsWell();
});

it('the new owner is put back to a disk from before its grant: the sweep names fleet adopt, and allocate starts it with its state', async () => {
  await placed();
  await remember(world);
  const disk = world.snapshotDisk(world.host('h2'));
  expect(await world.command({ verb: 'move', account: 'a1', host: 'h2' })).toBeNull();
  world.host('h2').crash();
  await world.simulation.pass(200_000);
  world.restoreDisk(world.host('h2'), disk);
  world.host('h2').boot();
  await world.simulation.pass(30_000);
  expect(usersOf('a1')).toEqual([]);
  const problem = await world.command({ verb: 'sweep' });
  expect([problem?.message, problem?.hint]).toEqual([
    'a1 should be on h2, which has no claim',
    'was h2 reinstalled, or its disk rolled back? If no copy of that machine still runs: ' +
      'fleet adopt, then fleet allocate a1',
  ]);
  expect(await world.command({ verb: 'adopt' })).toBeNull();
  expect(await world.command({ verb: 'allocate' })).toBeNull();
  expect(usersOf('a1')).toHaveLength(1);
  await everythingIsWell();
});

it('the owner is put back to a disk from when it owned the account before: that claim is closed, and the account starts above both', async () => {
  await placed();
  await remember(world);
  const disk = world.snapshotDisk(world.host('h1'));
  for (const host of ['h2', 'h1'])
    expect(await world.command({ verb: 'move', account: 'a1', host })).toBeNull();
  world.host('h1').crash();
  world.restoreDisk(world.host('h1'), disk);
  world.host('h1').boot();
  await world.simulation.pass(60_000);
  await everythingIsWell();
  expect(usersOf('a1')).toHaveLength(1);
});

it('who owned it before an owner that has forgotten it comes back: it owns nothing, also while the account has no owner', async () => {
  await placed();
  await remember(world);
  await world.command({ verb: 'sweep' });
  const disk = world.snapshotDisk(world.host('h2'));
  world.host('h1').crash();
  await world.simulation.pass(1_300_000);
  await world.cordon('h3');
  expect(
    await world.command({ verb: 'failover', host: 'h1', statement: 'powered-off' }),
  ).toBeNull();
  expect(usersOf('a1')).toEqual(['h2']);
  world.host('h2').crash();
  world.restoreDisk(world.host('h2'), disk);
  world.host('h2').boot();
  await world.simulation.pass(60_000);
  await world.command({ verb: 'adopt' });
  world.host('h1').boot();
  await world.simulation.pass(30_000);
  await world.command({ verb: 'sweep' });
  expect(claimAt('h1')?.state).toBe('revoked');
  await everythingIsWell();
});

it('two copies of a ledger export an account, and only one of them began: after adopt the other one is overtaken', async () => {
  await placed();
  const copy = world.copyLedger('copy');
  world.host('h1').luck = { ...goodLuck, stubbornMs: () => 60_000 };
  expect((await world.command({ verb: 'export', account: 'a1' }))?.code).toBe('claim-refused');
  world.host('h1').luck = goodLuck;
  world.ledgerPath = copy;
  expect((await world.command({ verb: 'export', account: 'a1' }))?.code).toBe('ledger-stale');
  world.isLedgerOld = true;
  await world.simulation.pass(120_000);
  await everythingIsWell();
});

it('a copy of the ledger removes an account of which the other one has sent files: they are wiped', async () => {
  const other = await World.create(1);
  const copy = other.copyLedger('copy');
  await other.command({ verb: 'allocate' }, { fateOf: at('contact', 'h1', { kill: 'before' }) });
  expect(other.host('h1').claimsOf()).not.toContain(a1);
  other.ledgerPath = copy;
  expect(await other.command({ verb: 'remove', account: 'a1' })).toBeNull();
  other.isLedgerOld = true;
  await settle(other);
  expect(other.simulation.violations).toEqual([]);
  await other.destroy();
});

it('what lies in memory is on no disk that is put back', async () => {
  await placed();
  world.host('h1').luck = {
    ...goodLuck,
    leavesBehind: () => ({ where: 'cgroup', forMs: 300_000 }),
  };
  expect((await world.command({ verb: 'move', account: 'a1', host: 'h2' }))?.message).toContain(
    'still in the cgroup',
  );
  const disk = world.snapshotDisk(world.host('h1'));
  world.host('h1').crash();
  world.restoreDisk(world.host('h1'), disk);
  world.host('h1').luck = goodLuck;
  world.host('h1').boot();
  await world.simulation.pass(30_000);
  expect(await world.command({ verb: 'sweep' })).toBeNull();
  expect(usersOf('a1')).toEqual(['h2']);
  nothingWrong();
});

it("fleet's folders are removed under a running account: adopt closes what is left there, and allocate starts it again", async () => {
  await placed();
  await remember(world);
  await world.command({ verb: 'sweep' });
  world.host('h1').removeFiles();
  world.host('h1').repair();
  expect((await world.command({ verb: 'sweep' }))?.message).toBe(
    'a1 should be on h1, which has no claim',
  );
  expect((await world.command({ verb: 'move', account: 'a1', host: 'h2' }))?.code).toBe(
    'claim-refused',
  );
  expect(await world.command({ verb: 'adopt' })).toBeNull();
  expect([claimAt('h1')?.state, usersOf('a1')]).toEqual(['revoked', []]);
  expect(await world.command({ verb: 'allocate' })).toBeNull();
  await everythingIsWell();
});

it('adopt keeps what an account remembers where it closes its claim: it goes on from it elsewhere, although no sweep had kept it', async () => {
  await placed();
  await remember(world);
  world.host('h1').removeFiles();
  world.host('h1').repair();
  expect(await world.command({ verb: 'adopt' })).toBeNull();
  await world.command({ verb: 'drain', host: 'h1' });
  expect(await world.command({ verb: 'allocate' })).toBeNull();
  expect(usersOf('a1')).toEqual(['h2']);
  await everythingIsWell();
});

it('a release whose state the vault has lost is read from the host again', async () => {
  await placed();
  await remember(world);
  const lost = { fateOf: at('stage+put-state', 'h2', { kill: 'before' }) } as const;
  await world.command({ verb: 'move', account: 'a1', host: 'h2' }, lost);
  world.vault.loseLastWrite();
  expect(await world.command({ verb: 'sweep' })).toBeNull();
  expect(usersOf('a1')).toEqual(['h2']);
  await everythingIsWell();
});

it('the owner has lost its claim when the account is to leave the fleet: adopt frees it, and it runs again or leaves', async () => {
  await placed();
  world.host('h1').removeFiles();
  world.host('h1').repair();
  expect((await world.command({ verb: 'remove', account: 'a1' }))?.code).toBe('claim-refused');
  expect((await world.command({ verb: 'sweep' }))?.hint).toContain('fleet adopt');
  await everythingIsWell();
  expect(usersOf('a1')).toHaveLength(1);
  expect(await world.command({ verb: 'remove', account: 'a1' })).toBeNull();
  expect(usersOf('a1')).toEqual([]);
});

it('an owner loses its claim before its grant is closed in the ledger: adopt closes it, and allocate starts the stopped account only when it is named', async () => {
  const other = await World.create(1);
  await other.command({ verb: 'allocate' }, { fateOf: at('await', 'h1', { kill: 'before' }) });
  await other.simulation.pass(10_000);
  expect(await other.command({ verb: 'stop', account: 'a1' })).toBeNull();
  other.host('h1').removeFiles();
  other.host('h1').repair();
  expect((await other.read()).openMoves[0]).toContain('a1 -> h1 granted');
  expect(await other.command({ verb: 'adopt' })).toBeNull();
  await other.command({ verb: 'sweep' });
  expect((await other.read()).accounts[0]).toMatchObject({
    name: 'a1',
    host: null,
    state: 'stored',
  });
  expect(await other.command({ verb: 'allocate' })).toBeNull();
  await other.command({ verb: 'sweep' });
  expect((await other.read()).accounts[0]).toMatchObject({
    ...{
      host: null,
      state: 'stored',
      wanted: 0,
      state_reason: 'you have stopped it; fleet allocate a1 starts it',
    },
  });
  expect(await other.command({ verb: 'allocate', names: ['a1'] })).toBeNull();
  expect(other.dataCentre.usersOf(a1)).toHaveLength(1);
  expect((await other.read()).accounts[0]).toMatchObject({ wanted: 1 });
  await settle(other);
  expect([other.dataCentre.usersOf(a1).length, other.simulation.violations]).toEqual([1, []]);
  await other.destroy();
});

it('adopt dies between its revoke and the stop: the next one ends what runs under a revoked claim', async () => {
  await placed();
  await remember(world);
  await world.command({ verb: 'sweep' });
  world.host('h1').removeFiles();
  world.host('h1').repair();
  for (let helperWrites = 0; helperWrites < 40 && claimAt('h1') === null; helperWrites += 1)
    await world.command({ verb: 'adopt' }, { fateOf: at('revoke', 'h1', { helperWrites }) });
  await world.simulation.pass(60_000);
  expect([claimAt('h1')?.state, usersOf('a1')]).toEqual(['revoked', ['h1']]);
  expect(await world.command({ verb: 'adopt' })).toBeNull();
  expect([claimAt('h1')?.state, usersOf('a1')]).toEqual(['revoked', []]);
  expect(await world.command({ verb: 'allocate' })).toBeNull();
  await everythingIsWell();
});

it('folders are removed under an account whose grant the ledger never heard of: the refusal names fleet adopt, which stops it', async () => {
  const other = await World.create(1);
  await other.command({ verb: 'allocate' }, { fateOf: at('grant', 'h1', { kill: 'after' }) });
  await other.simulation.pass(10_000);
  other.host('h1').removeFiles();
  other.host('h1').repair();
  expect([(await other.read()).accounts[0]?.host, other.dataCentre.usersOf(a1)]).toEqual([
    null,
    ['h1'],
  ]);
  expect((await other.command({ verb: 'allocate' }))?.hint).toBe(
    'it is not started twice. h1 has no valid claim on it: fleet adopt stops whatever ' +
      'runs there; then: fleet allocate a1',
  );
  expect(await other.command({ verb: 'adopt' })).toBeNull();
  expect(other.dataCentre.usersOf(a1)).toEqual([]);
  expect(await other.command({ verb: 'allocate' })).toBeNull();
  await settle(other);
  expect([other.dataCentre.usersOf(a1).length, other.simulation.violations]).toEqual([1, []]);
  await other.destroy();
});

it('the ledger is older than a move, and its target is put back to a disk from before the grant: the state that was kept goes on', async () => {
  await placed();
  await remember(world);
  const [old, disk] = [world.copyLedger('old'), world.snapshotDisk(world.host('h2'))];
  expect(await world.command({ verb: 'move', account: 'a1', host: 'h2' })).toBeNull();
  world.host('h2').crash();
  await world.simulation.pass(200_000);
  world.restoreDisk(world.host('h2'), disk);
  world.host('h2').boot();
  await world.simulation.pass(30_000);
  world.ledgerPath = old;
  world.isLedgerOld = true;
  await everythingIsWell();
  expect(usersOf('a1')).toEqual(['h2']);
});

/** What a1 remembers since. */
const later = (account: string): string => (account === 'a1' ? 'later words' : `of ${account}`);

it('an older ledger finds a move whose target ran on, was swept and is put back: the later words that were kept go on, not those of the old owner', async () => {
  await placed();
  await remember(world);
  const disk = world.snapshotDisk(world.host('h2'));
  const old = world.copyLedger('old');
  // The wipe never arrives: the old owner still has its receipt and its state.
  await world.command(
    { verb: 'move', account: 'a1', host: 'h2' },
    { fateOf: at('wipe', 'h1', { request: 'lost' }) },
  );
  expect([claimAt('h1')?.state, usersOf('a1')]).toEqual(['released', ['h2']]);
  await remember(world, later);
  await world.command({ verb: 'sweep' }, { fateOf: at('wipe', 'h1', { request: 'lost' }) });
  world.host('h2').crash();
  await world.simulation.pass(200_000);
  world.restoreDisk(world.host('h2'), disk);
  world.host('h2').boot();
  await world.simulation.pass(30_000);
  world.ledgerPath = old;
  world.isLedgerOld = true;
  await settle(world);
  await checkMemory(world, later);
  nothingWrong();
});

it('an older ledger, and the host that had the account before with an older disk: no sweep replaces what was kept of a later owner', async () => {
  await placed();
  await remember(world);
  const disk = world.snapshotDisk(world.host('h1'));
  const old = world.copyLedger('old');
  expect(await world.command({ verb: 'move', account: 'a1', host: 'h2' })).toBeNull();
  await remember(world, later);
  await world.command({ verb: 'sweep' });
  const kept = async () => (await memoryStatesOf(world.vault).get('a1' as AccountName))?.epoch;
  expect(await kept()).toBe(2);
  // Nobody who knows better answers.
  for (const name of ['h2', 'h3']) world.host(name).link = { hears: false, isHeard: false };
  world.host('h2').crash();
  world.host('h1').crash();
  world.restoreDisk(world.host('h1'), disk);
  world.host('h1').boot();
  world.forgetSerials();
  await world.simulation.pass(60_000);
  for (let times = 0; times < 3; times += 1)
    await world.command({ verb: 'sweep' }, { ledgerPath: old });
  expect(await kept()).toBe(2);
});

it('a stopped account whose owner has lost its claim goes on elsewhere with what only that host has', async () => {
  await placed();
  await remember(world, later);
  expect(await world.command({ verb: 'stop', account: 'a1' })).toBeNull();
  world.host('h1').removeFiles();
  world.host('h1').repair();
  expect(await world.command({ verb: 'adopt' })).toBeNull();
  expect(claimAt('h1')?.state).toBe('revoked');
  for (const name of ['h1', 'h3']) await world.cordon(name);
  expect(await world.command({ verb: 'allocate', names: ['a1'] })).toBeNull();
  expect(usersOf('a1')).toEqual(['h2']);
  await checkMemory(world, later);
  nothingWrong();
});

it('an account that was stopped, exported and imported again is wanted, like any that is imported', async () => {
  await placed();
  for (const verb of ['stop', 'export', 'import'] as const)
    expect(await world.command({ verb, account: 'a1' })).toBeNull();
  expect(await world.command({ verb: 'allocate' })).toBeNull();
  expect(usersOf('a1')).toHaveLength(1);
  nothingWrong();
});

it.each(['remove', 'export'] as const)(
  'a command that slept while its account left by another one, and came back, takes nothing from it: %s',
  async (verb) => {
    await placed();
    const late = (call: RemoteCall): CallFate =>
      call.what.includes('wipe') ? { ...plainFate, replyMs: 50_000 } : plainFate;
    const slow = world.start({ verb, account: 'a1' }, { fateOf: late });
    await world.simulation.pass(10_000);
    expect(await world.command({ verb, account: 'a1' })).toBeNull();
    expect(await world.command({ verb: 'import', account: 'a1' })).toBeNull();
    expect(await world.command({ verb: 'allocate' })).toBeNull();
    expect(usersOf('a1')).toHaveLength(1);
    await world.simulation.run(slow.isOver, 600_000);
    expect(slow.problem()?.code).toBe('plan-stale');
    expect((await world.read()).accounts[0]).toMatchObject({
      name: 'a1',
      state: 'online',
      host: usersOf('a1')[0],
    });
    await settle(world);
    nothingWrong();
  },
);

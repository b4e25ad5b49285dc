/**
 * An open move one of whose hosts has lost its files or its hardware, and what a grant leaves that
 * is cut off: a command that is named brings the account online.
 */
import { expect, it } from 'vitest';
import '../borders.ts';
import { namesIn } from '../../../hostside/machine/durable-file.ts';
import { accountPath } from '../../../hostside/machine/places.ts';
import { settle } from '../settle.ts';
import { checkMemory, remember } from '../stories/moving.ts';
import { a1, at, claimAt, nothingWrong, placed, usersOf, world } from './rows-fixture.ts';

const toH2 = { verb: 'move', account: 'a1', host: 'h2' } as const;
const epochsAt = (host: string): readonly string[] =>
  namesIn(`${accountPath(world.host(host).places, a1)}/epochs`).toSorted();

/** Another machine, as far as its parts tell; the disk is the same. */
async function changeHardware(name: string): Promise<void> {
  world.host(name).crash();
  world.host(name).dmiUuid = '4c4c4544-0000-4000-8000-000000000099';
  await world.simulation.pass(10_000);
  world.host(name).boot();
  await world.simulation.pass(30_000);
}

/**
 * The operator's machine loses power, and with it what the vault wrote last: the state that the
 * move took.
 */
const loseState = (): void => void world.vault.loseLastWrite();

function loseFiles(name: string): void {
  world.host(name).removeFiles();
  world.host(name).repair();
}

async function everythingIsWell(): Promise<void> {
  await settle(world);
  await checkMemory(world);
  nothingWrong();
}

it('a move is ended before its release, so its target refuses it for good; its owner gets other hardware: adopt --replaced frees the account, allocate starts it', async () => {
  await placed();
  await remember(world);
  await world.command({ verb: 'sweep' });
  expect(await world.command(toH2)).toBeNull();
  await world.command({ ...toH2, host: 'h3' }, { fateOf: at('release', 'h2', { kill: 'before' }) });
  expect((await world.read()).openMoves[0]).toContain('a1 -> h3 staged');
  await changeHardware('h2');
  // The aborted move leaves a revoked claim above that of the owner, and the receipt of the owner
  // before is still there.
  await world.command({ verb: 'sweep' });
  expect([
    claimAt('h1')?.state,
    claimAt('h2')?.epoch,
    claimAt('h3')?.state,
    claimAt('h3')?.epoch,
  ]).toEqual(['released', 2, 'revoked', 3]);
  expect(await world.command({ verb: 'adopt', replaced: ['h2'] })).toBeNull();
  expect([claimAt('h2')?.state, (await world.read()).accounts[0]?.host]).toEqual(['revoked', null]);
  expect(await world.command({ verb: 'allocate' })).toBeNull();
  expect(usersOf('a1')).toHaveLength(1);
  await everythingIsWell();
});

it('the grant is done and unheard, the state that was kept is lost, and the old owner has lost its files: resume finds the grant', async () => {
  await placed();
  await remember(world);
  await world.command(toH2, { fateOf: at('grant', 'h2', { kill: 'after' }) });
  await world.simulation.pass(30_000);
  loseFiles('h1');
  loseState();
  expect([(await world.read()).openMoves[0], usersOf('a1')]).toEqual([
    expect.stringContaining('a1 -> h2 released'),
    ['h2'],
  ]);
  expect(await world.command({ verb: 'resume' })).toBeNull();
  expect((await world.read()).accounts[0]).toMatchObject({
    name: 'a1',
    host: 'h2',
    state: 'online',
  });
  await everythingIsWell();
});

it('the same before the grant: the refusal names fleet adopt, which ends the move and keeps what still lies there, and allocate starts it', async () => {
  await placed();
  await remember(world);
  await world.command(toH2, { fateOf: at('put-state', 'h2', { kill: 'before' }) });
  loseFiles('h1');
  loseState();
  const refused = await world.command({ verb: 'resume' });
  expect([refused?.code, refused?.hint]).toEqual([
    'claim-refused',
    'was h1 reinstalled, or its disk rolled back? If no copy of it still runs: fleet ' +
      'adopt, then fleet allocate a1',
  ]);
  expect(await world.command({ verb: 'adopt' })).toBeNull();
  expect((await world.read()).openMoves).toEqual([]);
  expect(await world.command({ verb: 'allocate' })).toBeNull();
  expect(usersOf('a1')).toHaveLength(1);
  await everythingIsWell();
});

it('adopt leaves a move alone whose state is kept, although its old owner has lost its files: resume goes on with it', async () => {
  await placed();
  await remember(world);
  await world.command(toH2, { fateOf: at('put-state', 'h2', { kill: 'before' }) });
  loseFiles('h1');
  expect(await world.command({ verb: 'adopt' })).toBeNull();
  expect((await world.read()).openMoves[0]).toContain('a1 -> h2 released');
  expect(await world.command({ verb: 'resume' })).toBeNull();
  expect(usersOf('a1')).toEqual(['h2']);
  await everythingIsWell();
});

it('the old owner gets other hardware after its receipt, and the state that was kept is lost: it gives both again', async () => {
  await placed();
  await remember(world);
  await world.command(toH2, { fateOf: at('put-state', 'h2', { kill: 'before' }) });
  await changeHardware('h1');
  loseState();
  expect(await world.command({ verb: 'resume' })).toBeNull();
  expect(usersOf('a1')).toEqual(['h2']);
  await everythingIsWell();
});

it('a grant that ends a hold is killed after its claim: the next contact takes the files of the epoch before away', async () => {
  await placed();
  await killGrantAfterItsClaim();
  expect(epochsAt('h1')).toEqual(['1', '2']);
  expect(await world.command({ verb: 'sweep' })).toBeNull();
  expect([epochsAt('h1'), usersOf('a1')]).toEqual([['2'], ['h1']]);
  await everythingIsWell();
});

it('the same, and the ledger hears of that grant by adopt, so that no grant comes again', async () => {
  await placed();
  await killGrantAfterItsClaim();
  expect(await world.command({ verb: 'adopt' })).toBeNull();
  expect((await world.read()).openMoves).toEqual([]);
  await world.command({ verb: 'sweep' });
  expect([claimAt('h1')?.epoch, epochsAt('h1')]).toEqual([2, ['2']]);
  await everythingIsWell();
});

/**
 * a1 on h1 is held since a boot, and the helper dies in the grant that ends it, right after the
 * claim of epoch 2 is durable.
 */
async function killGrantAfterItsClaim(): Promise<void> {
  world.host('h1').crash();
  await world.simulation.pass(2_000_000);
  world.host('h1').boot();
  await world.simulation.pass(30_000);
  for (let helperWrites = 1; claimAt('h1')?.epoch === 1 && helperWrites < 40; helperWrites += 1)
    await world.command({ verb: 'sweep' }, { fateOf: at('grant', 'h1', { helperWrites }) });
  expect([claimAt('h1')?.epoch, claimAt('h1')?.state, usersOf('a1')]).toEqual([2, 'active', []]);
}

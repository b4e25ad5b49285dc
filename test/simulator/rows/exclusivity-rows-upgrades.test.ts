import { beforeEach, describe, expect, it } from 'vitest';
import '../borders.ts';
import { type HostPrograms, programsBefore } from '../model/host-programs.ts';
import { settle } from '../settle.ts';
import {
  a1,
  allocate,
  at,
  claimAt,
  failover,
  nothingWrong,
  placedOnBefore,
  usersOf,
  world,
} from './rows-fixture.ts';

/**
 * Rule R3 of docs/exclusivity.md: hosts run the very programs of the release before, are upgraded
 * in place, and put back.
 */
const minute = 60_000;
let before: HostPrograms;

beforeEach(async () => {
  before = await programsBefore();
});

const init = (host: string) => ({ verb: 'init', host }) as const;
const putBack = (host: string) => ({ verb: 'init', host, programs: before }) as const;
const pass = (ms: number) => world.simulation.pass(ms);

async function boot(name: string, offMs = 2 * minute): Promise<void> {
  world.host(name).shutDown();
  await pass(offMs);
  world.host(name).boot();
  await pass(minute);
}

/** h1 is truly off for long enough, and its account goes to another host; gives which. */
async function failOver(): Promise<string> {
  world.host('h1').shutDown();
  await pass(22 * minute);
  expect(await world.command(failover('h1', 'powered-off'))).toBeNull();
  const [owner = ''] = usersOf('a1');
  expect(owner).not.toBe('h1');
  return owner;
}

async function endsWell(): Promise<void> {
  await settle(world);
  for (const account of ['a1', 'a2', 'a3']) expect(usersOf(account)).toHaveLength(1);
  nothingWrong();
}

describe('R3 programs of the release before', () => {
  it('refuse everything that has authority, and a sweep says what to do; nothing of theirs is touched', async () => {
    await placedOnBefore();
    const problem = await world.command({ verb: 'move', account: 'a1', host: 'h2' });
    expect(problem?.hint).toContain('fleet init --limit');
    await world.command({ verb: 'sweep' });
    expect(world.remedies).toContain('fleet init --limit h1');
    expect(usersOf('a1')).toEqual(['h1']);
    for (const host of ['h1', 'h2', 'h3']) expect(await world.command(init(host))).toBeNull();
    expect(await world.command({ verb: 'move', account: 'a1', host: 'h2' })).toBeNull();
    await endsWell();
  });

  it('34 are failed over, boot twice, and hear of nothing that they would take for a contact', async () => {
    await placedOnBefore();
    for (const host of ['h2', 'h3']) await world.command(init(host));
    const owner = await failOver();
    for (let boots = 0; boots < 2; boots += 1) {
      world.host('h1').boot();
      await pass(minute);
      expect(world.host('h1').waysToStart(a1)).toEqual([boots === 0, boots === 0]);
      await world.command({ verb: 'sweep' });
      expect(world.host('h1').waysToStart(a1)).toEqual([false, false]);
      await world.command(allocate);
      await boot('h1', 10_000);
      expect(usersOf('a1')).toEqual([owner]);
      world.host('h1').crash();
      await pass(minute);
    }
    world.host('h1').boot();
    await endsWell();
    expect(claimAt('h1')?.state).toBe('revoked');
  });

  it('are said to be destroyed, come back, and are stopped without authority, then upgraded and told', async () => {
    await placedOnBefore();
    for (const host of ['h2', 'h3']) await world.command(init(host));
    world.host('h1').shutDown();
    expect(await world.command(failover('h1', 'destroyed'))).toBeNull();
    await pass(15 * minute);
    world.host('h1').boot();
    await pass(minute);
    await world.command({ verb: 'sweep' });
    expect(world.hints.join()).toContain('fleet init --limit h1');
    expect(world.host('h1').waysToStart(a1)).toEqual([false, false]);
    await boot('h1', 10_000);
    expect(usersOf('a1')).not.toContain('h1');
    await endsWell();
  });

  it.each([true, false])(
    '38 its worker has asked Telegram for longer than those of today do (it was seen: %s)',
    async (isSeen) => {
      await placedOnBefore(isSeen);
      for (const host of ['h2', 'h3']) await world.command(init(host));
      world.host('h1').crash();
      expect(await world.command(failover('h1', 'destroyed'))).toBeNull();
      expect(usersOf('a1')).toHaveLength(1);
      nothingWrong();
    },
  );

  it('38 and runs on after an upgrade: its host is lost before it was started anew', async () => {
    await placedOnBefore();
    for (const host of ['h1', 'h2', 'h3']) await world.command(init(host));
    await world.command({ verb: 'sweep' });
    expect(world.host('h1').hasProgramsBefore()).toBe(true);
    world.host('h1').crash();
    expect(await world.command(failover('h1', 'destroyed'))).toBeNull();
    expect(usersOf('a1')).toHaveLength(1);
    nothingWrong();
  });
});

describe('R3 an upgrade in place', () => {
  it.each([
    ['init release', 'before'],
    ['init release', 'after'],
    ['init agent', 'before'],
    ['init agent', 'after'],
    ['contact', 'before'],
    ['contact', 'after'],
  ] as const)(
    'is killed at "%s" (%s), then a boot; then the programs are put back, and it boots again',
    async (what, kill) => {
      await placedOnBefore();
      const atThatCall = at(what, 'h1', { kill });
      await world.command(init('h1'), { fateOf: atThatCall });
      expect(usersOf('a1')).toEqual(['h1']);
      await boot('h1');
      await world.command(putBack('h1'));
      await boot('h1');
      await boot('h1', 15 * minute);
      expect(usersOf('a1').length).toBeLessThanOrEqual(1);
      await endsWell();
    },
  );

  it('loses its power at each write of the first contact, and boots at once with the programs of before', async () => {
    for (let writes = 1; writes <= 14; writes += 1) {
      await placedOnBefore();
      await world.command(init('h1'), {
        fateOf: at('contact', 'h1', { helperWrites: writes, powerLost: true }),
      });
      world.host('h1').putPrograms(before);
      world.host('h1').boot();
      await pass(4 * minute);
      await endsWell();
      world.killControllers();
      await world.destroy();
    }
    await placedOnBefore();
  });

  it('in the middle of a move from it, with a power loss, and put back: the move goes on once it is upgraded again', async () => {
    await placedOnBefore();
    for (const host of ['h1', 'h2', 'h3']) await world.command(init(host));
    // The gate is closed, and the receipt is not heard.
    await world.command(
      { verb: 'move', account: 'a1', host: 'h2' },
      { fateOf: at('release', 'h1', { reply: 'lost' }) },
    );
    world.host('h1').putPrograms(before);
    world.host('h1').restartAgent();
    world.host('h1').crash();
    await pass(2 * minute);
    world.host('h1').boot();
    await pass(minute);
    await world.command({ verb: 'resume' });
    await world.command({ verb: 'sweep' });
    expect(usersOf('a1').length).toBeLessThanOrEqual(1);
    expect(usersOf('a1')).not.toContain('h1');
    await endsWell();
  });

  it('of a host that holds since a boot: programs that are put back hold as well, until it is upgraded and heard', async () => {
    await placedOnBefore();
    for (const host of ['h1', 'h2', 'h3']) await world.command(init(host));
    await boot('h1', 15 * minute);
    expect([usersOf('a1'), claimAt('h1')?.heldSince === undefined]).toEqual([[], false]);
    world.host('h1').putPrograms(before);
    await boot('h1');
    await world.command({ verb: 'sweep' });
    await boot('h1', 10_000);
    expect(usersOf('a1')).toEqual([]);
    await endsWell();
  });

  it('after its account was exported: what the host still claims is never started again', async () => {
    await placedOnBefore();
    for (const host of ['h2', 'h3']) await world.command(init(host));
    await failOver();
    expect(await world.command({ verb: 'export', account: 'a1' })).toBeNull();
    world.host('h1').boot();
    await pass(minute);
    await world.command({ verb: 'sweep' });
    await boot('h1', 10_000);
    expect(usersOf('a1')).toEqual([]);
    await world.command(init('h1'));
    await boot('h1', 10_000);
    expect([usersOf('a1'), claimAt('h1')?.state]).toEqual([[], 'revoked']);
    await settle(world);
    nothingWrong();
  });

  it('9 with the ledger lost: nothing is given to anybody while a host of the release before cannot be told', async () => {
    await placedOnBefore();
    await world.command(init('h2'));
    const old = world.copyLedger('old');
    await world.command(init('h3'));
    await world.markRestored(old);
    world.ledgerPath = old;
    world.forgetSerials();
    await world.command({ verb: 'adopt' });
    await world.command(allocate);
    for (const account of ['a1', 'a2', 'a3'])
      expect(usersOf(account).length).toBeLessThanOrEqual(1);
    world.isLedgerOld = true;
    await endsWell();
  });
});

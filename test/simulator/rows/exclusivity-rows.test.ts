import { readFile } from 'node:fs/promises';
import { afterEach, describe, expect, it } from 'vitest';
import '../borders.ts';
import { readClaim } from '../../../hostside/claims/claim-file.ts';
import { readStaged } from '../../../hostside/helper/world.ts';
import { raiseEpoch } from '../../../src/ledger/queries/accounts.ts';
import type { AccountName } from '../../../src/model/names.ts';
import { memoryStatesOf } from '../model/memory-states.ts';
import { type CallFate, plainFate, type RemoteCall } from '../model/model-remote.ts';
import { settle } from '../settle.ts';
import { checkMemory, remember } from '../stories/moving.ts';
import { keyIds, World } from '../world.ts';

/**
 * The rows of the table of interleavings (docs/exclusivity.md), each with its number and title;
 * where no software can close one, it shows what the operator is told.
 */
const a1 = keyIds.a1 ?? '';
const allocate = { verb: 'allocate' } as const;
const cut = { hears: false, isHeard: false };
const whole = { hears: true, isHeard: true };

let world: World;

afterEach(async () => {
  if (world === undefined) return;
  world.killControllers();
  await world.simulation.pass(0);
  await world.destroy();
});

/** Three accounts online, one per host: a1 on h1, a2 on h2, a3 on h3. */
async function placed(): Promise<World> {
  world = await World.create(1);
  expect(await world.command(allocate)).toBeNull();
  expect(usersOfAll()).toEqual([['h1'], ['h2'], ['h3']]);
  return world;
}

const usersOf = (account: string): readonly string[] =>
  world.dataCentre.usersOf(keyIds[account] ?? '');
const usersOfAll = (): (readonly string[])[] => world.accounts.map(usersOf);
const claimAt = (host: string, account = 'a1') =>
  readClaim(world.host(host).places, keyIds[account] ?? '').claim;
const nothingWrong = (): void => expect(world.simulation.violations).toEqual([]);

/** Faults at calls to `host` that contain `act`. */
const at =
  (act: string, host: string, fate: Partial<CallFate>) =>
  (call: RemoteCall): CallFate =>
    call.host === host && call.what.includes(act) ? { ...plainFate, ...fate } : plainFate;

/** a1 leaves h1 and comes online on another host at a higher epoch. */
async function moveA1Away(): Promise<void> {
  expect(await world.command({ verb: 'remove', account: 'a1' })).toBeNull();
  await world.command({ verb: 'import', account: 'a1' });
  await world.cordon('h1');
  expect(await world.command(allocate)).toBeNull();
  expect(usersOf('a1')).not.toEqual(['h1']);
}

describe('two connections at once', () => {
  it('1 quick power cycle: measured from the last contact, whatever the length of the outage', async () => {
    await placed();
    world.host('h1').link = cut;
    await world.simulation.pass(601_000);
    world.host('h1').crash();
    await world.simulation.pass(2_000);
    world.host('h1').boot();
    await world.simulation.pass(120_000);
    expect(usersOf('a1')).toEqual([]);
    world.host('h1').link = whole;
    await world.command({ verb: 'status' });
    expect(await world.command(allocate)).toBeNull();
    expect([usersOf('a1'), claimAt('h1')?.epoch]).toEqual([['h1'], 2]);
    nothingWrong();
  });

  it('1 quick power cycle shortly after a contact: the account starts by itself', async () => {
    await placed();
    world.host('h1').crash();
    await world.simulation.pass(2_000);
    world.host('h1').boot();
    await world.simulation.pass(60_000);
    expect([usersOf('a1'), claimAt('h1')?.epoch]).toEqual([['h1'], 1]);
    nothingWrong();
  });

  it('2 boot order: a contact that comes before the verdict of the boot does not look like a fresh one', async () => {
    await placed();
    await world.simulation.pass(3_600_000);
    world.host('h1').crash();
    world.host('h1').boot(100, 5_000);
    await world.simulation.pass(200);
    expect((await world.command({ verb: 'start', account: 'a1' }))?.code).toBe('claim-refused');
    await world.simulation.pass(60_000);
    expect(usersOf('a1')).toEqual([]);
    await settle(world);
    nothingWrong();
  });

  it('3 clone: the image of a host that runs holds everything', async () => {
    await placed();
    const clone = world.clone(world.host('h1'));
    clone.boot();
    await world.simulation.pass(300_000);
    expect(clone.units.workerOf(a1)).toBeNull();
    expect(usersOf('a1')).toEqual(['h1']);
    nothingWrong();
  });

  it('3 snapshot rolled back after the account has moved on: held, and not given back while another host owns it', async () => {
    await placed();
    const disk = world.snapshotDisk(world.host('h1'));
    await moveA1Away();
    const [owner] = usersOf('a1');
    await world.simulation.pass(601_000);
    world.host('h1').crash();
    world.restoreDisk(world.host('h1'), disk);
    world.host('h1').link = cut;
    world.host('h1').boot();
    await world.simulation.pass(60_000);
    expect(usersOf('a1')).toEqual([owner]);
    world.host('h1').link = whole;
    await world.command({ verb: 'status' });
    await world.command(allocate);
    await world.simulation.pass(60_000);
    expect(usersOf('a1')).toEqual([owner]);
    nothingWrong();
  });

  it.each([
    { passMs: 700_000, at: 'held' },
    { passMs: 60_000, at: 'running' },
  ])(
    '3 snapshot rolled back after the account has left the fleet and come back, $at: the first contact closes it, then it is placed',
    async (row) => {
      await placed();
      const disk = world.snapshotDisk(world.host('h1'));
      expect(await world.command({ verb: 'remove', account: 'a1' })).toBeNull();
      await world.command({ verb: 'import', account: 'a1' });
      await world.simulation.pass(row.passMs);
      world.host('h1').crash();
      world.restoreDisk(world.host('h1'), disk);
      world.host('h1').boot();
      await world.simulation.pass(60_000);
      expect(usersOf('a1')).toEqual(row.at === 'held' ? [] : ['h1']);
      await world.cordon('h1');
      const beforeMs = world.simulation.nowMs;
      await world.command(allocate);
      expect(claimAt('h1')).toMatchObject({ state: 'revoked', epoch: 1 });
      // Behind the settle floor of the host that let go.
      if (row.at === 'running')
        expect(world.simulation.nowMs - beforeMs).toBeGreaterThanOrEqual(5_000);
      expect(await world.command({ verb: 'sweep' })).toBeNull();
      expect(readStaged(world.host('h1').places, a1)).toEqual([]);
      expect(usersOf('a1')).toHaveLength(1);
      expect(usersOf('a1')).not.toEqual(['h1']);
      nothingWrong();
    },
  );

  const standsStill = async (how: 'pause' | 'suspend'): Promise<void> => {
    await placed();
    const host = world.host('h1');
    host.clockOffsetMs = 3_600_000;
    host.units.crash(a1, true);
    await world.simulation.pass(60_000);
    expect(usersOf('a1')).toEqual(['h1']);
    host.standStill(how);
    await world.simulation.pass(3_600_000);
    host.goOn();
    for (let drops = 0; drops < 20; drops += 1) {
      world.dataCentre.dropOne(world.simulation);
      await world.simulation.pass(5_000);
    }
    expect(usersOf('a1')).toEqual([]);
    await world.command({ verb: 'sweep' });
    await world.simulation.pass(60_000);
    expect(usersOf('a1')).toEqual(['h1']);
    nothingWrong();
  };

  it('3b memory snapshot, or a machine that was paused: no connection before the operator is in contact', () =>
    standsStill('pause'));

  it('37 a machine that was suspended: no connection before the operator is in contact', () =>
    standsStill('suspend'));

  it('a clock that is wrong, and one that is set while the worker runs, hold nothing', async () => {
    await placed();
    const host = world.host('h1');
    for (const offsetMs of [3_600_000, -86_400_000]) {
      host.clockOffsetMs = offsetMs;
      world.dataCentre.dropOne(world.simulation);
      await world.simulation.pass(60_000);
      expect(usersOf('a1')).toEqual(['h1']);
    }
    nothingWrong();
  });

  it('4 two ledgers, one epoch: only one of two releases gets a receipt', async () => {
    await placed();
    const copy = world.copyLedger('copy');
    const results = [
      await world.command({ verb: 'remove', account: 'a1' }, { ledgerPath: copy }),
      await world.command({ verb: 'remove', account: 'a1' }),
    ];
    expect(results.map((problem) => problem?.code ?? null)).toEqual([null, 'ledger-stale']);
    expect(claimAt('h1')?.state).toBe('released');
    nothingWrong();
  });

  it('5 two ledgers, first placement: whatever the moment, at most one of them starts an account', {
    timeout: 120_000,
  }, async () => {
    for (let offsetMs = 0; offsetMs <= 120; offsetMs += 10) {
      world = await World.create(1);
      world.areEpochsUnique = false;
      const second = await world.secondLedger();
      await world.cordon('h1', second);
      world.start(allocate);
      await world.simulation.pass(offsetMs);
      world.start(allocate, { ledgerPath: second });
      await world.simulation.pass(200_000);
      for (const users of usersOfAll()) expect(users.length).toBeLessThanOrEqual(1);
      nothingWrong();
      if (offsetMs < 120) await world.destroy();
    }
  });

  it('6 start between the proof of the stop and its record: the gate is closed already', async () => {
    await placed();
    const host = world.host('h1');
    host.luck = {
      ...host.luck,
      afterStop: (_, keyId, helper) => {
        if (helper === undefined) return;
        helper.onWrite = () => {
          helper.onWrite = null;
          host.units.start(keyId);
        };
      },
    };
    await world.command({ verb: 'remove', account: 'a1' });
    await world.simulation.pass(60_000);
    expect(usersOf('a1')).toEqual([]);
    await settle(world);
    nothingWrong();
  });

  it('7 late message: a grant that arrives after the account has gone elsewhere starts nothing', async () => {
    world = await World.create(1);
    await world.command(allocate, {
      fateOf: at('grant', 'h1', { request: 'late', lateMs: 200_000 }),
    });
    expect(usersOf('a1')).toEqual([]);
    expect(await world.command(allocate)).toBeNull();
    expect(usersOf('a1')).toEqual(['h1']);
    await moveA1Away();
    const users = usersOf('a1');
    await world.simulation.pass(300_000);
    expect(world.simulation.trace.some((line) => line.includes('grant (late)'))).toBe(true);
    expect(usersOf('a1')).toEqual(users);
    nothingWrong();
  });

  it('8 paused CLI: its acts are refused once a later run was in contact', async () => {
    world = await World.create(1);
    const paused = world.start(allocate, {
      fateOf: (call) => ({ ...plainFate, requestMs: call.what === 'grant' ? 60_000 : 10 }),
    });
    await world.simulation.pass(5_000);
    expect(await world.command(allocate)).toBeNull();
    await moveA1Away();
    await world.simulation.run(paused.isOver, 300_000);
    expect(paused.problem()?.code).toBe('authority-refused');
    expect(usersOf('a1')).not.toContain('h1');
    await settle(world);
    nothingWrong();
  });

  it('9 old ledger restored: it is recognised and changes nothing', async () => {
    await placed();
    const old = world.copyLedger('old');
    await moveA1Away();
    const before = usersOfAll();
    for (const verb of ['stop', 'remove', 'export'] as const) {
      expect((await world.command({ verb, account: 'a1' }, { ledgerPath: old }))?.code).toBe(
        'ledger-stale',
      );
    }
    // However often it is tried: its serial would be high enough at last.
    for (let tries = 0; tries < 5; tries += 1)
      expect((await world.command(allocate, { ledgerPath: old }))?.code ?? null).toBe(null);
    expect((await world.command({ verb: 'sweep' }, { ledgerPath: old }))?.code).toBe(
      'ledger-stale',
    );
    expect(usersOfAll()).toEqual(before);
    nothingWrong();
  });

  it('9 old ledger restored from before the placement: its survey says so', async () => {
    world = await World.create(1);
    const old = world.copyLedger('old');
    await world.command(allocate);
    await moveA1Away();
    const before = usersOfAll();
    for (let tries = 0; tries < 5; tries += 1)
      expect((await world.command(allocate, { ledgerPath: old }))?.code).toBe('ledger-stale');
    expect(usersOfAll()).toEqual(before);
    nothingWrong();
  });

  it('9 old ledger adopted: it goes on from what the hosts know, and the one that it was copied from is the old one now', async () => {
    await placed();
    const old = world.copyLedger('old');
    await moveA1Away();
    const before = usersOfAll();
    expect(await world.command({ verb: 'adopt' }, { ledgerPath: old })).toBeNull();
    expect((await world.command({ verb: 'sweep' }))?.code).toBe('ledger-stale');
    expect(usersOfAll()).toEqual(before);
    world.ledgerPath = old;
    expect(await world.command({ verb: 'stop', account: 'a1' })).toBeNull();
    expect(usersOf('a1')).toEqual([]);
    await settle(world);
    nothingWrong();
  });

  it('9 ledger lost: an empty one is rebuilt from the claims and the vault; what it believes of lost hosts starts from nothing', async () => {
    await placed();
    await moveA1Away();
    const before = usersOfAll();
    const second = await world.secondLedger();
    expect(await world.command({ verb: 'adopt' }, { ledgerPath: second })).toBeNull();
    expect(usersOfAll()).toEqual(before);
    expect((await world.command({ verb: 'stop', account: 'a1' }))?.code).toBe('authority-refused');
    world.ledgerPath = second;
    world.host('h2').link = cut;
    expect(
      (await world.command({ verb: 'failover', host: 'h2', statement: 'powered-off' }))?.code,
    ).toBe('claim-refused');
    world.host('h2').link = whole;
    await settle(world);
    expect(usersOfAll()).toEqual(before);
    nothingWrong();
  });

  it('10 a host is missing when nobody knows where the account is: it is not placed', async () => {
    await placed();
    world.host('h1').link = cut;
    const second = await world.secondLedger();
    world.areEpochsUnique = false;
    expect((await world.command(allocate, { ledgerPath: second }))?.code).toMatch(
      /^(survey-incomplete|authority-refused|claim-refused)$/,
    );
    expect(usersOfAll()).toEqual([['h1'], ['h2'], ['h3']]);
    nothingWrong();
  });

  it('11 false statement: a host that answers is not off, and one that comes back under its fence keeps its accounts', async () => {
    await placed();
    const answering = await world.command({ verb: 'failover', host: 'h1', statement: 'destroyed' });
    expect(answering?.message).toBe('h1 is not switched off: it answers');
    world.host('h1').link = cut;
    const failover = world.start({ verb: 'failover', host: 'h1', statement: 'fenced' });
    expect(await world.simulation.run(() => !world.host('h1').isUp, 60_000)).toBe(true);
    // The fence has rebooted it.
    world.host('h1').boot();
    await world.simulation.run(failover.isOver, 300_000);
    expect([failover.problem()?.code, failover.problem()?.message]).toEqual([
      'fence',
      'h1 is no longer off: nothing was started elsewhere',
    ]);
    expect(usersOfAll()).toEqual([['h1'], ['h2'], ['h3']]);
    await settle(world);
    nothingWrong();
  });

  it('11 false statement about a machine that runs behind a cut: no software can know; it is not believed before a boot would hold', async () => {
    await placed();
    world.host('h1').link = cut;
    expect(
      (await world.command({ verb: 'failover', host: 'h1', statement: 'powered-off' }))?.code,
    ).toBe('claim-refused');
    expect(usersOf('a1')).toEqual(['h1']);
    nothingWrong();
  });

  it('12 agent dead, worker alive: no reason to move or to fence, and claims need no agent', async () => {
    await placed();
    world.host('h1').isAgentUp = false;
    for (let minute = 0; minute < 5; minute += 1) {
      expect((await world.command({ verb: 'sweep', isAutomatic: true }))?.code ?? null).toBe(null);
      await world.simulation.pass(60_000);
    }
    expect([usersOf('a1'), world.host('h1').isUp]).toEqual([['h1'], true]);
    expect(await world.command({ verb: 'move', account: 'a1', host: 'h2' })).toBeNull();
    expect(usersOf('a1')).toEqual(['h2']);
    nothingWrong();
  });

  it('13 lease: there is none, so that a day without the operator stops nothing', async () => {
    await placed();
    await world.simulation.pass(86_400_000);
    expect(usersOfAll()).toEqual([['h1'], ['h2'], ['h3']]);
    nothingWrong();
  });

  it('14 clock wrong on return: behind the last contact holds', async () => {
    await placed();
    world.host('h1').crash();
    world.host('h1').clockOffsetMs = -3_600_000;
    world.host('h1').boot();
    await world.simulation.pass(60_000);
    expect(usersOf('a1')).toEqual([]);
    await settle(world);
    nothingWrong();
  });

  it('15 imported twice under another name: refused by the key', async () => {
    await placed();
    const problem = await world.command({ verb: 'import', account: 'a1', as: 'other' });
    expect([problem?.code, problem?.message]).toEqual([
      'session-file',
      expect.stringContaining('SAME_KEY'),
    ]);
    nothingWrong();
  });

  it('16 export while running: released first, not startable until it comes back', async () => {
    await placed();
    expect(await world.command({ verb: 'export', account: 'a1' })).toBeNull();
    expect(usersOf('a1')).toEqual([]);
    expect((await world.command({ verb: 'start', account: 'a1' }))?.code).toBe('usage');
    expect(await world.command(allocate)).toBeNull();
    await world.simulation.pass(120_000);
    expect(usersOf('a1')).toEqual([]);
    await world.command({ verb: 'import', account: 'a1' });
    expect(await world.command(allocate)).toBeNull();
    expect(usersOf('a1')).toHaveLength(1);
    await settle(world);
    nothingWrong();
  });

  it('16 export during an open move: refused until the move has ended', async () => {
    world = await World.create(1);
    await world.command(allocate, { fateOf: at('grant', 'h1', { reply: 'lost' }) });
    expect((await world.command({ verb: 'export', account: 'a1' }))?.code).toBe('in-doubt');
    await settle(world);
    nothingWrong();
  });

  it('17 orphan socket: after a SIGKILL the account starts again only behind the longer floor', async () => {
    await placed();
    world.host('h1').units.crash(a1, false);
    await world.simulation.pass(29_000);
    expect(world.host('h1').units.workerOf(a1)?.isPastGate()).toBe(false);
    await world.simulation.pass(20_000);
    expect(usersOf('a1')).toEqual(['h1']);
    nothingWrong();
  });

  it('17 orphan socket: a session is handed out only when the killed worker can no longer be heard', async () => {
    await placed();
    const host = world.host('h1');
    host.luck = { ...host.luck, stopNeedsKill: () => true };
    expect(await world.command({ verb: 'export', account: 'a1' })).toBeNull();
    expect(usersOf('a1')).toEqual([]);
    nothingWrong();
  });

  it('18 in-process double: a worker whose connection drops closes it before it makes the next one', async () => {
    await placed();
    for (let drops = 0; drops < 50; drops += 1) {
      world.dataCentre.dropOne(world.simulation);
      await world.simulation.pass(world.simulation.between(10, 2_000));
      for (const users of usersOfAll()) expect(users.length).toBeLessThanOrEqual(1);
    }
    nothingWrong();
  });

  it('19 escaped process: what is left of a stopped unit keeps the account where it is, and is named', async () => {
    await placed();
    const host = world.host('h1');
    host.luck = { ...host.luck, stopLagMs: () => 900_000 };
    const problem = await world.command({ verb: 'move', account: 'a1', host: 'h2' });
    expect([problem?.code, problem?.message]).toEqual([
      'claim-refused',
      expect.stringContaining('h1 refused to release a1'),
    ]);
    expect([claimAt('h1')?.state, usersOf('a1')]).toEqual(['releasing', []]);
    await world.simulation.pass(1_000_000);
    await settle(world);
    expect(usersOf('a1')).toHaveLength(1);
    nothingWrong();
  });

  it('20 hand run: a unit that somebody starts where the account was given up stays down', async () => {
    await placed();
    await world.command(
      { verb: 'export', account: 'a1' },
      { fateOf: at('wipe', 'h1', { kill: 'before' }) },
    );
    expect(readStaged(world.host('h1').places, a1)).toHaveLength(1);
    world.host('h1').units.start(a1);
    await world.simulation.pass(60_000);
    expect(usersOf('a1')).toEqual([]);
    nothingWrong();
  });

  it('21 tombstones lost: a reinstalled host starts nothing, and epochs go on', async () => {
    await placed();
    const host = world.host('h1');
    await moveA1Away();
    host.crash();
    host.reinstall('another machine of this name');
    host.boot();
    await world.simulation.pass(60_000);
    const [owner] = usersOf('a1');
    expect([owner === 'h1', claimAt(owner ?? '')?.epoch]).toEqual([false, 2]);
    nothingWrong();
  });
});

describe('session or state lost', () => {
  it('22 a wipe that arrives late takes nothing from the new owner', async () => {
    await placed();
    await world.command(
      { verb: 'export', account: 'a1' },
      { fateOf: at('wipe', 'h1', { request: 'twice', lateMs: 100_000 }) },
    );
    await world.command({ verb: 'import', account: 'a1' });
    for (const other of ['h2', 'h3']) await world.cordon(other);
    expect(await world.command(allocate)).toBeNull();
    await world.simulation.pass(200_000);
    expect(readStaged(world.host('h1').places, a1).map(({ epoch }) => epoch)).toEqual([2]);
    expect(usersOf('a1')).toEqual(['h1']);
    nothingWrong();
  });

  it('23 killed between the read of the state and its keeping: the receipt asks for that very state', async () => {
    await placed();
    await remember(world);
    await world.command(
      { verb: 'move', account: 'a1', host: 'h2' },
      { fateOf: at('release', 'h1', { kill: 'after' }) },
    );
    expect([claimAt('h1')?.state, claimAt('h1')?.stateHash]).toEqual([
      'released',
      expect.stringMatching(/^[0-9a-f]{64}$/),
    ]);
    expect(await world.command({ verb: 'resume' })).toBeNull();
    expect(usersOf('a1')).toEqual(['h2']);
    await checkMemory(world);
    nothingWrong();
  });

  it('23 a host that has owned the account later than an old ledger knows keeps its receipt and its state, and adopt goes on from there', async () => {
    await placed();
    await remember(world);
    const old = world.copyLedger('old');
    expect(await world.command({ verb: 'move', account: 'a1', host: 'h2' })).toBeNull();
    await world.command(
      { verb: 'move', account: 'a1', host: 'h3' },
      { fateOf: at('put-state', 'h3', { kill: 'before' }) },
    );
    expect(claimAt('h2')).toMatchObject({ state: 'released', epoch: 2, successor: 'h3' });
    world.ledgerPath = old;
    world.isLedgerOld = true;
    world.host('h2').link = cut;
    expect(await world.command({ verb: 'adopt' })).toBeNull();
    world.host('h2').link = whole;
    expect((await world.command({ verb: 'move', account: 'a1', host: 'h2' }))?.code).toBe(
      'ledger-stale',
    );
    expect(claimAt('h2')).toMatchObject({ state: 'released', epoch: 2, successor: 'h3' });
    await settle(world);
    expect(usersOf('a1')).toEqual(['h3']);
    await checkMemory(world);
    nothingWrong();
  });

  it('24 what changes on a host: the next sweep keeps it, and a failover continues from there', async () => {
    await placed();
    await world.command({ verb: 'sweep' });
    await world.simulation.pass(60_000);
    await remember(world);
    await world.command({ verb: 'sweep' });
    world.gone.add('h1');
    world.host('h1').crash();
    expect(
      await world.command({ verb: 'failover', host: 'h1', statement: 'destroyed' }),
    ).toBeNull();
    expect(usersOf('a1')).toHaveLength(1);
    await checkMemory(world);
    await settle(world);
    nothingWrong();
  });

  it('25 failover loses what came after the last sweep: the age of what is kept is known', async () => {
    await placed();
    await remember(world);
    await world.command({ verb: 'sweep' });
    const kept = async () =>
      (await memoryStatesOf(world.vault).get('a1' as AccountName))?.takenAtMs ?? 0;
    const first = await kept();
    expect(world.simulation.nowMs - first).toBeLessThan(1_000);
    await world.simulation.pass(3_600_000);
    expect(world.simulation.nowMs - (await kept())).toBeGreaterThan(3_599_000);
    await world.command({ verb: 'sweep' });
    expect(world.simulation.nowMs - (await kept())).toBeLessThan(1_000);
    nothingWrong();
  });
});

describe('stuck or wrongly offline', () => {
  it('26 release sent, reply lost, host gone: the others go on, and the release is finished when the host is back', async () => {
    await placed();
    const problem = await world.command(
      { verb: 'remove', account: 'a1' },
      { fateOf: at('release', 'h1', { reply: 'lost' }) },
    );
    expect(problem?.code).toBe('ssh-lost');
    world.host('h1').crash();
    await world.command({ verb: 'stop', account: 'a2' });
    expect(await world.command({ verb: 'start', account: 'a2' })).toBeNull();
    await settle(world);
    expect(usersOfAll()).toEqual([[], ['h2'], ['h3']]);
    nothingWrong();
  });

  it('26 a start that still waits while the account is exported says nothing about it afterwards', async () => {
    await placed();
    const start = world.start(
      { verb: 'start', account: 'a1' },
      { fateOf: at('start', 'h1', { replyMs: 30_000 }) },
    );
    await world.simulation.pass(1_000);
    expect(await world.command({ verb: 'export', account: 'a1' })).toBeNull();
    expect(await world.simulation.run(start.isOver, 600_000)).toBe(true);
    expect((await world.read()).accounts[0]).toMatchObject({
      name: 'a1',
      state: 'detached',
      host: null,
    });
    await settle(world);
    nothingWrong();
  });

  it('26 a wipe that was lost: the files of a former owner go also when the account has left the fleet meanwhile', async () => {
    await placed();
    await world.command(
      { verb: 'move', account: 'a1', host: 'h2' },
      { fateOf: at('wipe', 'h1', { request: 'lost' }) },
    );
    expect(await world.command({ verb: 'export', account: 'a1' })).toBeNull();
    expect(readStaged(world.host('h1').places, a1)).toHaveLength(1);
    await settle(world);
    expect(readStaged(world.host('h1').places, a1)).toEqual([]);
    nothingWrong();
  });

  it('27 disk full at the release: either nothing happens or all of it', async () => {
    await placed();
    world.host('h1').disk = 'full';
    await world.command({ verb: 'remove', account: 'a1' });
    expect([claimAt('h1')?.state, usersOf('a1')]).toEqual([
      expect.any(String),
      claimAt('h1')?.state === 'active' ? ['h1'] : [],
    ]);
    await settle(world);
    nothingWrong();
  });

  it('27 disk broken at the release: nothing is stopped for nothing, and it ends well', async () => {
    await placed();
    world.host('h1').disk = 'broken';
    expect(await world.command({ verb: 'remove', account: 'a1' })).not.toBeNull();
    await settle(world);
    expect(usersOf('a1')).toEqual([]);
    nothingWrong();
  });

  it('28 torn claim: nothing starts from it, and the operator is told which one it is', async () => {
    await placed();
    world.host('h1').damageClaim(a1);
    world.host('h1').units.crash(a1, true);
    await world.simulation.pass(60_000);
    expect(usersOf('a1')).toEqual([]);
    const problem = await world.command({ verb: 'start', account: 'a1' });
    expect([problem?.code, problem?.message]).toEqual([
      'claim-refused',
      expect.stringMatching(/h1 refused: .*claim/),
    ]);
    nothingWrong();
  });

  it('28 torn claim: adopt closes it, also under a worker that still runs, and the account starts again above it', async () => {
    await placed();
    const { epoch = 0 } = claimAt('h1') ?? {};
    world.host('h1').damageClaim(a1);
    expect(usersOf('a1')).toEqual(['h1']);
    expect(await world.command({ verb: 'adopt' })).toBeNull();
    expect([usersOf('a1'), claimAt('h1')?.state]).toEqual([[], 'revoked']);
    expect(await world.command(allocate)).toBeNull();
    const [owner = ''] = usersOf('a1');
    expect([usersOf('a1').length, (claimAt(owner)?.epoch ?? 0) > epoch]).toEqual([1, true]);
    await settle(world);
    nothingWrong();
  });

  it('28 torn claim of a former owner: adopt closes it, and the account stays where it is', async () => {
    await placed();
    await moveA1Away();
    const owners = usersOf('a1');
    world.host('h1').damageClaim(a1);
    expect(await world.command({ verb: 'adopt' })).toBeNull();
    expect([usersOf('a1'), claimAt('h1')?.state]).toEqual([owners, 'revoked']);
    await settle(world);
    nothingWrong();
  });

  it('29 a ledger that has forgotten epochs goes on above the highest one that a host has seen', async () => {
    await placed();
    for (let times = 0; times < 3; times += 1) {
      await world.command({ verb: 'remove', account: 'a1' });
      await world.command({ verb: 'import', account: 'a1' });
      await world.command(allocate);
    }
    await world.command({ verb: 'remove', account: 'a1' });
    await world.command({ verb: 'import', account: 'a1' });
    const { db } = await world.ledgerAt(world.ledgerPath);
    await db.deleteFrom('epochs').execute();
    expect(await world.command(allocate)).toBeNull();
    expect(claimAt(usersOf('a1')[0] ?? '')?.epoch).toBe(5);
    nothingWrong();
  });

  it('29 a jump of more than 1000 is refused by the host', async () => {
    await placed();
    await world.command({ verb: 'remove', account: 'a1' });
    await world.command({ verb: 'import', account: 'a1' });
    for (const other of ['h2', 'h3']) await world.cordon(other);
    const { db } = await world.ledgerAt(world.ledgerPath);
    await raiseEpoch(db, a1, 5_000);
    expect((await world.command(allocate))?.code).toBe('claim-refused');
    expect(usersOf('a1')).toEqual([]);
    nothingWrong();
  });

  it('30 a worker that crashes long after the last contact starts again: only a boot is held', async () => {
    await placed();
    await world.simulation.pass(3_600_000);
    world.host('h1').units.crash(a1, true);
    await world.simulation.pass(60_000);
    expect(usersOf('a1')).toEqual(['h1']);
    nothingWrong();
  });

  it('31 brake: two of three hosts down at once look like trouble of the network, one does not', async () => {
    await placed();
    for (const name of ['h2', 'h3']) world.host(name).link = cut;
    for (let minute = 0; minute < 5; minute += 1) {
      await world.command({ verb: 'sweep', isAutomatic: true });
      await world.simulation.pass(60_000);
    }
    expect(world.hosts.map(({ isUp }) => isUp)).toEqual([true, true, true]);
    world.host('h3').link = whole;
    for (let minute = 0; minute < 3; minute += 1) {
      await world.command({ verb: 'sweep', isAutomatic: true });
      await world.simulation.pass(60_000);
    }
    expect(world.host('h2').isUp).toBe(false);
    expect(usersOf('a2')).toHaveLength(1);
    nothingWrong();
  });

  it('32 ping-pong: an account that its new host cannot bring online comes back once, and stays', async () => {
    await placed();
    world.dataCentre.unreachableFrom.add('h2');
    const problem = await world.command({ verb: 'move', account: 'a1', host: 'h2' });
    expect(problem?.message).toMatch(/a1 on h2 is /);
    expect([usersOf('a1'), claimAt('h1')?.epoch]).toEqual([['h1'], 3]);
    await settle(world);
    nothingWrong();
  });

  it('33 SSH drops while the helper works: the next run waits for it, or says that it is busy, and then goes on from where it is', async () => {
    await placed();
    const host = world.host('h1');
    host.luck = { ...host.luck, stopLagMs: () => 20_000 };
    const first = world.start(
      { verb: 'remove', account: 'a1' },
      { fateOf: at('release', 'h1', { reply: 'lost' }) },
    );
    await world.simulation.pass(1_000);
    first.controller.kill('as its link drops');
    expect(await world.command({ verb: 'remove', account: 'a1' })).toBeNull();
    await settle(world);
    expect(usersOf('a1')).toEqual([]);
    nothingWrong();
  });
});

it('every row of the table has a schedule', async () => {
  const text = await readFile(new URL(import.meta.url), 'utf8');
  const rows = new Set([...text.matchAll(/^ {2}it\('(\d+b?) /gm)].map(([, row]) => row));
  expect([...rows].sort()).toEqual(
    [...Array.from({ length: 33 }, (_, index) => String(index + 1)), '3b', '37'].sort(),
  );
});

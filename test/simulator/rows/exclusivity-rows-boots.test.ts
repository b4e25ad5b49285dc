import { describe, expect, it } from 'vitest';
import '../borders.ts';
import { type CallFate, plainFate, type RemoteCall } from '../model/model-remote.ts';
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

/** Rows 40 to 46 of docs/exclusivity.md: what a boot believes. */
it('40 a pipeline writes a longer hold.after to the host: boots are judged by what the authority believes', async () => {
  await placed();
  world.host('h1').configure({ holdAfterMs: 7_200_000 });
  world.host('h1').crash();
  await world.simulation.pass(1_300_000);
  expect(await world.command(failover('h1', 'powered-off'))).toBeNull();
  world.host('h1').boot();
  await world.simulation.pass(60_000);
  expect(usersOf('a1')).not.toContain('h1');
  nothingWrong();
});

it('41 a disk is rolled back by minutes, within hold.after of the last contact: its heartbeat is as old as its claims', async () => {
  await placed();
  const disk = world.snapshotDisk(world.host('h1'));
  await world.simulation.pass(100_000);
  expect(await world.command({ verb: 'move', account: 'a1', host: 'h2' })).toBeNull();
  world.host('h1').crash();
  world.restoreDisk(world.host('h1'), disk);
  world.host('h1').link = cut;
  world.host('h1').boot();
  await world.simulation.pass(60_000);
  expect(usersOf('a1')).toEqual(['h2']);
  world.host('h1').link = whole;
  await settle(world);
  nothingWrong();
});

it('41 a host whose disk was put back knows less than it had acknowledged: the next contact tells, and the ledger keeps it for doctor', async () => {
  await placed();
  const host = world.host('h1');
  const disk = world.snapshotDisk(host);
  await world.command({ verb: 'sweep' });
  expect(world.hints).toEqual([]);
  host.crash();
  world.restoreDisk(host, disk);
  host.boot();
  await world.simulation.pass(60_000);
  await world.command({ verb: 'sweep' });
  const { db } = await world.ledgerAt(world.ledgerPath);
  const row = await db
    .selectFrom('hosts')
    .selectAll()
    .where('name', '=', 'h1')
    .executeTakeFirstOrThrow();
  expect([row.acknowledged_serial, row.fell_back_to]).toEqual([3, 1]);
  await world.command({ verb: 'sweep' });
  const events = await db
    .selectFrom('events')
    .selectAll()
    .where('kind', '=', 'host-fell-back')
    .execute();
  expect(events.map(({ host: name, text }) => [name, JSON.parse(text)])).toEqual([
    ['h1', { acknowledged: 2, knew: 1 }],
  ]);
  await settle(world);
  nothingWrong();
});

it('41 requests that cross each other, and lost replies, are no fall', async () => {
  await placed();
  const late = (call: RemoteCall): CallFate =>
    call.host === 'h1' ? { ...plainFate, replyMs: 40_000 } : plainFate;
  const slow = world.start({ verb: 'sweep' }, { fateOf: late });
  await world.simulation.pass(1_000);
  await world.command({ verb: 'sweep' }, { fateOf: at('survey', 'h1', { reply: 'lost' }) });
  await world.command({ verb: 'sweep' });
  await world.simulation.run(slow.isOver, 600_000);
  await world.command({ verb: 'sweep' });
  const { db } = await world.ledgerAt(world.ledgerPath);
  const rows = await db
    .selectFrom('hosts')
    .select(['acknowledged_serial', 'fell_back_at'])
    .execute();
  expect(rows.map((row) => [row.acknowledged_serial, row.fell_back_at])).toEqual(
    rows.map(() => [5, null]),
  );
  nothingWrong();
});

it('41 a clone that keeps the identity of its machine boots within hold.after', async () => {
  await placed();
  const clone = world.clone(world.host('h1'), 'everything');
  await world.simulation.pass(100_000);
  clone.boot();
  await world.simulation.pass(60_000);
  expect(clone.units.workerOf(a1)).toBeNull();
  expect(usersOf('a1')).toEqual(['h1']);
  nothingWrong();
});

describe('42 a container restarts under the boot id of the machine around it', () => {
  it('long after the last contact its accounts are held, although they were granted under this very boot id', async () => {
    await placed();
    world.host('h1').link = cut;
    await world.simulation.pass(700_000);
    world.host('h1').restartContainer();
    await world.simulation.pass(60_000);
    expect(usersOf('a1')).toEqual([]);
    world.host('h1').link = whole;
    await settle(world);
    nothingWrong();
  });

  it('shortly after a contact they start by themselves', async () => {
    await placed();
    world.host('h1').restartContainer();
    await world.simulation.pass(120_000);
    expect(usersOf('a1')).toEqual(['h1']);
    nothingWrong();
  });
});

it('44 the clock of the host is ahead at the contact and right at the boot: the earlier of both clocks counts', async () => {
  await placed();
  world.host('h1').clockOffsetMs = 900_000;
  await world.command({ verb: 'sweep' });
  world.host('h1').crash();
  world.host('h1').clockOffsetMs = 0;
  await world.simulation.pass(1_300_000);
  expect(await world.command(failover('h1', 'powered-off'))).toBeNull();
  const [owner] = usersOf('a1');
  world.host('h1').boot();
  await world.simulation.pass(60_000);
  expect(usersOf('a1')).toEqual([owner]);
  nothingWrong();
});

describe("44 the operator's clock is set forward after the contact", () => {
  const minute = 60_000;

  it('by two hours, while the host may still boot and run: it does not count as switched off earlier', async () => {
    await placed();
    await world.command({ verb: 'sweep' });
    world.host('h1').crash();
    await world.simulation.pass(5_000);
    world.stepOperatorClock(120 * minute);
    await world.command({ verb: 'status' });
    expect((await world.command(failover('h1', 'powered-off')))?.code).toBe('claim-refused');
    world.host('h1').boot();
    await world.simulation.pass(minute);
    expect(usersOf('a1')).toEqual(['h1']);
    await settle(world);
    nothingWrong();
  });

  it('while its question waits, and the host is off for long enough: the step does not make it wait longer', async () => {
    await placed();
    await world.command({ verb: 'sweep' });
    world.host('h1').crash();
    await world.simulation.pass(21 * minute);
    const asked = world.start({ ...failover('h1', 'powered-off'), promptMs: minute });
    await world.simulation.pass(10_000);
    world.stepOperatorClock(120 * minute);
    await world.simulation.run(asked.isOver, 10 * minute);
    expect([asked.problem(), usersOf('a1').length]).toEqual([null, 1]);
    world.host('h1').boot();
    await world.simulation.pass(minute);
    await settle(world);
    nothingWrong();
  });

  it.each([
    ['and back before its serial, and forward again before its record', [120, -120, 120]],
    ['only after its serial', [0, 0, 120]],
    ['before it is planned, and stays', [120, 0, 0]],
    ['and further after its serial', [1, 0, 120]],
  ] as const)(
    'a failover stands still between its serial and its record: %s',
    async (_, [first, second, third]) => {
      await placed();
      await world.command({ verb: 'sweep' });
      world.host('h1').crash();
      await world.simulation.pass(5_000);
      world.stepOperatorClock(first * minute);
      const asked = world.start({
        ...failover('h1', 'powered-off'),
        promptMs: 30_000,
        stoppedMs: 30_000,
      });
      await world.simulation.pass(25_000);
      world.stepOperatorClock(second * minute);
      await world.simulation.pass(20_000);
      world.stepOperatorClock(third * minute);
      await world.simulation.run(asked.isOver, 10 * minute);
      expect(asked.problem()?.code).toBe('claim-refused');
      world.host('h1').boot();
      await world.simulation.pass(minute);
      expect(usersOf('a1')).toEqual(['h1']);
      await settle(world);
      nothingWrong();
    },
  );

  it.each([120, -120])(
    'it stands still there for an hour while the clock steps by %i minutes, and the host is back before it goes on',
    async (step) => {
      await placed();
      await world.command({ verb: 'sweep' });
      world.host('h1').crash();
      await world.simulation.pass(21 * minute);
      const asked = world.start({ ...failover('h1', 'powered-off'), stoppedMs: 60 * minute });
      await world.simulation.pass(10 * minute);
      world.stepOperatorClock(step * minute);
      world.host('h1').boot();
      await world.simulation.pass(2 * minute);
      await world.command({ verb: 'sweep' });
      await world.simulation.run(asked.isOver, 90 * minute);
      expect([asked.problem()?.code, usersOf('a1')]).toEqual(['plan-stale', ['h1']]);
      await settle(world);
      nothingWrong();
    },
  );

  it('it is killed there, and the clock steps: the same command goes on', async () => {
    await placed();
    await world.command({ verb: 'sweep' });
    world.host('h1').crash();
    await world.simulation.pass(21 * minute);
    const asked = world.start({ ...failover('h1', 'powered-off'), stoppedMs: 60 * minute });
    await world.simulation.pass(minute);
    asked.controller.kill('where it stands still');
    world.stepOperatorClock(120 * minute);
    expect(await world.command(failover('h1', 'powered-off'))).toBeNull();
    world.host('h1').boot();
    await world.simulation.pass(minute);
    expect(usersOf('a1')).not.toContain('h1');
    await settle(world);
    nothingWrong();
  });

  it('and put back: what waits waits longer, and goes on', async () => {
    await placed();
    world.stepOperatorClock(60 * minute);
    await world.command({ verb: 'sweep' });
    world.stepOperatorClock(-60 * minute);
    world.host('h1').crash();
    await world.simulation.pass(90 * minute);
    await world.command({ verb: 'sweep' });
    await world.simulation.pass(60 * minute);
    expect(await world.command(failover('h1', 'powered-off'))).toBeNull();
    nothingWrong();
  });
});

it.each([1, 2, 3, 4, 5, 6, 7, 8])(
  '45 its helper is killed after %i writes of a contact, the next one is whole, then the power is lost',
  async (writes) => {
    const owner = await failedOver();
    await world.command(
      { verb: 'sweep' },
      { fateOf: at('contact', 'h1', { helperWrites: writes }) },
    );
    await world.command({ verb: 'sweep' });
    expect(claimAt('h1')?.state).toBe('revoked');
    await reboot('h1');
    expect(claimAt('h1')?.state).toBe('revoked');
    expect(usersOf('a1')).toEqual([owner]);
    nothingWrong();
  },
);

it('46 the folders are put back from a backup in a boot that had no claims: what was not judged is held', async () => {
  await placed();
  const backup = world.placeFor('backup');
  world.host('h1').backUpFiles(backup);
  world.host('h1').crash();
  await world.simulation.pass(1_300_000);
  expect(await world.command(failover('h1', 'powered-off'))).toBeNull();
  const [owner] = usersOf('a1');
  world.host('h1').boot();
  await world.simulation.pass(60_000);
  expect(await world.command({ verb: 'sweep' })).toBeNull();
  await reboot('h1');
  world.host('h1').restoreFiles(backup);
  expect(claimAt('h1')?.state).toBe('active');
  world.host('h1').units.start(a1);
  await world.simulation.pass(60_000);
  expect(usersOf('a1')).toEqual([owner]);
  // The next contact closes it again.
  await world.command(allocate);
  await world.command({ verb: 'sweep' });
  expect(claimAt('h1')?.state).toBe('revoked');
  nothingWrong();
});

it('46 the folders are put back, and the machine reboots at once: its heartbeat knew a later contact', async () => {
  await placed();
  const backup = world.placeFor('backup');
  world.host('h1').backUpFiles(backup);
  expect(await world.command({ verb: 'move', account: 'a1', host: 'h2' })).toBeNull();
  await world.simulation.pass(60_000);
  world.host('h1').link = cut;
  world.host('h1').restoreFiles(backup);
  await reboot('h1');
  // Its unit was put back, too, or somebody starts it.
  world.host('h1').units.start(a1);
  await world.simulation.pass(60_000);
  expect(usersOf('a1')).toEqual(['h2']);
  world.host('h1').link = whole;
  await settle(world);
  nothingWrong();
});

it.each([false, true])(
  '46 the folders are put back in the very boot that let go of the account (and it reboots: %s)',
  async (reboots) => {
    await placed();
    const backup = world.placeFor('backup');
    world.host('h1').backUpFiles(backup);
    expect(await world.command({ verb: 'move', account: 'a1', host: 'h2' })).toBeNull();
    world.host('h1').link = cut;
    world.host('h1').restoreFiles(backup);
    expect(claimAt('h1')?.heldSince).toBe('put-back');
    world.host('h1').units.start(a1);
    await world.simulation.pass(100_000);
    expect(usersOf('a1')).toEqual(['h2']);
    if (reboots) await reboot('h1');
    expect(usersOf('a1')).toEqual(['h2']);
    world.host('h1').link = whole;
    await settle(world);
    nothingWrong();
  },
);

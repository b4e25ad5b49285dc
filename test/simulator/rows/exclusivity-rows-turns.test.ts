import { describe, expect, it } from 'vitest';
import '../borders.ts';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defaultControlGroup, stateDirectory } from '../../../hostside/helper/processes.ts';
import { readBootVerdict, readContact } from '../../../hostside/machine/boot.ts';
import type { ModelHost } from '../model/model-host.ts';
import { type CallFate, plainFate, type RemoteCall } from '../model/model-remote.ts';
import { settle } from '../settle.ts';
import { acts, send, tell } from '../tell-host.ts';
import {
  a1,
  allocate,
  at,
  claimAt,
  cut,
  failover,
  nothingWrong,
  placed,
  usersOf,
  world,
} from './rows-fixture.ts';

/**
 * Invariant 2 of docs/exclusivity.md while an account moves: what is looked at before the grant,
 * and when it goes on, goes back, or is dropped.
 */
const second = 1_000;
const minute = 60 * second;
const toH2 = { verb: 'move', account: 'a1', host: 'h2' } as const;

/**
 * Does something right before a call to `host` that contains `what` leaves; `times`: which one of
 * them, from 1.
 */
const rightBefore = (
  what: string,
  host: string,
  act: () => void,
  fate: Partial<CallFate> = {},
  times = 1,
): ((call: RemoteCall) => CallFate) => {
  let seen = 0;
  return (call) => {
    if (call.host !== host || !call.what.includes(what)) return plainFate;
    seen += 1;
    if (seen !== times) return plainFate;
    act();
    return { ...plainFate, ...fate };
  };
};
const kill = (what: string, host: string, times = 1) =>
  rightBefore(what, host, () => undefined, { kill: 'before' }, times);
const openMoves = async (): Promise<readonly string[]> => (await world.read()).openMoves;

/** Somebody's process in the cgroup of a1's unit. */
const cgroupOf = (host: ModelHost): string =>
  join(host.root, 'sys/fs/cgroup', defaultControlGroup(a1));
const addProcess = (host: ModelHost): void => {
  mkdirSync(cgroupOf(host), { recursive: true });
  writeFileSync(join(cgroupOf(host), 'cgroup.procs'), '999\n');
};

/**
 * The machine becomes another one within its boot, as a snapshot that is resumed elsewhere: it
 * takes nothing that opens a gate.
 */
const becomeAnother = (host: ModelHost): void => host.identify('another-machine');
const becomeItselfAgain = (host: ModelHost): void => host.identify(`machine-${host.name}`);

describe('the last look at the old owner, after its receipt and before the grant', () => {
  it('6 a process of the account is there again', async () => {
    await placed();
    const h1 = world.host('h1');
    const problem = await world.command(toH2, {
      fateOf: rightBefore('survey', 'h1', () => addProcess(h1)),
    });
    expect(problem?.message ?? 'it went on').toContain('1 processes');
    expect([usersOf('a1'), claimAt('h2')?.state]).toEqual([[], undefined]);
    rmSync(cgroupOf(h1), { recursive: true });
    expect(await world.command({ verb: 'resume' })).toBeNull();
    expect(usersOf('a1')).toEqual(['h2']);
    nothingWrong();
  });

  it('4 its claim is one of a later epoch, by somebody of whom this move knows nothing', async () => {
    await placed();
    const h1 = world.host('h1');
    const later = (): void =>
      send(h1, [acts.stage(9, 'other'), acts.grant(9, 'other', { idle: true })]);
    const problem = await world.command(toH2, {
      fateOf: rightBefore('survey', 'h1', later, { requestMs: 5 * second }),
    });
    expect(problem?.message ?? 'it went on').toContain('its claim is active at epoch 9');
    expect([usersOf('a1'), claimAt('h2')?.state]).toEqual([[], undefined]);
    nothingWrong();
  });

  it('17 the old worker is still counted, because its way was dead: the new one starts only behind the floor', async () => {
    await placed();
    await world.simulation.pass(2 * minute);
    world.host('h1').breakWay();
    expect(await world.command(toH2)).toBeNull();
    expect(usersOf('a1')).toEqual(['h2']);
    nothingWrong();
  });
});

describe('a target that refuses for good', () => {
  it('32 after the release: its epoch is closed there, and the account goes back above it', async () => {
    await placed();
    const problem = await world.command(toH2, {
      fateOf: rightBefore('grant', 'h2', () => becomeAnother(world.host('h2'))),
    });
    expect(problem?.message ?? 'it went there').toContain('h2');
    expect([usersOf('a1'), claimAt('h1')?.epoch]).toEqual([['h1'], 3]);
    expect(claimAt('h2')).toMatchObject({ state: 'revoked', epoch: 2 });
    nothingWrong();
  });

  it('32 and so does the old owner: it is turned once, and waits', async () => {
    await placed();
    const [h1, h2] = [world.host('h1'), world.host('h2')];
    const there = rightBefore('grant', 'h2', () => becomeAnother(h2));
    const back = rightBefore('grant', 'h1', () => becomeAnother(h1));
    const again = rightBefore('stage', 'h1', () => becomeItselfAgain(h1), {}, 2);
    const fateOf = (call: RemoteCall): CallFate =>
      [there(call), back(call), again(call)].at(0) ?? plainFate;
    expect(await world.command(toH2, { fateOf })).not.toBeNull();
    expect(usersOf('a1')).toEqual([]);
    expect(await openMoves()).toHaveLength(1);
    for (const host of [h1, h2]) becomeItselfAgain(host);
    await settle(world);
    expect(usersOf('a1')).toHaveLength(1);
    nothingWrong();
  });

  it('32 it takes the account, which has a trouble of its own: it stays there', async () => {
    await placed();
    await world.command(toH2, {
      fateOf: rightBefore('grant', 'h2', () => world.dataCentre.strange(a1)),
    });
    expect([claimAt('h1')?.state, claimAt('h2')?.state]).toEqual(['released', 'active']);
    expect(await openMoves()).toEqual([]);
  });
});

describe('an old owner that refuses its release', () => {
  it('26 for good: the target is closed, and the move is over; its epoch is not used again', async () => {
    await placed();
    const h1 = world.host('h1');
    expect(
      await world.command(toH2, { fateOf: rightBefore('release', 'h1', () => becomeAnother(h1)) }),
    ).not.toBeNull();
    expect(claimAt('h2')).toMatchObject({ state: 'revoked', epoch: 2 });
    expect([await openMoves(), usersOf('a1')]).toEqual([[], ['h1']]);
    becomeItselfAgain(h1);
    expect(await world.command({ verb: 'remove', account: 'a1' })).toBeNull();
    const { db } = await world.ledgerAt(world.ledgerPath);
    expect(
      await db.selectFrom('epochs').select('epoch').where('key_id', '=', a1).executeTakeFirst(),
    ).toEqual({ epoch: 2 });
    nothingWrong();
  });

  it('26 although it has closed the gate for this very move: the move can only go on', async () => {
    await placed();
    const h1 = world.host('h1');
    for (
      let helperWrites = 1;
      claimAt('h1')?.state === 'active' && helperWrites < 40;
      helperWrites += 1
    )
      await world.command(helperWrites === 1 ? toH2 : { verb: 'resume' }, {
        fateOf: at('release', 'h1', { helperWrites }),
      });
    expect(claimAt('h1')?.state).toBe('releasing');
    becomeAnother(h1);
    expect(await world.command({ verb: 'resume' })).not.toBeNull();
    expect(await openMoves()).toHaveLength(1);
    becomeItselfAgain(h1);
    expect(await world.command({ verb: 'resume' })).toBeNull();
    expect(usersOf('a1')).toEqual(['h2']);
    nothingWrong();
  });
});

describe('23 the state', () => {
  it('that its host gives is not the one of the receipt: the account does not go on with it', async () => {
    await placed();
    const h1 = world.host('h1');
    await world.command(toH2, { fateOf: at('release', 'h1', { reply: 'lost' }) });
    expect(claimAt('h1')?.state).toBe('released');
    writeFileSync(join(stateDirectory(h1.places, a1) ?? '', 'notes'), 'of somebody else');
    const problem = await world.command({ verb: 'resume' });
    expect(problem?.message ?? 'it went on').toContain('it is not the one of its receipt');
    expect(claimAt('h2')?.state).not.toBe('active');
    nothingWrong();
  });

  it('is on this machine before the journal says released', async () => {
    await placed();
    const h1 = world.host('h1');
    writeFileSync(join(stateDirectory(h1.places, a1) ?? '', 'notes'), 'of a1');
    await world.command(toH2, { fateOf: kill('grant', 'h2') });
    expect((await openMoves())[0]).toContain('released');
    world.host('h1').crash();
    expect(await world.command({ verb: 'resume' })).toBeNull();
    expect(usersOf('a1')).toEqual(['h2']);
    nothingWrong();
  });
});

describe('a host is lost', () => {
  const lose = async (name: string): Promise<void> => {
    world.host(name).crash();
    await world.simulation.pass(21 * minute);
  };

  it('26 the old owner, after its receipt: the move goes on', async () => {
    await placed();
    await world.command(toH2, { fateOf: kill('grant', 'h2') });
    await lose('h1');
    expect(await world.command(failover('h1', 'powered-off'))).toBeNull();
    await world.command({ verb: 'resume' });
    expect([usersOf('a1'), claimAt('h2')?.epoch]).toEqual([['h2'], 2]);
    nothingWrong();
  });

  it('26 the target, that answers again by now: the move goes on', async () => {
    await placed();
    await world.command(toH2, { fateOf: kill('grant', 'h2') });
    await lose('h2');
    world.host('h3').isListening = false;
    await world.command(failover('h2', 'powered-off'));
    world.host('h3').isListening = true;
    world.host('h2').boot();
    await world.simulation.pass(minute);
    await world.command({ verb: 'resume' });
    expect(usersOf('a1')).toEqual(['h2']);
    nothingWrong();
  });

  it('7 with files of a first placement on it, of which a grant may have been heard: it goes elsewhere above that epoch', async () => {
    await placed();
    expect(await world.command({ verb: 'remove', account: 'a1' })).toBeNull();
    expect(await world.command({ verb: 'import', account: 'a1' })).toBeNull();
    for (const host of ['h2', 'h3']) await world.cordon(host);
    await world.command(allocate, { fateOf: kill('grant', 'h1') });
    await lose('h1');
    // Nobody takes it for now.
    await world.command(failover('h1', 'destroyed'));
    expect(usersOf('a1')).toEqual([]);
    await world.uncordonAll();
    await world.command(allocate);
    const [owner = ''] = usersOf('a1');
    expect(claimAt(owner)?.epoch).toBe(3);
    nothingWrong();
  });

  it('36 counts as off, and boots: nothing with authority is sent to it before it has answered a look', async () => {
    await placed();
    const h1 = world.host('h1');
    world.host('h3').crash();
    await lose('h1');
    expect((await world.command(failover('h1', 'powered-off')))?.code).toBe('survey-incomplete');
    h1.boot();
    await world.simulation.pass(minute);
    const told = readContact(h1.places);
    await world.command({ verb: 'sweep' }, { fateOf: at('survey', 'h1', { reply: 'lost' }) });
    expect(readContact(h1.places)).toEqual(told);
    nothingWrong();
  });
});

it('1 an account that has arrived, of which the journal does not know yet, survives an ordinary reboot of its new host', async () => {
  await placed();
  const h2 = world.host('h2');
  await world.command(toH2, { fateOf: at('grant', 'h2', { reply: 'lost' }) });
  // A host that has booted a moment ago waits for what it may have run before.
  await world.simulation.pass(minute);
  expect([usersOf('a1'), (await openMoves())[0]]).toEqual([
    ['h2'],
    expect.stringContaining('released'),
  ]);
  expect(await world.command({ verb: 'start', account: 'a2' })).toBeNull();
  h2.shutDown();
  await world.simulation.pass(10 * second);
  h2.boot();
  await world.simulation.pass(minute);
  expect(usersOf('a1')).toEqual(['h2']);
  nothingWrong();
});

it('6 the claim is durable before its unit is started', async () => {
  await placed();
  const [h1, h2] = [world.host('h1'), world.host('h2')];
  expect(await tell(h1, [acts.release(1, 'away', 'h2')])).toEqual(['ok']);
  const seen: (string | undefined)[] = [];
  const { start } = h2.units;
  h2.units.start = (keyId) => {
    seen.push(claimAt('h2')?.state);
    start(keyId);
  };
  expect(await tell(h2, [acts.stage(2, 'away'), acts.grant(2, 'away')])).toEqual(['ok', 'ok']);
  expect(seen).toEqual(['active']);
  nothingWrong();
});

describe('what speaks against a boot is told, each of it', () => {
  it('2 a contact came before the verdict', async () => {
    await placed();
    const h1 = world.host('h1');
    h1.crash();
    h1.boot(100, 5_000);
    await world.simulation.pass(200);
    await world.command({ verb: 'start', account: 'a1' });
    await world.simulation.pass(minute);
    expect(readBootVerdict(h1.places)?.reasons.join()).toContain(
      'only after the operator was in contact in this boot',
    );
    expect(usersOf('a1')).toEqual([]);
    nothingWrong();
  });

  it('14 the clock is behind the last contact, although it is not behind the last heartbeat', async () => {
    await placed();
    const h1 = world.host('h1');
    await world.simulation.pass(minute);
    h1.beat(0);
    h1.isAgentUp = false;
    await world.simulation.pass(40 * second);
    expect(await world.command({ verb: 'sweep' })).toBeNull();
    h1.crash();
    h1.clockOffsetMs = -30 * second;
    h1.boot();
    await world.simulation.pass(2 * minute);
    expect(readBootVerdict(h1.places)?.reasons).toEqual([
      expect.stringMatching(/the clock is \d+ s behind the last contact/),
    ]);
    expect(usersOf('a1')).toEqual([]);
    nothingWrong();
  });
});

it('3 a machine is exchanged under a host, and its ledger is lost: adopt gives it nothing', async () => {
  await placed();
  const h1 = world.host('h1');
  h1.crash();
  becomeAnother(h1);
  h1.boot();
  await world.simulation.pass(minute);
  const second = await world.secondLedger();
  await world.command({ verb: 'adopt' }, { ledgerPath: second });
  world.ledgerPath = second;
  expect((await world.read()).accounts.find(({ name }) => name === 'a1')?.host).toBeNull();
  h1.link = cut;
  nothingWrong();
});

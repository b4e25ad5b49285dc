import { describe, expect, it } from 'vitest';
import '../borders.ts';
import { readFileSync, writeFileSync } from 'node:fs';
import { readStaged } from '../../../hostside/helper/world.ts';
import { claimPath } from '../../../hostside/machine/places.ts';
import type { ModelHost } from '../model/model-host.ts';
import { acts, closeGate, tell } from '../tell-host.ts';
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
  whole,
  world,
} from './rows-fixture.ts';

/**
 * Rule F6 of docs/exclusivity.md: what every known host is asked before a grant, and whose answer
 * stops it.
 */
const second = 1_000;
const minute = 60 * second;
const { stage, grant, release, revoke } = acts;

/**
 * a1 is in the vault and on no host, after epoch 1; a grant of it goes to h1. Gives h2, which may
 * know more than the ledger.
 */
async function stored(): Promise<ModelHost> {
  await placed();
  expect(await world.command({ verb: 'remove', account: 'a1' })).toBeNull();
  expect(await world.command({ verb: 'import', account: 'a1' })).toBeNull();
  for (const host of ['h2', 'h3']) await world.cordon(host);
  return world.host('h2');
}

/** a1 is not started, and nobody but h2 has a claim on it that opens something. */
async function isNotPlaced(words: RegExp): Promise<void> {
  const before = usersOf('a1');
  const problem = await world.command(allocate);
  expect(problem?.message ?? 'it was placed').toMatch(words);
  await world.simulation.pass(minute);
  expect(usersOf('a1')).toEqual(before);
  for (const host of ['h1', 'h3']) expect(claimAt(host)?.state).not.toBe('active');
  nothingWrong();
}

describe('a first grant waits for whoever may own the account', () => {
  it('5 a host has an active claim, and does not run it', async () => {
    const h2 = await stored();
    expect(await tell(h2, [stage(5, 'other'), grant(5, 'other', { idle: true })])).toEqual([
      'ok',
      'ok',
    ]);
    await isNotPlaced(/it holds a claim \(active, epoch 5\)/);
  });

  it('26 a host lets go, and has not ended that', async () => {
    const h2 = await stored();
    expect(await tell(h2, [stage(5, 'other'), grant(5, 'other', { idle: true })])).toEqual([
      'ok',
      'ok',
    ]);
    await closeGate(h2, release(5, 'away', 'h3'));
    await isNotPlaced(/it holds a claim \(releasing, epoch 5\)/);
  });

  it('19 a host has no claim that opens anything, and a process of the account', async () => {
    const h2 = await stored();
    h2.luck = { ...h2.luck, leavesBehind: () => ({ where: 'cgroup', forMs: 30 * minute }) };
    expect(await tell(h2, [stage(5, 'other'), grant(5, 'other')])).toEqual(['ok', 'ok']);
    await world.simulation.pass(10 * second);
    expect(await tell(h2, [revoke(6, 'other')])).toEqual(['not-stopped']);
    expect(claimAt('h2')?.state).toBe('revoked');
    await isNotPlaced(/its unit is inactive with 1 processes/);
  });

  it('28 a host has a claim that cannot be read, and what can be read of it is over', async () => {
    const h2 = await stored();
    expect(
      await tell(h2, [stage(5, 'other'), grant(5, 'other'), release(5, 'away', 'h3')]),
    ).toEqual(['ok', 'ok', 'ok']);
    const path = claimPath(h2.places, a1);
    const file = readFileSync(path);
    const older = file.toString('latin1', 0, 4096).includes('"released"') ? 4096 : 0;
    writeFileSync(
      path,
      Buffer.concat([
        file.subarray(0, older),
        Buffer.alloc(4096, 'x'),
        file.subarray(older + 4096),
      ]),
    );
    expect(claimAt('h2')?.state).toBe('released');
    await isNotPlaced(/its claim cannot be read \(torn\)/);
  });

  it('5 a host answers, and obeys another ledger: it may be given the account next', async () => {
    const h2 = await stored();
    await tell(h2, [], { id: 'another-ledger', serial: 1, takeOver: true });
    await isNotPlaced(/h2/);
  });

  it('29 a host names an epoch that nobody can have reached', async () => {
    const h2 = await stored();
    expect(await tell(h2, [revoke(900, 'other'), revoke(1_800, 'other')])).toEqual(['ok', 'ok']);
    await isNotPlaced(/1800/);
  });

  it('29 a host has seen the very epoch of the grant: it is granted above it', async () => {
    const h2 = await stored();
    expect(await tell(h2, [revoke(2, 'other')])).toEqual(['ok']);
    expect(await world.command(allocate)).toBeNull();
    expect([usersOf('a1'), claimAt('h1')?.epoch]).toEqual([['h1'], 3]);
    nothingWrong();
  });
});

it('26 the reply of a grant is lost, and its host holds it since a boot: the account comes back at a higher epoch', async () => {
  await placed();
  await world.simulation.pass(minute);
  await world.command({ verb: 'remove', account: 'a1' });
  await world.command({ verb: 'import', account: 'a1' });
  for (const host of ['h2', 'h3']) await world.cordon(host);
  await world.command(allocate, { fateOf: at('grant', 'h1', { reply: 'lost' }) });
  await world.simulation.pass(10 * second);
  const { epoch = 0 } = claimAt('h1') ?? {};
  expect(usersOf('a1')).toEqual(['h1']);
  world.host('h1').crash();
  await world.simulation.pass(20 * minute);
  world.host('h1').boot();
  await world.simulation.pass(minute);
  expect(usersOf('a1')).toEqual([]);
  expect(await world.command(allocate)).toBeNull();
  expect([usersOf('a1'), claimAt('h1')?.epoch]).toEqual([['h1'], epoch + 1]);
  nothingWrong();
});

describe('what is said of a host that is off', () => {
  const h1Lost = async (): Promise<void> => {
    await placed();
    expect(await world.command({ verb: 'sweep' })).toBeNull();
    world.host('h1').crash();
  };

  it('1 "switched off" is believed after hold.after and its margin, and not before', async () => {
    await h1Lost();
    for (const [passMs, code] of [
      [10.5 * minute, 'claim-refused'],
      [8.5 * minute, 'claim-refused'],
      [2 * minute, undefined],
    ] as const) {
      await world.simulation.pass(passMs);
      expect((await world.command(failover('h1', 'powered-off')))?.code).toBe(code);
    }
    nothingWrong();
  });

  it('1 the moment counts from the last contact of all', async () => {
    await placed();
    await world.simulation.pass(19 * minute);
    await h1ContactedAgain();
    world.host('h1').crash();
    await world.simulation.pass(12 * minute);
    expect((await world.command(failover('h1', 'powered-off')))?.code).toBe('claim-refused');
    nothingWrong();
  });

  const h1ContactedAgain = async (): Promise<void> => {
    expect(await world.command({ verb: 'start', account: 'a1' })).toBeNull();
  };

  it("44 and the operator's clock is put back before the grant: it is believed only when its moment has come again", async () => {
    await h1Lost();
    await world.simulation.pass(21 * minute);
    world.host('h3').isListening = false;
    expect((await world.command(failover('h1', 'powered-off')))?.code).toBe('survey-incomplete');
    world.host('h3').isListening = true;
    world.stepOperatorClock(-60 * minute);
    await world.command({ verb: 'sweep' });
    await world.command(allocate);
    expect(usersOf('a1')).toEqual([]);
    world.stepOperatorClock(60 * minute);
    nothingWrong();
  });

  it('36 ends before anything is sent to it: it dies with the request', async () => {
    await h1Lost();
    await world.simulation.pass(21 * minute);
    world.host('h3').isListening = false;
    expect((await world.command(failover('h1', 'powered-off')))?.code).toBe('survey-incomplete');
    world.host('h3').isListening = true;
    world.host('h1').boot();
    await world.simulation.pass(30 * second);
    await world.command(
      { verb: 'start', account: 'a1' },
      { fateOf: at('start', 'h1', { helperWrites: 0, powerLost: true }) },
    );
    expect(world.host('h1').isUp).toBe(false);
    expect((await world.command(failover('h1', 'powered-off')))?.code).toBe('claim-refused');
    nothingWrong();
  });

  it('38 a fenced host is still counted for a while: nothing starts before that is over', async () => {
    await placed();
    world.host('h1').link = cut;
    expect(await world.command(failover('h1', 'fenced'))).toBeNull();
    expect(usersOf('a1')).toHaveLength(1);
    nothingWrong();
  });
});

describe('files of a session that nobody needs', () => {
  it('22 go with a removal', async () => {
    await placed();
    expect(await world.command({ verb: 'remove', account: 'a1' })).toBeNull();
    expect(readStaged(world.host('h1').places, a1)).toEqual([]);
    nothingWrong();
  });

  it('22 go with a sweep, also beside those of an owner', async () => {
    await placed();
    expect(await tell(world.host('h1'), [stage(7, 'killed')])).toEqual(['ok']);
    expect(await world.command({ verb: 'sweep' })).toBeNull();
    expect(readStaged(world.host('h1').places, a1).map(({ epoch }) => epoch)).toEqual([1]);
    expect(usersOf('a1')).toEqual(['h1']);
    nothingWrong();
  });
});

describe('adopt', () => {
  it('4 two hosts claim an account at one epoch: neither is guessed', async () => {
    await placed();
    expect(
      await tell(world.host('h2'), [stage(1, 'other'), grant(1, 'other', { idle: true })]),
    ).toEqual(['ok', 'ok']);
    const second = await world.secondLedger();
    await world.command({ verb: 'adopt' }, { ledgerPath: second });
    world.ledgerPath = second;
    expect((await world.read()).accounts.find(({ name }) => name === 'a1')?.host).toBeNull();
    expect(world.simulation.trace.join('\n')).toContain('both claim it at epoch 1');
    nothingWrong();
  });

  it('28 one of the two slots of a claim is damaged: it is closed above the other one', async () => {
    await placed();
    const path = claimPath(world.host('h1').places, a1);
    writeFileSync(
      path,
      Buffer.concat([readFileSync(path).subarray(0, 4096), Buffer.alloc(4096, 'x')]),
    );
    expect(await world.command({ verb: 'adopt' })).toBeNull();
    expect(claimAt('h1')).toMatchObject({ state: 'revoked', epoch: 2 });
    expect(await world.command(allocate)).toBeNull();
    expect(usersOf('a1')).toHaveLength(1);
    nothingWrong();
  });

  it('1 it is no contact: what the hosts were told before still counts at their next boot', async () => {
    await placed();
    const old = world.copyLedger('old');
    expect(await world.command({ verb: 'move', account: 'a1', host: 'h2' })).toBeNull();
    expect(await world.command({ verb: 'adopt' }, { ledgerPath: old })).toBeNull();
    world.ledgerPath = old;
    world.host('h2').shutDown();
    await world.simulation.pass(10 * second);
    world.host('h2').boot();
    await world.simulation.pass(minute);
    expect(usersOf('a1')).toEqual(['h2']);
    nothingWrong();
  });

  it('29 it hears of old epochs only: the next one is above all that were used', async () => {
    await placed();
    for (const host of ['h2', 'h3'])
      expect(await world.command({ verb: 'move', account: 'a1', host })).toBeNull();
    for (const host of ['h2', 'h3']) world.host(host).link = cut;
    await world.command({ verb: 'adopt' });
    const { db } = await world.ledgerAt(world.ledgerPath);
    const { epoch } = await db
      .selectFrom('epochs')
      .select('epoch')
      .where('key_id', '=', a1)
      .executeTakeFirstOrThrow();
    expect(epoch).toBe(3);
    nothingWrong();
  });

  it('11 an old ledger says that a host is destroyed, which has come back since: it counts as a possible owner again', async () => {
    await placed();
    expect(await world.command({ verb: 'remove', account: 'a2' })).toBeNull();
    world.host('h1').crash();
    await world.simulation.pass(21 * minute);
    expect(await world.command(failover('h1', 'destroyed'))).toBeNull();
    const old = world.copyLedger('old');
    world.host('h1').boot();
    await world.simulation.pass(minute);
    await world.command({ verb: 'sweep' });
    world.host('h1').link = cut;
    await world.command({ verb: 'adopt' }, { ledgerPath: old });
    world.ledgerPath = old;
    await world.command({ verb: 'import', account: 'a2' });
    expect((await world.command(allocate))?.code).toBe('survey-incomplete');
    world.host('h1').link = whole;
    nothingWrong();
  });
});

import { describe, expect, it } from 'vitest';
import '../borders.ts';
import { readClaim } from '../../../hostside/claims/claim-file.ts';
import type { AccountName } from '../../../src/model/names.ts';
import { plainFate } from '../model/model-remote.ts';
import { settle } from '../settle.ts';
import {
  a1,
  allocate,
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

/** Several things that docs/exclusivity.md knows one by one, at the same time. */
const minute = 60_000;
const adopt = { verb: 'adopt' } as const;
const sweep = { verb: 'sweep' } as const;
const login = { verb: 'login', account: 'a1' } as const;
const moveTo = (host: string) => ({ verb: 'move', account: 'a1', host }) as const;
const usersOfNow = (): readonly string[] => world.dataCentre.usersOf(world.keyIdOf('a1'));

/** Telegram ends the session of a1, and the ledger hears of it; then the old key is good again. */
async function sessionEnded(): Promise<void> {
  world.dataCentre.revoke(a1);
  await world.simulation.pass(30_000);
  await world.command(sweep);
  world.dataCentre.loggedOut.delete(a1);
}

describe('9 two operators, each with a ledger that he adopts', () => {
  it.each(['stage', 'release', 'grant', 'await'])(
    '9 the other one adopts while a move stands still at its %s, and moves the account himself; then the first adopts again',
    async (act) => {
      await placed();
      const other = world.copyLedger('other');
      let calls = 0;
      const slow = world.start(moveTo('h2'), {
        fateOf: ({ what }) => ({
          ...plainFate,
          requestMs: what.includes(act) && calls++ === 0 ? 3 * minute : 10,
        }),
      });
      await world.simulation.pass(minute);
      expect(await world.command(adopt, { ledgerPath: other })).toBeNull();
      await world.command(sweep, { ledgerPath: other });
      await world.command(moveTo('h3'), { ledgerPath: other });
      await world.command(allocate, { ledgerPath: other });
      expect(usersOf('a1')).toHaveLength(1);
      await world.simulation.run(slow.isOver, 10 * minute);
      expect(slow.problem()).not.toBeNull();
      expect(usersOf('a1')).toHaveLength(1);
      expect((await world.command(sweep))?.code).toBe('ledger-stale');
      expect(await world.command(adopt)).toBeNull();
      expect((await world.command(sweep, { ledgerPath: other }))?.code).toBe('ledger-stale');
      await settle(world);
      expect(usersOf('a1')).toHaveLength(1);
      nothingWrong();
    },
  );

  it('9 by turns, each with a move of the same account: nobody acts on what he knew before the other one', async () => {
    await placed();
    const other = world.copyLedger('other');
    const hosts = ['h2', 'h3', 'h1', 'h2', 'h3'];
    for (const [turn, host] of hosts.slice(0, -1).entries()) {
      const [mine, theirs] = turn % 2 === 0 ? [other, world.ledgerPath] : [world.ledgerPath, other];
      const third = hosts[turn + 1] ?? '';
      expect(await world.command(adopt, { ledgerPath: mine })).toBeNull();
      expect(await world.command(moveTo(host), { ledgerPath: mine })).toBeNull();
      expect(usersOf('a1')).toEqual([host]);
      for (const verb of [moveTo(third), { verb: 'export', account: 'a1' }, sweep] as const)
        expect((await world.command(verb, { ledgerPath: theirs }))?.code).toBe('ledger-stale');
      expect([usersOf('a1'), claimAt(host)?.epoch]).toEqual([[host], turn + 2]);
    }
    await settle(world);
    nothingWrong();
  });
});

describe('24 the vault is put back to a backup from before a login', () => {
  async function putBack(): Promise<string> {
    await placed();
    const old = await world.vault.get('a1' as AccountName);
    await sessionEnded();
    expect(await world.command(login)).toBeNull();
    const [owner = ''] = usersOfNow();
    expect(owner).not.toBe('');
    expect(world.keyIdOf('a1')).not.toBe(a1);
    await world.vault.put('a1' as AccountName, old.session, old);
    return owner;
  }

  it('24 what runs with the new key goes on, and the old key, which Telegram knows again, is started by nothing', async () => {
    const owner = await putBack();
    const elsewhere = ['h1', 'h2', 'h3'].find((name) => name !== owner) ?? '';
    for (const verb of [
      sweep,
      moveTo(elsewhere),
      allocate,
      { verb: 'start', account: 'a1' },
      adopt,
      allocate,
    ] as const)
      await world.command(verb);
    expect([usersOf('a1'), usersOfNow()]).toEqual([[], [owner]]);
    nothingWrong();
  });

  it.each(['login', 'remove'] as const)(
    '24 and its host is destroyed: the old key does not take its place; a %s brings the account back, and the host that was said to be destroyed is told',
    async (way) => {
      const owner = await putBack();
      const elsewhere = ['h1', 'h2', 'h3'].find((name) => name !== owner) ?? '';
      const old = world.keyIdOf('a1');
      world.host(owner).crash();
      expect((await world.command(failover(owner, 'destroyed')))?.code).toBe('vault');
      await world.command(allocate);
      await world.simulation.pass(2 * minute);
      expect([usersOf('a1'), usersOfNow()]).toEqual([[], []]);
      if (way === 'remove')
        expect(await world.command({ verb: 'remove', account: 'a1' })).toBeNull();
      expect(await world.command({ ...login, host: elsewhere })).toBeNull();
      expect([usersOf('a1'), world.dataCentre.usersOf(old)]).toEqual([[], []]);
      expect(usersOfNow()).toEqual([elsewhere]);
      // The statement was false: what it has is closed at the first contact.
      world.dataCentre.revoke(old);
      world.host(owner).boot();
      await world.simulation.pass(minute);
      await world.command(sweep);
      expect(readClaim(world.host(owner).places, old).claim?.state).toBe('revoked');
      await settle(world);
      expect(usersOfNow()).toEqual([elsewhere]);
      nothingWrong();
    },
  );

  it('24 and the ledger with it: whoever runs the new key is an owner that the ledger does not know', async () => {
    await placed();
    const [old, ledger] = [await world.vault.get('a1' as AccountName), world.copyLedger('backup')];
    await sessionEnded();
    expect(await world.command(login)).toBeNull();
    const [owner = ''] = usersOfNow();
    await world.vault.put('a1' as AccountName, old.session, old);
    world.ledgerPath = ledger;
    await world.markRestored(ledger);
    for (const verb of [
      adopt,
      allocate,
      { verb: 'allocate', names: ['a1'] },
      { verb: 'start', account: 'a1' },
      moveTo(owner === 'h2' ? 'h3' : 'h2'),
      sweep,
      // The session of before, which is the only one that the operator has.
      { verb: 'import', account: 'a1' },
      allocate,
      adopt,
      allocate,
    ] as const)
      await world.command(verb);
    await world.simulation.pass(minute);
    expect([usersOf('a1'), usersOfNow()]).toEqual([[], [owner]]);
    nothingWrong();
  });

  it('24 and its host runs on: a login stops it there first', async () => {
    await putBack();
    const old = world.keyIdOf('a1');
    expect(await world.command(login)).toBeNull();
    expect([usersOf('a1'), world.dataCentre.usersOf(old), usersOfNow().length]).toEqual([
      [],
      [],
      1,
    ]);
    await settle(world);
    nothingWrong();
  });
});

describe('34 a login makes a new key while a host holds the old one', () => {
  it.each([
    ['the contact of the login closes that claim', whole, 'revoked'],
    ['the host is not heard: it counts as off, and holds', cut, 'active'],
  ])(
    '34 %s; its next boots start nothing, although Telegram knows the old key again',
    async (_, link, state) => {
      await failedOver();
      world.host('h1').link = link;
      await sessionEnded();
      expect(await world.command(login)).toBeNull();
      const [owner = ''] = usersOfNow();
      expect(owner).not.toBe('');
      world.host('h1').link = cut;
      await reboot('h1');
      await reboot('h1');
      expect([usersOf('a1'), usersOfNow(), claimAt('h1')?.state]).toEqual([[], [owner], state]);
      world.host('h1').link = whole;
      await settle(world);
      expect(claimAt('h1')?.state).toBe('revoked');
      nothingWrong();
    },
  );
});

describe('R8 a clone, a rollback and an announced reboot', () => {
  it('R8 a copy with the ids of the machine, made between the announcement and its boot, starts nothing; nor does the disk of after that boot', async () => {
    await placed();
    const { host } = { host: world.host('h1') };
    host.firmwareMs = null;
    const { controller } = world.start({ verb: 'reboot', hosts: ['h1'] });
    await world.simulation.pass(10_000);
    controller.kill('while h1 is down');
    const copy = world.clone(host, 'ids');
    copy.boot();
    await world.simulation.pass(2 * minute);
    expect([copy.units.workerOf(a1), usersOf('a1')]).toEqual([null, []]);
    host.boot();
    await world.simulation.pass(minute);
    expect(usersOf('a1')).toEqual(['h1']);
    const disk = world.snapshotDisk(host);
    expect(await world.command(moveTo('h2'))).toBeNull();
    await world.simulation.pass(3 * minute);
    // Cut off, so that no contact can tell it; the copy boots once more as well.
    host.crash();
    world.restoreDisk(host, disk);
    host.link = cut;
    copy.crash();
    host.boot();
    copy.boot();
    await world.simulation.pass(minute);
    expect([copy.units.workerOf(a1), usersOf('a1')]).toEqual([null, ['h2']]);
    host.link = whole;
    await settle(world);
    expect(usersOf('a1')).toEqual(['h2']);
    nothingWrong();
  });
});

it('K8 said to be destroyed, it answers: what leaves the fleet is given up by it, as by any other', async () => {
  await placed();
  world.host('h1').crash();
  world.host('h2').link = cut;
  world.host('h3').link = cut;
  // Nobody takes its account, so it stays where it was.
  await world.command(failover('h1', 'destroyed'));
  expect((await world.read()).destroyed).toEqual(['h1']);
  world.host('h1').boot();
  await world.simulation.pass(minute);
  expect(usersOf('a1')).toEqual(['h1']);
  expect(await world.command({ verb: 'remove', account: 'a1' })).toBeNull();
  expect([usersOf('a1'), claimAt('h1')?.state]).toEqual([[], 'released']);
  nothingWrong();
});

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

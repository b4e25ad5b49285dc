import { describe, expect, it } from 'vitest';
import '../borders.ts';
import { readFileSync } from 'node:fs';
import { readAuthority } from '../../../hostside/helper/authority-record.ts';
import { readStaged } from '../../../hostside/helper/world.ts';
import { readBootVerdict, readContact } from '../../../hostside/machine/boot.ts';
import { claimPath } from '../../../hostside/machine/places.ts';
import { losePower } from '../model/model-disk.ts';
import type { ModelHost } from '../model/model-host.ts';
import { acts, closeGate, tell } from '../tell-host.ts';
import {
  a1,
  claimAt,
  cut,
  nothingWrong,
  placed,
  reboot,
  usersOf,
  whole,
  world,
} from './rows-fixture.ts';

/**
 * Rows 4, 6, 7, 20, 22, 26 and 29 of docs/exclusivity.md, and rules F2, F3 and R1, at one host:
 * requests that come late, twice, or from somebody who knows less
 * than the host. Whatever a command sends, it is the host that decides.
 */
const { stage, grant, release, revoke, wipe, start, stop } = acts;

/** a1 runs on h1, at epoch 1 by the move `own`. */
async function ownerOf(): Promise<{
  readonly h1: ModelHost;
  readonly h2: ModelHost;
  readonly own: string;
}> {
  await placed();
  const claim = claimAt('h1');
  expect(claim).toMatchObject({ state: 'active', epoch: 1 });
  return { h1: world.host('h1'), h2: world.host('h2'), own: claim?.moveId ?? '' };
}

/** Nothing of what was refused has changed who runs it. */
const stillOnce = (host = 'h1'): void => {
  expect(usersOf('a1')).toEqual([host]);
  nothingWrong();
};

describe('an epoch belongs to one move, and only rises', () => {
  it('4 a grant at an epoch that was seen, of another move, beside a running process', async () => {
    const { h1, own } = await ownerOf();
    expect(await tell(h1, [grant(1, 'other')])).toEqual(['move']);
    expect(await tell(h1, [stage(2, 'other'), grant(2, 'other')])).toEqual(['ok', 'state']);
    expect(await tell(h1, [stage(1, 'other')])).toEqual(['epoch']);
    expect(await tell(h1, [grant(1_002, 'other')])).toEqual(['epoch']);
    expect(claimAt('h1')).toMatchObject({ state: 'active', epoch: 1, moveId: own });
    stillOnce();
  });

  it('23 a grant of files that another move has staged, or of another state than the one in the receipt', async () => {
    const { h2 } = await ownerOf();
    expect(await tell(h2, [stage(2, 'one'), grant(2, 'two')])).toEqual(['ok', 'not-staged']);
    expect(await tell(h2, [grant(2, 'one', { stateHash: 'f'.repeat(64) })])).toEqual(['state']);
    stillOnce();
  });

  it('7 a grant that comes after its own revoke', async () => {
    const { h2 } = await ownerOf();
    expect(await tell(h2, [stage(2, 'late'), revoke(2, 'late'), grant(2, 'late')])).toEqual([
      'ok',
      'ok',
      'epoch',
    ]);
    expect(await tell(h2, [release(2, 'late', 'h3')])).toEqual(['state']);
    stillOnce();
  });

  it('6 a grant while the release of the claim has not ended', async () => {
    const { h1, own } = await ownerOf();
    await closeGate(h1, release(1, 'away', 'h2'));
    expect(await tell(h1, [stop, stage(2, own), grant(2, own)])).toEqual(['ok', 'ok', 'state']);
    expect(claimAt('h1')?.state).toBe('releasing');
    nothingWrong();
  });
});

describe('only the move that closed the gate gets the receipt', () => {
  it('a release of another epoch, by another move, in favour of another host; a start, a revoke and a state behind it', async () => {
    const { h1 } = await ownerOf();
    expect(await tell(h1, [release(2, 'away', 'h2')])).toEqual(['epoch']);
    stillOnce();
    expect(await tell(h1, [release(1, 'away', 'h2')])).toEqual(['ok']);
    const late = [release(1, 'other', 'h2'), release(1, 'away', 'h3'), revoke(1, 'away'), start];
    for (const [index, refusal] of ['move', 'move', 'state', 'state'].entries())
      expect(await tell(h1, late.slice(index, index + 1))).toEqual([refusal]);
    expect(claimAt('h1')).toMatchObject({ state: 'released', moveId: 'away', successor: 'h2' });
    expect(usersOf('a1')).toEqual([]);
    nothingWrong();
  });

  it('22 a late revoke of an older or of another move, and a late wipe, take nothing from an owner', async () => {
    const { own } = await ownerOf();
    expect(await world.command({ verb: 'move', account: 'a1', host: 'h2' })).toBeNull();
    const h2 = world.host('h2');
    for (const act of [revoke(1, own), wipe(1)])
      expect(await tell(h2, [act])).toEqual([act.act === 'wipe' ? 'state' : 'epoch']);
    expect(await tell(h2, [revoke(2, 'other')])).toEqual(['move']);
    expect(await tell(h2, [wipe(2)])).toEqual(['state']);
    expect(claimAt('h2')).toMatchObject({ state: 'active', epoch: 2 });
    stillOnce('h2');
  });

  it('the state of an owner that was stopped is not replaced', async () => {
    const { h1 } = await ownerOf();
    expect(await tell(h1, [stop, stage(2, 'other')])).toEqual(['ok', 'ok']);
    expect(
      await tell(h1, [{ act: 'put-state', keyId: a1, epoch: 2, moveId: 'other', archive: '' }]),
    ).toEqual(['state']);
    nothingWrong();
  });
});

describe('a claim that cannot be trusted opens nothing', () => {
  it('28 a damaged one takes no files and no grant, and is closed only above all that lies there', async () => {
    const { h1 } = await ownerOf();
    expect(await tell(h1, [stop, stage(3, 'later')])).toEqual(['ok', 'ok']);
    h1.damageClaim(a1);
    for (const act of [stage(4, 'x'), grant(3, 'later'), start])
      expect(await tell(h1, [act])).toEqual(['state']);
    expect(await tell(h1, [revoke(2, 'x')])).toEqual(['epoch']);
    expect(await tell(h1, [revoke(3, 'later')])).toEqual(['ok']);
    expect(usersOf('a1')).toEqual([]);
    nothingWrong();
  });

  it('3 a clone acts on nothing that was copied with it', async () => {
    const { h1 } = await ownerOf();
    const clone = world.clone(h1);
    clone.boot();
    await world.simulation.pass(60_000);
    clone.link = whole;
    expect(await tell(clone, [start])).toEqual(['instance']);
    expect(await tell(clone, [stage(2, 'x')])).toEqual(['instance']);
    clone.link = cut;
    stillOnce();
  });
});

describe('45 what was answered is on the disk', () => {
  /** The power goes, and everything is lost that was not synced. */
  const loseAll = (host: ModelHost): void =>
    void losePower(host.root, { chance: () => false, between: (low) => low });

  it.each([
    ['a release', [release(1, 'away', 'h2')], { state: 'released', epoch: 1, moveId: 'away' }],
    ['a revoke', [revoke(2, 'other')], { state: 'revoked', epoch: 2, moveId: 'other' }],
  ] as const)('%s', async (_, acts, claim) => {
    const { h1 } = await ownerOf();
    expect(await tell(h1, acts)).toEqual(['ok']);
    loseAll(h1);
    expect(claimAt('h1')).toMatchObject(claim);
  });

  it('files and a grant, and the contact and the authority with them', async () => {
    const { h1, h2 } = await ownerOf();
    expect(await tell(h1, [release(1, 'away', 'h2')])).toEqual(['ok']);
    const serial = 50;
    expect(
      await tell(h2, [stage(2, 'away'), grant(2, 'away')], {
        serial,
        nonce: 'n',
        roster: { revision: 7 },
      }),
    ).toEqual(['ok', 'ok']);
    loseAll(h2);
    expect(claimAt('h2')).toMatchObject({ state: 'active', epoch: 2 });
    expect(readStaged(h2.places, a1)).toEqual([{ epoch: 2, moveId: 'away' }]);
    expect(readFileSync(`${h2.places.accounts}/${a1}/epochs/2/session`, 'utf8')).toBe(
      world.sessionOf(a1),
    );
    expect(readAuthority(h2.places)).toMatchObject({ serial });
    expect(readContact(h2.places)).toMatchObject({ serial, revision: 7 });
  });

  it('27 a write that is cut leaves the claim before: the two are never in one block', async () => {
    const { h1 } = await ownerOf();
    expect(await tell(h1, [release(1, 'away', 'h2')])).toEqual(['ok']);
    const file = readFileSync(claimPath(h1.places, a1));
    const states = [0, file.length / 2].map(
      (from) => /"state":"(\w+)"/.exec(file.toString('latin1', from, from + file.length / 2))?.[1],
    );
    expect(states.toSorted()).toEqual(['released', 'releasing']);
  });
});

describe('a host obeys one ledger, and of its runs only the last', () => {
  it('8 an older run, another run of the same serial, another ledger', async () => {
    const { h1 } = await ownerOf();
    const obeyed = readAuthority(h1.places);
    if (obeyed === null || obeyed === 'unreadable') throw new Error('nobody is obeyed');
    const { id } = obeyed;
    const serial = obeyed.serial + 5;
    await tell(h1, [], { serial, nonce: 'last' });
    for (const stamp of [
      { serial: serial - 1 },
      { nonce: 'another-run' },
      { id: 'another-ledger', serial: serial + 100 },
    ])
      expect(await tell(h1, [stop], stamp)).toEqual(['authority']);
    stillOnce();
    expect(await tell(h1, [], { id: 'another-ledger', serial: 1, takeOver: true })).toEqual([]);
    expect(await tell(h1, [stop], { id, serial, takeOver: true })).toEqual(['authority']);
    expect(await tell(h1, [stop], { id, serial: serial + 1 })).toEqual(['authority']);
    stillOnce();
  });
});

describe('a contact closes what is over, and counts for what it lists', () => {
  it('a release that nobody ended is closed, and a late grant of what is over is refused', async () => {
    const { h1 } = await ownerOf();
    await closeGate(h1, release(1, 'away', 'h2'));
    await tell(h1, [], { roster: { revision: 90, gone: [{ keyId: a1, epoch: 3 }] } });
    expect(claimAt('h1')).toMatchObject({ state: 'revoked', epoch: 3 });
    expect(await tell(h1, [stage(2, 'late')])).toEqual(['epoch']);
    expect(usersOf('a1')).toEqual([]);
    nothingWrong();
  });

  it('an older roster of the same run changes nothing', async () => {
    const { h1, own } = await ownerOf();
    const owned = [{ keyId: a1, epoch: 1, moveId: own }];
    await tell(h1, [], { roster: { revision: 90, owned } });
    await tell(h1, [], { roster: { revision: 80, gone: [{ keyId: a1, epoch: 1 }] } });
    expect(claimAt('h1')?.state).toBe('active');
    stillOnce();
  });

  it.each([
    ['at another epoch', { epoch: 2 }],
    ['of another move', { moveId: 'other' }],
  ])('a contact that lists the claim %s frees nothing at the next boot', async (_, change) => {
    const { h1, own } = await ownerOf();
    await tell(h1, [], {
      roster: { revision: 90, owned: [{ keyId: a1, epoch: 1, moveId: own, ...change }] },
    });
    await reboot('h1');
    expect(usersOf('a1')).toEqual([]);
    nothingWrong();
  });

  it('34 a claim that this boot holds is not in the record of a contact, and every later boot judges that it is held', async () => {
    const { h1, own } = await ownerOf();
    h1.crash();
    await world.simulation.pass(1_300_000);
    for (let boots = 0; boots < 2; boots += 1) {
      h1.boot();
      await world.simulation.pass(60_000);
      expect(readBootVerdict(h1.places)?.claims).toMatchObject([
        { keyId: a1, epoch: 1, isHeld: true },
      ]);
      expect(claimAt('h1')).toMatchObject({ format: 2, heldSince: expect.any(String) });
      await tell(h1, [], {
        roster: { revision: 90 + boots, owned: [{ keyId: a1, epoch: 1, moveId: own }] },
      });
      expect(readContact(h1.places)).toMatchObject({
        revision: 90 + boots,
        claims: [],
        isWhole: false,
      });
      h1.crash();
      await world.simulation.pass(10_000);
    }
    expect(usersOf('a1')).toEqual([]);
    nothingWrong();
  });
});

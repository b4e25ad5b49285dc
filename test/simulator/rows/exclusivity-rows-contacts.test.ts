import { describe, expect, it } from 'vitest';
import '../borders.ts';
import { readBootVerdict, readContact } from '../../../hostside/machine/boot.ts';
import { actLockPath } from '../../../hostside/machine/places.ts';
import type { ModelHost } from '../model/model-host.ts';
import { contactWith, send, tell } from '../tell-host.ts';
import { a1, claimAt, cut, nothingWrong, placed, usersOf, world } from './rows-fixture.ts';

/**
 * Rules R1, R2 and R5 of docs/exclusivity.md at one host: when a contact counts, and what a boot
 * judges by it.
 */
const minute = 60_000;

/** a1 runs on h1, at epoch 1. */
async function owner(): Promise<{
  readonly h1: ModelHost;
  readonly listed: { keyId: string; epoch: number; moveId: string };
}> {
  await placed();
  return {
    h1: world.host('h1'),
    listed: { keyId: a1, epoch: 1, moveId: claimAt('h1')?.moveId ?? '' },
  };
}

const judged = (host: ModelHost) => readBootVerdict(host.places)?.claims;
const held = [{ keyId: a1, epoch: 1, isHeld: true }];
const isOver = [{ keyId: a1, epoch: 1 }];

describe('a contact counts only when everything that is over has stopped', () => {
  it('34 what is over cannot be stopped: its claim is closed, and the contact is not recorded until nothing of it is left', async () => {
    const { h1 } = await owner();
    h1.units.dropIns.add(a1);
    expect(await contactWith(h1, { revision: 90, gone: isOver })).toBe('not-stopped');
    expect(claimAt('h1')?.state).toBe('revoked');
    expect(readContact(h1.places)?.revision).not.toBe(90);
    h1.units.dropIns.delete(a1);
    expect(await contactWith(h1, { revision: 91, gone: isOver })).toBe('ok');
    expect(readContact(h1.places)?.revision).toBe(91);
    expect(usersOf('a1')).toEqual([]);
    nothingWrong();
  });

  it('48 its deadline passes while it waits for what has stopped: it is no contact', async () => {
    const { h1 } = await owner();
    expect(await contactWith(h1, { revision: 90, gone: isOver }, { deadlineMs: 2_000 })).toBe(
      'deadline',
    );
    expect(readContact(h1.places)?.revision).not.toBe(90);
    expect(await contactWith(h1, { revision: 91, gone: isOver })).toBe('ok');
    nothingWrong();
  });

  it('8 a later run is in contact while it waits: the later one stands', async () => {
    const { h1 } = await owner();
    const serial = 70;
    let told: readonly string[] = [];
    await tell(h1, [], { serial, nonce: 'first' });
    send(h1, [], { roster: { revision: 90, gone: isOver } }, (replies) => {
      told = replies;
    });
    await world.simulation.pass(1_000);
    expect(await contactWith(h1, { revision: 3 }, { serial: serial + 1, nonce: 'second' })).toBe(
      'ok',
    );
    await world.simulation.run(() => told.length > 0, minute);
    expect(told).toEqual(['authority']);
    expect(readContact(h1.places)).toMatchObject({ serial: serial + 1, revision: 3 });
    nothingWrong();
  });
});

describe('a hold outlives the boot that decided it', () => {
  it('34 the boot could not write it into the claim: the next contact does', async () => {
    const { h1, listed } = await owner();
    h1.crash();
    await world.simulation.pass(20 * minute);
    h1.boot();
    const other = h1.spawn('another act on the account');
    h1.takeLock(other, actLockPath(h1.places, a1), false);
    await world.simulation.pass(minute);
    h1.end(other);
    expect(judged(h1)).toMatchObject(held);
    expect(claimAt('h1')?.heldSince).toBeUndefined();
    expect(await contactWith(h1, { revision: 90, owned: [listed] })).toBe('ok');
    expect(claimAt('h1')).toMatchObject({ format: 2, heldSince: expect.any(String) });
    expect(usersOf('a1')).toEqual([]);
    nothingWrong();
  });

  it('14 a boot with a clock that is hours ahead holds; the next one, with the right clock and a young contact, holds still', async () => {
    const { h1 } = await owner();
    h1.crash();
    h1.clockOffsetMs = 180 * minute;
    h1.boot();
    await world.simulation.pass(15_000);
    expect(judged(h1)).toMatchObject(held);
    h1.crash();
    h1.clockOffsetMs = 0;
    h1.boot();
    await world.simulation.pass(15_000);
    expect(judged(h1)).toMatchObject(held);
    expect(usersOf('a1')).toEqual([]);
    nothingWrong();
  });
});

it('3 the image of a host that was in contact a moment ago boots as another machine: its boot holds what was copied', async () => {
  const { h1 } = await owner();
  const clone = world.clone(h1);
  clone.boot();
  await world.simulation.pass(15_000);
  expect(judged(clone)).toMatchObject(held);
  expect(readBootVerdict(clone.places)?.reasons).toEqual([
    'claims were made for another machine (this one is a clone or an image)',
  ]);
  expect(usersOf('a1')).toEqual(['h1']);
  nothingWrong();
});

it('44 the clock of a host is ahead at the contact and put right soon: a boot long after it holds', async () => {
  const { h1 } = await owner();
  h1.clockOffsetMs = 20 * minute;
  expect(await world.command({ verb: 'sweep' })).toBeNull();
  h1.clockOffsetMs = 0;
  h1.link = cut;
  await world.simulation.pass(25 * minute);
  h1.crash();
  await world.simulation.pass(10_000);
  h1.boot();
  await world.simulation.pass(minute);
  expect(judged(h1)).toMatchObject(held);
  expect(usersOf('a1')).toEqual([]);
  nothingWrong();
});

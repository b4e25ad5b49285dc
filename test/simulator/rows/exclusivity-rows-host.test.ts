import { describe, expect, it } from 'vitest';
import '../borders.ts';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { readClaim, writeClaim } from '../../../hostside/claims/claim-file.ts';
import { readStaged } from '../../../hostside/helper/world.ts';
import { readBootVerdict } from '../../../hostside/machine/boot.ts';
import { claimPath } from '../../../hostside/machine/places.ts';
import { mountDisk } from '../model/model-disk.ts';
import type { ModelHost } from '../model/model-host.ts';
import { acts, closeGate, contactWith, send, tell } from '../tell-host.ts';
import { a1, claimAt, nothingWrong, placed, reboot, usersOf, world } from './rows-fixture.ts';

/**
 * Rules F1, F4 and F5 of docs/exclusivity.md at one host: what the gate lets through, what a stop
 * proves, and what helpers do beside each other.
 */
const second = 1_000;
const minute = 60 * second;

/** a1 runs on h1, at epoch 1. */
async function owner(): Promise<{ readonly h1: ModelHost; readonly h2: ModelHost }> {
  await placed();
  return { h1: world.host('h1'), h2: world.host('h2') };
}

const { stage, grant, stop, start } = acts;
const release = acts.release(1, 'away', 'h2');

describe('what the gate lets through', () => {
  it('28 one of the two slots of its claim is damaged, and the other says active: it may have been the newer one', async () => {
    const { h1 } = await owner();
    const path = claimPath(h1.places, a1);
    const file = readFileSync(path);
    writeFileSync(path, Buffer.concat([file.subarray(0, 4096), Buffer.alloc(4096, 'x')]));
    expect(readClaim(h1.places, a1)).toMatchObject({ claim: { state: 'active' }, fault: 'torn' });
    h1.units.crash(a1, true);
    await world.simulation.pass(5 * minute);
    expect(usersOf('a1')).toEqual([]);
    nothingWrong();
  });

  it("3 the files of another machine are copied here in the boot of an upgrade, whose verdict is the former release's", async () => {
    const { h1, h2 } = await owner();
    const { claims: _, ...verdict } = readBootVerdict(h2.places) ?? {};
    const copy = world.placeFor('files');
    h1.backUpFiles(copy);
    h2.restoreFiles(copy);
    writeFileSync(h2.places.bootVerdict, JSON.stringify(verdict));
    h2.units.start(a1);
    await world.simulation.pass(5 * minute);
    expect(usersOf('a1')).toEqual(['h1']);
    nothingWrong();
  });

  it('6 the gate closes while a start waits for its floor', async () => {
    const { h1 } = await owner();
    // A worker that asks once, at its start.
    h1.luck = { ...h1.luck, isCustomWorker: true };
    h1.units.crash(a1, false);
    await world.simulation.pass(10 * second);
    await closeGate(h1, release);
    await world.simulation.pass(5 * minute);
    expect(usersOf('a1')).toEqual([]);
    nothingWrong();
  });

  it('20 a worker whose claim has come to another epoch without its stop makes no new connection', async () => {
    const { h1 } = await owner();
    const reading = readClaim(h1.places, a1);
    if (reading.claim === null) throw new Error('no claim');
    writeClaim(h1.places, reading, { ...reading.claim, epoch: 2 });
    for (let drops = 0; drops < 20 && usersOf('a1').length > 0; drops += 1) {
      world.dataCentre.dropOne(world.simulation);
      await world.simulation.pass(100);
    }
    const { worker } = { worker: h1.units.workerOf(a1) };
    await world.simulation.pass(10 * second);
    expect(worker === null || h1.units.workerOf(a1) !== worker).toBe(true);
    nothingWrong();
  });
});

describe('floors', () => {
  it('17 the mark of an earlier clean stop says nothing about a start that has no mark of its stop', async () => {
    const { h1 } = await owner();
    expect(await tell(h1, [stop, start])).toEqual(['ok', 'ok']);
    await world.simulation.pass(30 * second);
    expect(usersOf('a1')).toEqual(['h1']);
    // By now the kernel has written everything by itself.
    mountDisk(h1.root);
    h1.crash();
    await world.simulation.pass(5 * second);
    h1.boot();
    await world.simulation.pass(20 * second);
    expect(h1.units.workerOf(a1)?.isPastGate()).toBe(false);
    await world.simulation.pass(2 * minute);
    expect(usersOf('a1')).toEqual(['h1']);
    nothingWrong();
  });

  it('17 how long ago a stop was before the boot is not known: its floor counts from the start', async () => {
    const { h1 } = await owner();
    h1.shutDown();
    h1.boot();
    await world.simulation.pass(4 * second);
    expect(h1.units.workerOf(a1)?.isPastGate()).toBe(false);
    await world.simulation.pass(10 * second);
    expect(usersOf('a1')).toEqual(['h1']);
    nothingWrong();
  });

  it('28 a revoke that says so answers only when the worker that it killed is no longer counted', async () => {
    const { h1 } = await owner();
    h1.luck = { ...h1.luck, stopNeedsKill: () => true };
    expect(
      await tell(h1, [
        { act: 'revoke', keyId: a1, account: 'a1', epoch: 2, moveId: 'adopt', settle: true },
      ]),
    ).toEqual(['ok']);
    expect(usersOf('a1')).toEqual([]);
    nothingWrong();
  });
});

describe('stops, and what they leave', () => {
  it('19 a process stays in the cgroup of the unit: no receipt', async () => {
    const { h1 } = await owner();
    h1.luck = { ...h1.luck, leavesBehind: () => ({ where: 'cgroup', forMs: 3 * minute }) };
    expect(await tell(h1, [release])).toEqual(['not-stopped']);
    expect(claimAt('h1')?.state).toBe('releasing');
    await world.simulation.pass(4 * minute);
    expect(await tell(h1, [release])).toEqual(['ok']);
    nothingWrong();
  });

  it('27 on a full disk nothing is stopped that could not write its last words', async () => {
    const { h1 } = await owner();
    h1.disk = 'full';
    expect(await tell(h1, [release])).toEqual(['space']);
    expect([claimAt('h1')?.state, usersOf('a1')]).toEqual(['active', ['h1']]);
    nothingWrong();
  });

  it('20 what let go of an account does not try to start it at the next boot', async () => {
    const { h1 } = await owner();
    expect(readdirSync(h1.enabledLinks)).toContain(a1);
    expect(await tell(h1, [release])).toEqual(['ok']);
    expect(readdirSync(h1.enabledLinks)).not.toContain(a1);
    nothingWrong();
  });

  it('an account that the operator has stopped stays stopped over a boot, and over a grant that says so', async () => {
    const { h1, h2 } = await owner();
    expect(await tell(h1, [stop])).toEqual(['ok']);
    await reboot('h1');
    expect(usersOf('a1')).toEqual([]);
    expect(await tell(h1, [release])).toEqual(['ok']);
    expect(await tell(h2, [stage(2, 'away'), grant(2, 'away', { idle: true })])).toEqual([
      'ok',
      'ok',
    ]);
    await world.simulation.pass(2 * minute);
    expect([claimAt('h2')?.state, usersOf('a1')]).toEqual(['active', []]);
    nothingWrong();
  });

  it('22 with a grant the files of older epochs go', async () => {
    const { h1, h2 } = await owner();
    expect(await tell(h1, [release])).toEqual(['ok']);
    expect(await tell(h2, [stage(2, 'earlier'), stage(3, 'away'), grant(3, 'away')])).toEqual([
      'ok',
      'ok',
      'ok',
    ]);
    expect(readStaged(h2.places, a1)).toEqual([{ epoch: 3, moveId: 'away' }]);
    nothingWrong();
  });
});

describe('helpers beside each other', () => {
  it('8 a later run is in contact between the contact of an earlier one and its acts: none of them is done', async () => {
    const { h1 } = await owner();
    const serial = 70;
    let told: readonly string[] = [];
    await tell(h1, [], { serial, nonce: 'first' });
    send(
      h1,
      [stage(5, 'late')],
      { roster: { revision: 90, gone: [{ keyId: a1, epoch: 1 }] } },
      (replies) => {
        told = replies;
      },
    );
    await world.simulation.pass(second);
    expect(await contactWith(h1, { revision: 3 }, { serial: serial + 1, nonce: 'second' })).toBe(
      'ok',
    );
    await world.simulation.run(() => told.length > 0, minute);
    expect(told).toEqual(['authority', 'authority']);
    nothingWrong();
  });

  it('48 the deadline passes between the contact and the acts: none of them is done', async () => {
    const { h1 } = await owner();
    const roster = { revision: 90, gone: [{ keyId: a1, epoch: 1 }] };
    expect(await tell(h1, [stage(5, 'late')], { deadlineMs: 2 * second, roster })).toEqual([
      'deadline',
    ]);
    nothingWrong();
  });

  it('33 a newer run is heard only when the act of the older one has ended', async () => {
    const { h1 } = await owner();
    h1.luck = { ...h1.luck, stopLagMs: () => 3 * second };
    const ended: string[] = [];
    send(h1, [release], {}, () => ended.push('older'));
    await world.simulation.pass(second);
    send(h1, [], { serial: 90, nonce: 'newer' }, () => ended.push('newer'));
    await world.simulation.run(() => ended.length === 2, minute);
    expect(ended).toEqual(['older', 'newer']);
    nothingWrong();
  });
});

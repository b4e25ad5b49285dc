import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type JournalFacts, rosterFor } from '../../src/ownership/roster.ts';

const none: JournalFacts = { placements: [], openMoves: [], givenUp: [], unowned: [] };
const placed = (keyId: string, host: string, epoch: number) => ({
  keyId,
  host,
  epoch,
  moveId: `m${epoch}`,
});
const move = (fields: Partial<JournalFacts['openMoves'][number]>) => ({
  ...{ id: 'm9', keyId: 'x', from: 'a', to: 'b', epoch: 9, phase: 'staged' as const },
  ...fields,
});

describe('what the journal says about the accounts of one host', () => {
  it('nothing, of a ledger that knows nothing', () => {
    expect(rosterFor('a', none)).toEqual({ owned: [], arriving: [], gone: [] });
  });

  it('an owner has its claim, and everybody else nothing below it', () => {
    const facts = { ...none, placements: [placed('x', 'b', 4)] };
    const gone = [{ keyId: 'x', epoch: 3 }];
    expect(rosterFor('b', facts)).toEqual({
      owned: [{ keyId: 'x', epoch: 4, moveId: 'm4' }],
      arriving: [],
      gone,
    });
    expect(rosterFor('a', facts)).toEqual({
      owned: [],
      arriving: [],
      gone: [{ keyId: 'x', epoch: 3 }],
    });
    expect(rosterFor('a', { ...none, placements: [placed('x', 'b', 1)] }).gone).toEqual([]);
  });

  it('whose owner has lost it, everything below the last grant is over', () => {
    expect(rosterFor('a', { ...none, unowned: [{ keyId: 'x', epoch: 4 }] }).gone).toEqual([
      { keyId: 'x', epoch: 3 },
    ]);
  });

  it('what left the fleet is over at its last epoch, also while only its files are left', () => {
    expect(rosterFor('a', { ...none, givenUp: [{ keyId: 'x', epoch: 4 }] }).gone).toEqual([
      { keyId: 'x', epoch: 4 },
    ]);
    const leaving = move({ to: 'detached', epoch: 4, phase: 'released' });
    const facts = { ...none, placements: [placed('x', 'a', 4)], openMoves: [leaving] };
    expect(rosterFor('a', facts)).toEqual({
      owned: [],
      arriving: [],
      gone: [{ keyId: 'x', epoch: 4 }],
    });
    // Until the receipt is here it is an owner like any other.
    expect(
      rosterFor('a', { ...facts, openMoves: [{ ...leaving, phase: 'planned' }] }).owned,
    ).toHaveLength(1);
  });

  it.each([
    ['planned', 1, 0, 0],
    ['staged', 1, 1, 0],
    ['released', 0, 1, 1],
  ] as const)('a move that is %s', (phase, ownedAtSource, arrivingAtTarget, goneAtSource) => {
    const facts = { ...none, placements: [placed('x', 'a', 8)], openMoves: [move({ phase })] };
    const [source, target] = [rosterFor('a', facts), rosterFor('b', facts)];
    const isOver = source.gone.filter(({ epoch }) => epoch === 8).length;
    expect([source.owned.length, target.arriving.length, isOver]).toEqual([
      ownedAtSource,
      arrivingAtTarget,
      goneAtSource,
    ]);
    expect(target.gone).toEqual([{ keyId: 'x', epoch: 7 }]);
  });

  it('once it is granted its source has nothing, and its target owns it', () => {
    const facts = {
      ...none,
      placements: [{ ...placed('x', 'b', 9), moveId: 'm9' }],
      openMoves: [move({ phase: 'granted' })],
    };
    expect(rosterFor('a', facts).gone).toEqual([{ keyId: 'x', epoch: 8 }]);
    expect(rosterFor('b', facts).owned).toEqual([{ keyId: 'x', epoch: 9, moveId: 'm9' }]);
  });

  it('a move that was turned back arrives where it came from', () => {
    const facts = {
      ...none,
      placements: [placed('x', 'a', 8)],
      openMoves: [move({ phase: 'released', to: 'a', epoch: 10 })],
    };
    const gone = [{ keyId: 'x', epoch: 8 }];
    expect(rosterFor('a', facts)).toEqual({
      owned: [],
      arriving: [{ keyId: 'x', epoch: 10, moveId: 'm9' }],
      gone,
    });
  });

  it('never closes what it lists, nor what is later than all that it knows', () => {
    const name = fc.constantFrom('a', 'b', 'c');
    const epoch = fc.integer({ min: 1, max: 6 });
    const facts = fc.record({
      placements: fc.array(fc.record({ keyId: fc.constantFrom('x', 'y'), host: name, epoch }), {
        maxLength: 2,
      }),
      openMoves: fc.array(
        fc.record({
          ...{
            id: fc.uuid(),
            keyId: fc.constantFrom('x', 'y'),
            from: fc.option(name),
            to: fc.constantFrom('a', 'b', 'detached'),
            epoch,
          },
          phase: fc.constantFrom(
            'planned' as const,
            'staged' as const,
            'released' as const,
            'granted' as const,
          ),
        }),
        { maxLength: 3 },
      ),
      givenUp: fc.array(fc.record({ keyId: fc.constantFrom('x', 'y'), epoch }), { maxLength: 2 }),
      unowned: fc.array(fc.record({ keyId: fc.constantFrom('x', 'y'), epoch }), { maxLength: 2 }),
    });
    fc.assert(
      fc.property(facts, name, (some, host) => {
        const known = {
          ...some,
          placements: some.placements.map((placement) => ({ ...placement, moveId: 'm' })),
        };
        const { owned, arriving, gone } = rosterFor(host, known);
        for (const listed of [...owned, ...arriving])
          for (const over of gone)
            if (over.keyId === listed.keyId) expect(over.epoch).toBeLessThan(listed.epoch);
        const highest = Math.max(
          0,
          ...[...known.placements, ...known.openMoves, ...known.givenUp, ...known.unowned].map(
            (each) => each.epoch,
          ),
        );
        for (const over of gone) expect(over.epoch).toBeLessThanOrEqual(highest);
      }),
    );
  });
});

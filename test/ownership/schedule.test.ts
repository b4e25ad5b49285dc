import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hostMoveLimits, type ScheduledMove, startable } from '../../src/ownership/schedule.ts';

/** `a>b` is a move from a to b; its text is its id. */
const movesOf = (...texts: string[]): ScheduledMove[] =>
  texts.map((text) => ({
    id: text,
    from: text.split('>')[0] ?? '',
    to: text.split('>')[1]?.split('#')[0] ?? '',
  }));

const limits = { fleet: 10, ...hostMoveLimits };

describe('which moves may start', () => {
  const check = (waiting: string[], underWay: string[], expected: string[], fleet = 10) =>
    test(`${waiting.join(' ')} while ${underWay.join(' ') || 'nothing'} is under way`, () =>
      expect(
        startable(movesOf(...waiting), movesOf(...underWay), { ...limits, fleet }).map(
          ({ id }) => id,
        ),
      ).toEqual(expected));

  check([], [], []);
  check(['a>x', 'b>x', 'c>x'], [], ['a>x', 'b>x']);
  check(['a>x', 'a>y'], [], ['a>x']);
  check(['a>x', 'b>y', 'c>z'], [], ['a>x', 'b>y'], 2);
  check(['c>x'], ['a>x', 'b>x'], []);
  check(['a>y'], ['a>x'], []);
  // b takes from a only after it has given to c: its place may be needed.
  check(['b>c', 'a>b'], [], ['b>c']);
  check(['a>b'], ['b>c'], []);
  check(['a>b', 'b>c'], [], ['a>b', 'b>c']);
  // An exchange: the second waits for the first, never the other way round.
  check(['a>b', 'b>a'], [], ['a>b']);
});

test('limits are never broken and every list of moves comes to its end', () => {
  const host = fc.constantFrom('a', 'b', 'c', 'd');
  const list = fc
    .array(fc.record({ from: host, to: host }), { maxLength: 15 })
    .map((ends) => ends.map((end, index) => ({ ...end, id: String(index) })));
  fc.assert(
    fc.property(
      list,
      fc.integer({ min: 1, max: 4 }),
      fc.infiniteStream(fc.nat()),
      (moves, fleet, picks) => {
        const all = { ...limits, fleet };
        let waiting = moves;
        let underWay: ScheduledMove[] = [];
        while (waiting.length > 0 || underWay.length > 0) {
          const started = startable(waiting, underWay, all);
          waiting = waiting.filter((move) => !started.includes(move));
          underWay = [...underWay, ...started];
          expect(underWay.length).toBeGreaterThan(0);
          expect(underWay.length).toBeLessThanOrEqual(fleet);
          for (const name of ['a', 'b', 'c', 'd']) {
            expect(underWay.filter(({ to }) => to === name).length).toBeLessThanOrEqual(
              limits.arrivalsPerHost,
            );
            expect(underWay.filter(({ from }) => from === name).length).toBeLessThanOrEqual(
              limits.departuresPerHost,
            );
          }
          const ended = underWay[(picks.next().value ?? 0) % underWay.length];
          underWay = underWay.filter((move) => move !== ended);
        }
      },
    ),
  );
});

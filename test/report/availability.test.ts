import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AccountChange,
  accountAvailability,
  causes,
  hostAvailability,
  monthsUntil,
  shareOf,
  silencesOf,
} from '../../src/report/availability.ts';

const minute = 60_000;
const window = { from: 0, to: 100 * minute };
const changes = (
  ...list: readonly (readonly [number, AccountChange['state']])[]
): AccountChange[] => list.map(([at, state]) => ({ at: at * minute, state }));

describe('the availability of an account', () => {
  it('is told by cause', () => {
    const own = changes(
      [0, 'moved'],
      [1, 'online'],
      [40, 'moved'],
      [42, 'online'],
      [50, 'held'],
      [55, 'online'],
      [60, 'flood-wait'],
      [70, 'online'],
      [80, 'stopped'],
      [90, 'online'],
    );
    const found = accountAvailability(own, [], window);
    expect(found.offlineMs).toEqual({
      moves: 3 * minute,
      reboots: 5 * minute,
      telegram: 10 * minute,
      host: 0,
      operator: 10 * minute,
    });
    expect([found.judgedMs, found.onlineMs]).toEqual([90 * minute, 72 * minute]);
    expect(shareOf(found)).toBeCloseTo(0.8);
  });

  it('does not count as online while its host is silent', () => {
    const silences = silencesOf(
      [
        { at: 0, state: 'healthy' },
        { at: 20 * minute, state: 'suspect' },
        { at: 23 * minute, state: 'down' },
        { at: 30 * minute, state: 'healthy' },
      ],
      window.to,
    ).map((span) => ({ ...span, cause: 'host' as const }));
    expect(accountAvailability(changes([0, 'online']), silences, window)).toMatchObject({
      onlineMs: 90 * minute,
      offlineMs: { host: 10 * minute },
    });
  });

  it('begins with its import and ends with its removal', () => {
    const found = accountAvailability(
      changes([10, 'stored'], [20, 'moved'], [21, 'online'], [50, 'gone']),
      [],
      window,
    );
    expect([found.judgedMs, found.onlineMs, found.offlineMs.operator]).toEqual([
      30 * minute,
      29 * minute,
      10 * minute,
    ]);
    expect(shareOf(accountAvailability([], [], window))).toBeNull();
  });

  it('never counts time twice, whatever the clock did', () => {
    const state = fc.constantFrom<AccountChange['state']>(
      'online',
      'moved',
      'held',
      'offline',
      'stopped',
      'gone',
      'placed',
    );
    const change = fc.record({ at: fc.integer({ min: -50 * minute, max: 150 * minute }), state });
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 30 }),
        fc.array(
          fc.tuple(
            fc.integer({ min: 0, max: 100 * minute }),
            fc.integer({ min: 0, max: 100 * minute }),
          ),
        ),
        (list, pairs) => {
          const sorted = list.toSorted((a, b) => a.at - b.at);
          const silences = pairs
            .toSorted((a, b) => a[0] - b[0])
            .map(([from, length]) => ({
              from,
              to: from + length,
              cause: length % 2 === 0 ? ('host' as const) : ('reboots' as const),
            }));
          const { judgedMs, onlineMs, offlineMs } = accountAvailability(sorted, silences, window);
          const offline = causes.reduce(
            (sum, cause) => sum + (cause === 'operator' ? 0 : offlineMs[cause]),
            0,
          );
          expect(onlineMs + offline).toBe(judgedMs);
          expect(judgedMs + offlineMs.operator).toBeLessThanOrEqual(window.to - window.from);
        },
      ),
    );
  });
});

it('of a host, an announced reboot is a cause of its own', () => {
  const own = [
    { at: 0, state: 'healthy' },
    { at: 10 * minute, state: 'suspect' },
    { at: 14 * minute, state: 'healthy' },
    { at: 50 * minute, state: 'down' },
    { at: 60 * minute, state: 'healthy' },
  ] as const;
  const found = hostAvailability(own, [{ from: 9 * minute, to: 14 * minute }], window);
  expect(found).toMatchObject({
    onlineMs: 86 * minute,
    judgedMs: 100 * minute,
    offlineMs: { reboots: 4 * minute, host: 10 * minute },
  });
});

it('months are those of UTC, over the turn of a year too', () => {
  const nowMs = Date.UTC(2027, 0, 15, 12);
  expect(monthsUntil(nowMs, 3).map(({ name }) => name)).toEqual(['2027-01', '2026-12', '2026-11']);
  expect(monthsUntil(nowMs, 2).map(({ from, to }) => [from, to])).toEqual([
    [Date.UTC(2027, 0, 1), nowMs],
    [Date.UTC(2026, 11, 1), Date.UTC(2027, 0, 1)],
  ]);
});

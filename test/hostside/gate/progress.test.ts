import { afterEach, describe, expect, test, vi } from 'vitest';
import { decideProgress, type Progress } from '../../../hostside/gate/decide-progress.ts';
import { ProgressWatch } from '../../../hostside/gate/watch-progress.ts';

/** A machine whose clocks are what a test says. */
const machine = vi.hoisted(() => ({ bootMs: 0, suspendedMs: 0 }));
vi.mock('../../../hostside/machine/boot.ts', async (original) => ({
  ...(await original<typeof import('../../../hostside/machine/boot.ts')>()),
  bootMs: () => machine.bootMs,
}));
vi.mock('../../../hostside/machine/clocks.ts', () => ({
  monotonicMs: () => machine.bootMs - machine.suspendedMs,
}));
afterEach(() => Object.assign(machine, { bootMs: 0, suspendedMs: 0 }));

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

describe('whether a machine stood still', () => {
  const start: Progress = { suspendedMs: 500, telegram: { atMs: 1_000_000, bootMs: 10_000 } };
  const later = (awakeMs: number, suspendedMs: number, pausedMs: number): Progress => ({
    suspendedMs: 500 + suspendedMs,
    telegram: {
      atMs: 1_000_000 + awakeMs + suspendedMs + pausedMs,
      bootMs: 10_000 + awakeMs + suspendedMs,
    },
  });
  test.each<[string, Progress, boolean]>([
    ['an hour awake', later(hour, 0, 0), false],
    ['suspended for a minute', later(hour, minute, 0), false],
    ['suspended for longer', later(hour, minute + 1, 0), true],
    ['paused from outside for half a minute', later(0, 0, minute / 2), false],
    ['paused from outside for an hour', later(minute, 0, hour), true],
    ['paused for an hour after a week awake', later(7 * day, 0, hour), true],
    ['a clock that lost 300 ppm over a week', later(7 * day, 0, 7 * day * 0.0003), false],
    ['Telegram is set back', later(hour, 0, -hour), false],
    ['Telegram was not asked', { ...later(hour, 0, hour), telegram: null }, false],
    [
      'Telegram was not asked, but it was suspended',
      { ...later(hour, hour, 0), telegram: null },
      true,
    ],
  ])('%s', (_name, now, isHeld) => {
    expect(decideProgress(start, now) !== null).toBe(isHeld);
    expect(decideProgress({ ...start, telegram: null }, { ...now, suspendedMs: 500 })).toBeNull();
  });
});

describe('the watch over one run', () => {
  const kept: Progress[] = [];
  const watch = (): ProgressWatch => {
    kept.length = 0;
    return new ProgressWatch({ suspendedMs: 0, telegram: null }, (progress) => kept.push(progress));
  };
  /** The machine goes on for `ms`; Telegram's time, wherever the wall clock stands. */
  const pass = (ms: number): number => {
    machine.bootMs += ms;
    return 5 * day + machine.bootMs;
  };

  test('months of small pauses are none', () => {
    const one = watch();
    let pausedMs = 0;
    for (let rounds = 0; rounds < 500; rounds += 1) {
      pausedMs += 20_000;
      expect(one.judge(pass(hour) + pausedMs)).toBeNull();
    }
  });

  test('words of Telegram that waited unread do not pass for a pause when the next ones come at once', () => {
    const one = watch();
    expect(one.judge(pass(minute))).toBeNull();
    expect(one.judge(pass(2 * minute) - 50_000)).toBeNull();
    expect(one.judge(pass(1_000))).toBeNull();
  });

  test('what stood still stays held, and what other processes know stays as it was before', () => {
    const one = watch();
    expect(one.judge(pass(1_000))).toBeNull();
    expect(kept).toHaveLength(1);
    expect(one.judge(pass(1_000) + hour)).toMatch(/stood still for 3600 s/);
    expect(one.judge(pass(1_000) + hour)).toMatch(/stood still/);
    expect(one.judge(null)).toMatch(/stood still/);
    expect(kept).toHaveLength(1);
  });

  test('a machine that was suspended, without Telegram', () => {
    const one = watch();
    machine.bootMs += hour;
    machine.suspendedMs += hour;
    expect(one.judge(null)).toMatch(/stood still for 3600 s/);
  });
});

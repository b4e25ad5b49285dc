import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { collectGarbage } from '../../../../hostside/worker/lifecycle/garbage.ts';

let used = 14e6;
vi.mock('node:v8', async (original) => ({
  ...(await original<typeof import('node:v8')>()),
  getHeapStatistics: () => ({ used_heap_size: used }),
}));

const collector = vi.fn(() => {
  used = 15e6;
});
let timer: NodeJS.Timeout;

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('gc', collector);
  collector.mockClear();
  used = 14e6;
  timer = collectGarbage();
});

afterEach(() => {
  clearInterval(timer);
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const lookWith = (bytes: number): number => {
  used = bytes;
  vi.advanceTimersByTime(10_000);
  return collector.mock.calls.length;
};

test('what the start has left behind is collected at the first look, then 4 MB more than what is left', () => {
  expect(lookWith(30e6)).toBe(1);
  expect(collector).toHaveBeenCalledWith({
    type: 'major',
    execution: 'sync',
    flavor: 'last-resort',
  });
  expect(lookWith(19e6)).toBe(1);
  expect(lookWith(19.2e6)).toBe(2);
});

test('the next time it is measured against what was left', () => {
  lookWith(14e6);
  expect(lookWith(19.2e6)).toBe(2);
  expect(lookWith(19e6)).toBe(2);
  expect(lookWith(19.2e6)).toBe(3);
});

test('without the flag of Node nothing happens', () => {
  vi.stubGlobal('gc', undefined);
  lookWith(14e6);
  expect(lookWith(60e6)).toBe(0);
});

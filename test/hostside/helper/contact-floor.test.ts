import { expect, it } from 'vitest';
import { restOfFloorMs } from '../../../hostside/helper/contact.ts';

const hour = 3_600_000;

it('a contact that follows one that was cut off in its wait waits for the rest, however old the boot is', () => {
  expect(
    restOfFloorMs({ settleMs: 80_000, sinceMs: 60_000, bootMs: 10 * hour, hasRunInThisBoot: true }),
  ).toBe(20_000);
  expect(
    restOfFloorMs({ settleMs: 30_000, sinceMs: 2_000, bootMs: 61_000, hasRunInThisBoot: true }),
  ).toBe(28_000);
  expect(
    restOfFloorMs({ settleMs: 30_000, sinceMs: 31_000, bootMs: hour, hasRunInThisBoot: true }),
  ).toBe(0);
});

it('a clock that was set back makes it no longer than the floor', () => {
  expect(
    restOfFloorMs({ settleMs: 30_000, sinceMs: -hour, bootMs: hour, hasRunInThisBoot: true }),
  ).toBe(30_000);
});

it('what ran before this boot only waits until its last packets are over', () => {
  expect(
    restOfFloorMs({ settleMs: 30_000, sinceMs: 0, bootMs: 50_000, hasRunInThisBoot: false }),
  ).toBe(10_000);
  expect(
    restOfFloorMs({ settleMs: 30_000, sinceMs: 0, bootMs: hour, hasRunInThisBoot: false }),
  ).toBe(0);
});

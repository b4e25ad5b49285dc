import { expect, test } from 'vitest';
import { TelegramClock } from '../../../../hostside/worker/telegram/telegram-clock.ts';

test("Telegram's time is whole milliseconds, as the files are that it goes into", async () => {
  const clock = new TelegramClock();
  clock.set(1_800_000_000_000.25);
  for (let looks = 0; looks < 20; looks += 1) {
    expect(Number.isInteger(clock.nowMs())).toBe(true);
    expect(Number.isInteger(clock.skewMs)).toBe(true);
    await new Promise(setImmediate);
  }
  expect(clock.nowMs()).toBeGreaterThanOrEqual(1_800_000_000_000);
});

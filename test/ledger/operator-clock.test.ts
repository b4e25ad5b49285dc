import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { forwardStepMs } from '../../src/ledger/operator-clock.ts';
import { serialCopyIn } from '../../src/ledger/serial-copy.ts';

const last = { bootId: 'b1', upMs: 1_000_000, wallMs: 50_000_000 };
const hour = 3_600_000;

it.each([
  ['nothing is kept', null, last, 0],
  ['this machine does not tell', last, null, 0],
  ['both clocks went on', last, { ...last, upMs: 1_000_000 + hour, wallMs: 50_000_000 + hour }, 0],
  [
    'a correction of less than a minute',
    last,
    { ...last, upMs: 1_000_000 + hour, wallMs: 50_060_000 + hour },
    0,
  ],
  [
    'set forward by two hours',
    last,
    { ...last, upMs: 1_000_000 + hour, wallMs: 50_000_000 + 3 * hour },
    2 * hour,
  ],
  ['set back', last, { ...last, upMs: 1_000_000 + hour, wallMs: 50_000_000 - hour }, 0],
  ['booted since', last, { bootId: 'b2', upMs: 5, wallMs: 50_000_000 + 3 * hour }, 0],
])('%s', (_, before, now, expected) => {
  expect(forwardStepMs(before, now)).toBe(expected);
});

it("is kept beside the serial, of this machine's own clocks, and garbage tells nothing", () => {
  const { clock } = serialCopyIn({ XDG_STATE_HOME: mkdtempSync(join(tmpdir(), 'fleet-clock-')) });
  expect(clock?.last('a')).toBeNull();
  const machine = clock?.machine();
  expect(machine).toEqual({
    bootId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    upMs: expect.any(Number),
  });
  if (clock === undefined || machine == null) return;
  clock.keep('a', { ...machine, wallMs: 7 });
  expect(clock.last('a')).toEqual({ ...machine, wallMs: 7 });
  clock.keep('a', { bootId: 'x', upMs: Number.NaN, wallMs: 7 });
  expect(clock.last('a')).toBeNull();
});

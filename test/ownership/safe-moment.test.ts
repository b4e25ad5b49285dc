import fc from 'fast-check';
import { expect, it } from 'vitest';
import { decideBoot } from '../../hostside/hold/decide.ts';
import { safeMoment } from '../../src/ownership/safe-moment.ts';
import { claimOf, contactOf } from '../hostside/claims/claim-fixtures.ts';

const config = {
  format: 1,
  fleet: 'f',
  host: 'h',
  requireClockSync: false,
  settleMs: 0,
  settleUncleanMs: 0,
} as const;

it('a host that was never in contact is believed at once', () => {
  expect(safeMoment({ contactMs: null, mayBootUntilMs: null }, 600_000)).toBe(0);
});

it('whatever boots at or after the safe moment holds its accounts, however late the last request got through, and although its clock was set back', () => {
  const longestRequestMs = 105_000;
  const clockStepMs = 300_000;
  const ms = fc.integer({ min: 0, max: 86_400_000 });
  fc.assert(
    fc.property(
      ms,
      ms,
      fc.integer({ min: 0, max: longestRequestMs }),
      ms,
      (intentMs, holdAfterMs, lateMs, bootMs) => {
        const contact = contactOf({ wallMs: intentMs + lateMs, holdAfterMs });
        const { verdict } = decideBoot({
          ...{
            bootId: 'b2',
            instanceId: 'i',
            contact,
            announcement: null,
            clockSynchronized: true,
          },
          config: { ...config, holdAfterMs },
          claims: [claimOf({ instanceId: 'i' })],
          ...{ heartbeat: { wallMs: 0 }, bootedAtMs: 0 },
          wallMs:
            safeMoment({ contactMs: intentMs, mayBootUntilMs: null }, holdAfterMs) +
            bootMs -
            clockStepMs,
        });
        expect(verdict).toBe('hold');
      },
    ),
  );
});

it('what an earlier contact or an announcement allowed counts until it is over', () => {
  expect(safeMoment({ contactMs: 1_000, mayBootUntilMs: 7_200_000 }, 600_000)).toBe(7_800_000);
  expect(safeMoment({ contactMs: 1_000, mayBootUntilMs: 2_000 }, 600_000)).toBe(1_201_000);
});

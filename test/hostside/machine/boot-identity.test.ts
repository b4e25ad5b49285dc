import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readBootId } from '../../../hostside/machine/boot.ts';
import { bootIdentity } from '../../../hostside/machine/boot-identity.ts';
import type { Places } from '../../../hostside/machine/places.ts';
import { scratchPlaces } from '../claims/claim-fixtures.ts';

const initStarts = (places: Places, ticks: number): void => {
  mkdirSync(join(places.root, 'proc/1'), { recursive: true });
  writeFileSync(
    join(places.root, 'proc/1/stat'),
    `1 (a (b) c) S ${'0 '.repeat(18)}${ticks} 1 2 3\n`,
  );
};

test('stays within a boot; differs after another start of process 1, and with a new /run', () => {
  const places = scratchPlaces();
  initStarts(places, 100);
  const first = bootIdentity(places);
  expect(first).toMatch(/^[0-9a-f]{32}$/);
  expect(bootIdentity(places)).toBe(first);
  // A container whose /run survives its restart.
  initStarts(places, 9_000);
  const second = bootIdentity(places);
  expect(second).not.toBe(first);
  expect(bootIdentity(places)).toBe(second);
  rmSync(join(places.root, 'run/fleet-boot'), { recursive: true });
  expect(bootIdentity(places)).not.toBe(second);
});

test('a boot that an earlier release has judged keeps the id under which its claims were granted', () => {
  const places = scratchPlaces();
  initStarts(places, 100);
  const verdict = { format: 1, bootId: readBootId(), verdict: 'run', reasons: [], decidedAt: '' };
  writeFileSync(places.bootVerdict, JSON.stringify(verdict));
  expect(bootIdentity(places)).toBe(readBootId());
  expect(bootIdentity(places)).toBe(readBootId());
  rmSync(join(places.root, 'run/fleet-boot'), { recursive: true });
  expect(bootIdentity(places)).not.toBe(readBootId());
});

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const unit = readFileSync('templates/units/fleet-account@.service', 'utf8');
const valuesOf = (key: string): readonly string[] =>
  [...unit.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value]) => value ?? '');
const bytes = (text: string): number =>
  Number.parseInt(text, 10) * ({ K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 }[text.at(-1) ?? ''] ?? 1);

it.each([
  ['MemorySwapMax', 0],
  ['LimitCORE', 0],
  ['LimitMSGQUEUE', 0],
  ['LimitNOFILE', 16_384],
  ['LimitSIGPENDING', 128],
  ['LimitFSIZE', 256 * 2 ** 20],
  ['LimitMEMLOCK', 8 * 2 ** 20],
  ['LogRateLimitBurst', 500],
])('an account may have %s of at most %d', (key, most) => {
  expect(valuesOf(key)).toHaveLength(1);
  expect(bytes(valuesOf(key)[0] ?? 'none')).toBeLessThanOrEqual(most);
});

it('the rest of its limits is switched on, and nothing takes a part of the sandbox back', () => {
  for (const key of [
    'MemoryAccounting',
    'TasksAccounting',
    'NoNewPrivileges',
    'DynamicUser',
    'SendSIGKILL',
  ])
    expect([key, valuesOf(key)]).toEqual([key, ['yes']]);
  expect(valuesOf('CapabilityBoundingSet')).toEqual(['']);
  expect(valuesOf('KillMode')).toEqual(['control-group']);
  expect(valuesOf('LogRateLimitIntervalSec')).toEqual(['1h']);
  expect(valuesOf('ReadWritePaths|BindPaths|PermissionsStartOnly|Delegate')).toEqual([]);
});

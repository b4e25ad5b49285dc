import { expect, test } from 'vitest';
import { type BootFacts, decideBoot, isClockDecisive } from '../../../hostside/hold/decide.ts';
import { type ContactName, mayBeat } from '../../../hostside/hold/heartbeat.ts';
import { type InstanceParts, instanceIdFrom } from '../../../hostside/machine/instance-id.ts';
import { claimOf, contactOf, keyId, verdictOf } from '../claims/claim-fixtures.ts';

const config = {
  format: 1,
  fleet: 'f',
  host: 'h',
  holdAfterMs: 600_000,
  requireClockSync: true,
  settleMs: 1,
  settleUncleanMs: 1,
} as const;
const base: BootFacts = {
  bootId: 'boot-2',
  instanceId: 'machine-1',
  config,
  contact: contactOf(),
  announcement: null,
  claims: [claimOf()],
  wallMs: 1_000_000 + 600_000,
  heartbeat: { wallMs: 1_500_000 },
  bootedAtMs: 1_590_000,
  clockSynchronized: true,
};

const beatAfter = (contact: Partial<ContactName>): BootFacts['heartbeat'] => {
  const { authorityId, serial, revision } = contactOf();
  return { wallMs: 1_500_000, contact: { authorityId, serial, revision, ...contact } };
};

test.each<[string, Partial<BootFacts>, 'run' | RegExp]>([
  ['contact within the limit', {}, 'run'],
  ['contact one ms too old', { wallMs: 1_600_001 }, /limit/],
  ['clock behind the contact', { wallMs: 999_999 }, /behind/],
  ['down a little too long', { bootedAtMs: 1_590_001 }, /down for 91 s/],
  ['the clock a little behind the heartbeat', { bootedAtMs: 1_495_000 }, 'run'],
  ['the clock far behind the heartbeat', { bootedAtMs: 1_494_999 }, /behind the last heartbeat/],
  ['no heartbeat', { heartbeat: null }, /not told yet/],
  ['a heartbeat that knew this very contact', { heartbeat: beatAfter({}) }, 'run'],
  [
    'a contact that no heartbeat has seen yet',
    { heartbeat: beatAfter({ serial: 6, revision: 9 }) },
    'run',
  ],
  [
    'a heartbeat that knew a later run',
    { heartbeat: beatAfter({ serial: 10 }) },
    /older than the one that its last heartbeat knew/,
  ],
  [
    'a heartbeat that knew a later roster',
    { heartbeat: beatAfter({ revision: 6 }) },
    /older than the one that its last heartbeat knew/,
  ],
  [
    'a heartbeat that knew another authority',
    { heartbeat: beatAfter({ authorityId: 'l2' }) },
    /older than the one that its/,
  ],
  ['never in contact', { contact: null }, /never/],
  [
    'a shorter hold of the authority',
    { contact: contactOf({ holdAfterMs: 599_999 }) },
    /limit is 600 s/,
  ],
  [
    'a longer one of the configuration',
    { config: { ...config, holdAfterMs: 9e9 }, wallMs: 1_600_001 },
    /limit/,
  ],
  ['a contact that does not list it', { contact: contactOf({ claims: [] }) }, /did not count/],
  [
    'a contact that lists another epoch',
    { contact: contactOf({ claims: [{ keyId, epoch: 2, moveId: 'move-3' }] }) },
    /did not count/,
  ],
  [
    'a contact that lists another grant',
    { contact: contactOf({ claims: [{ keyId, epoch: 3, moveId: 'move-4' }] }) },
    /did not count/,
  ],
  [
    'held by an earlier boot',
    { claims: [claimOf({ format: 2, heldSince: 'boot-0' })] },
    /earlier boot/,
  ],
  ['another machine', { instanceId: 'machine-2' }, /another machine/],
  ['clock not synchronised', { clockSynchronized: false }, /synchronised/],
  ['nothing tells about the clock', { clockSynchronized: null }, /synchronised/],
  [
    'clock not asked for',
    { clockSynchronized: false, config: { ...config, requireClockSync: false } },
    'run',
  ],
  ['no configuration', { config: null }, /configuration/],
  [
    'verdict lost, contact of this boot',
    { contact: contactOf({ bootId: 'boot-2', wallMs: 1_599_000 }) },
    /decided only after/,
  ],
  [
    'no claims at all',
    { claims: [], contact: null, config: null, clockSynchronized: false },
    'run',
  ],
])('%s', (_name, fields, expected) => {
  const { verdict, reasons } = decideBoot({ ...base, ...fields });
  if (expected === 'run') expect({ verdict, reasons }).toEqual({ verdict: 'run', reasons: [] });
  else {
    expect(verdict).toBe('hold');
    expect(reasons).toEqual([expect.stringMatching(expected)]);
  }
});

test('each claim is judged by itself, and the boot says hold when one is held', () => {
  const other = claimOf({ keyId: 'f'.repeat(32), moveId: 'move-9' });
  const judged = decideBoot({ ...base, claims: [claimOf(), other] });
  expect(judged.verdict).toBe('hold');
  expect(judged.claims).toEqual([
    { keyId, epoch: 3, isHeld: false },
    { keyId: other.keyId, epoch: 3, isHeld: true },
  ]);
  const doubted = decideBoot({ ...base, clockSynchronized: false, claims: [claimOf(), other] });
  expect(doubted.claims.every(({ isHeld }) => isHeld)).toBe(true);
});

test.each([
  ['a boot without a verdict', null, contactOf({ bootId: 'boot-2' }), false],
  ['a verdict to run', verdictOf('run', 'boot-2'), null, true],
  [
    'a verdict of an earlier release',
    { ...verdictOf('run', 'boot-2'), claims: undefined } as never,
    null,
    false,
  ],
  ['a hold', verdictOf('hold', 'boot-2'), contactOf({ bootId: 'boot-1' }), false],
  [
    'a hold, and a contact that judged every claim',
    verdictOf('hold', 'boot-2'),
    contactOf({ bootId: 'boot-2' }),
    true,
  ],
  [
    'a hold, and a contact that did not',
    verdictOf('hold', 'boot-2'),
    contactOf({ bootId: 'boot-2', isWhole: false }),
    false,
  ],
])('heartbeats: %s', (_, verdict, contact, expected) => {
  expect(mayBeat(verdict, contact)).toBe(expected);
});

test('a boot waits for the clock only when that can help', () => {
  expect(isClockDecisive({ ...base, clockSynchronized: false })).toBe(true);
  expect(isClockDecisive(base)).toBe(false);
  expect(isClockDecisive({ ...base, clockSynchronized: false, contact: null })).toBe(false);
  expect(isClockDecisive({ ...base, clockSynchronized: false, claims: [] })).toBe(false);
  expect(isClockDecisive({ ...base, clockSynchronized: false, instanceId: 'machine-2' })).toBe(
    false,
  );
});

const parts: InstanceParts = {
  cloudId: 'i-0abc',
  dmiUuid: '4C4C4544-0051-3610-8052-B4C04F4E3432',
  macs: ['52:54:00:00:00:01'],
  isContainer: false,
};

test('an instance id differs on a clone and stays when a card or the notation changes', () => {
  const id = instanceIdFrom(parts);
  expect(id).toMatch(/^[0-9a-f]{32}$/);
  expect(instanceIdFrom({ ...parts, macs: ['52:54:00:00:00:01', '52:54:00:00:00:02'] })).toBe(id);
  expect(instanceIdFrom({ ...parts, dmiUuid: parts.dmiUuid.toLowerCase() })).toBe(id);
  expect(instanceIdFrom({ ...parts, dmiUuid: '4c4c4544-0051-3610-8052-b4c04f4e3433' })).not.toBe(
    id,
  );
  expect(instanceIdFrom({ ...parts, cloudId: 'i-0abd' })).not.toBe(id);
});

test('hardware addresses count where the DMI uuid says nothing, in any order', () => {
  for (const shared of [
    { isContainer: true },
    { dmiUuid: '' },
    { dmiUuid: '00000000-0000-0000-0000-000000000000' },
  ]) {
    const one = instanceIdFrom({ ...parts, ...shared, macs: ['a', 'b'] });
    expect(instanceIdFrom({ ...parts, ...shared, macs: ['b', 'a'] })).toBe(one);
    expect(instanceIdFrom({ ...parts, ...shared, macs: ['a', 'c'] })).not.toBe(one);
  }
});

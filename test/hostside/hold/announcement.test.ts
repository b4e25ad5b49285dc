import { describe, expect, test } from 'vitest';
import {
  type AnnouncedFacts,
  decideAnnouncement,
  judgeAnnouncement,
  spentBy,
} from '../../../hostside/hold/decide-announcement.ts';
import type { AnnouncementRecord } from '../../../hostside/protocol/host.ts';
import { contactOf } from '../claims/claim-fixtures.ts';

const record: AnnouncementRecord = {
  format: 1,
  id: 'r1',
  authorityId: 'ledger-1',
  bootId: 'boot-1',
  untilMs: 1_900_000,
  usedBy: null,
};
const minute = 60_000;

describe('what an announcement means for a boot', () => {
  const base: AnnouncedFacts = {
    announcement: { ...record, usedBy: 'boot-2' },
    contact: contactOf(),
    bootId: 'boot-2',
    wallMs: 1_900_000,
  };
  test.each<[string, Partial<AnnouncedFacts>, ReturnType<typeof judgeAnnouncement>]>([
    ['the first boot after it, at its end', {}, 'serves'],
    ['after its end', { wallMs: 1_900_001 }, 'none'],
    ['none was made', { announcement: null }, 'none'],
    ['it could not be recorded as used', { announcement: record }, 'none'],
    ['the boot in which it was made is judged again', { bootId: 'boot-1' }, 'none'],
    ['it has served another boot', { bootId: 'boot-3' }, 'spent'],
    [
      'it has served another boot, in which there was a contact',
      { bootId: 'boot-3', contact: contactOf({ bootId: 'boot-2' }) },
      'none',
    ],
    [
      'another ledger was in contact since',
      { contact: contactOf({ authorityId: 'ledger-2' }) },
      'none',
    ],
    ['no contact', { contact: null }, 'none'],
  ])('%s', (_, fields, expected) => {
    expect(judgeAnnouncement({ ...base, ...fields })).toBe(expected);
  });
});

test('the first boot after it uses it up, in time or not, and no other one changes it', () => {
  expect(spentBy(record, 'boot-2')).toEqual({ ...record, usedBy: 'boot-2' });
  expect([
    spentBy(record, 'boot-1'),
    spentBy({ ...record, usedBy: 'boot-2' }, 'boot-3'),
    spentBy(null, 'boot-2'),
  ]).toEqual([null, null, null]);
});

describe('what the helper records', () => {
  const stamp = { id: 'ledger-1' };
  const facts = {
    standing: null,
    contact: contactOf({ wallMs: 1_000_000 }),
    stamp,
    sentAtMs: 5_000_000,
    bootId: 'boot-1',
  };
  const of = (untilMs: number, fields: object = {}) =>
    decideAnnouncement({ id: 'r2', untilMs }, { ...facts, ...fields });
  const refused = { message: expect.stringMatching(/announce/) };

  test('its end counts from the earlier of both clocks', () => {
    const expected = { ...record, id: 'r2', untilMs: 1_000_000 + 15 * minute };
    expect(of(5_000_000 + 15 * minute)).toEqual({ record: expected, isNew: true });
  });

  test('the same one again changes nothing, another one takes its place', () => {
    const standing = { ...record, id: 'r2', usedBy: 'boot-2' };
    expect(of(5_000_000 + 15 * minute, { standing })).toEqual({ record: standing, isNew: false });
    expect(of(5_000_000 + 15 * minute, { standing: record })).toMatchObject({ isNew: true });
  });

  test.each<[string, number, object]>([
    ['for longer than half an hour', 5_000_000 + 30 * minute + 1, {}],
    ['over before it arrived', 5_000_000, {}],
    ['without a contact', 5_000_000 + minute, { contact: null }],
    ['with a stamp that is none', 5_000_000 + minute, { sentAtMs: null }],
    ['in a boot whose contact is of another one', 5_000_000 + minute, { bootId: 'boot-2' }],
    [
      'by another ledger than that of the contact',
      5_000_000 + minute,
      { stamp: { id: 'ledger-2' } },
    ],
  ])('refused: %s', (_, untilMs, fields) => {
    expect(of(untilMs, fields)).toEqual(refused);
  });
});

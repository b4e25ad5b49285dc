import { expect, test } from 'vitest';
import { isolationKey } from '../../../src/planning/fleet/fleet-view.ts';
import { sharedChatCircles } from '../../../src/planning/fleet/shared-chats.ts';
import { account } from '../sample-fleet.ts';

test('accounts that answer in the same groups, directly or over others, are one circle', () => {
  expect(
    sharedChatCircles([['-1'], ['-2', '-1'], ['-3', '-2'], ['-4'], [], ['-5'], ['-5']]),
  ).toEqual(['-1', '-1', '-1', null, null, '-5', '-5']);
  expect(sharedChatCircles([['-9', '-1'], ['-5'], ['-5', '-9']])).toEqual(['-1', '-1', '-1']);
});

test('isolation spreads them, unless the operator has named a group; before there were groups: by owner and script', () => {
  expect(isolationKey(account('a', null, { sharedChats: '-1', owner: 'o', script: 's' }))).toBe(
    'chats -1',
  );
  expect(isolationKey(account('a', null, { sharedChats: '-1', group: 'g' }))).toBe('group g');
  expect(isolationKey(account('a', null, { owner: 'o', script: 's' }))).toBe('owner o');
});

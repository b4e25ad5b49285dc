import { expect, test } from 'vitest';
import { formatRemedies } from '../../src/cli/render/accounts/remedies.ts';
import type { PlacedAccount } from '../../src/ledger/queries/accounts.ts';
import type { AccountState } from '../../src/model/account-state.ts';
import { remedyFor } from '../../src/verbs/results/accounts/remedies.ts';

const account = (name: string, state: AccountState) => ({ name, state }) as PlacedAccount;

test.for<[AccountState, RegExp | null]>([
  ['online', null],
  ['placed', null],
  ['reconnecting', null],
  ['stopped', null],
  ['needs-login', /^log in again: fleet accounts login anna$/],
  ['duplicated', /^find the other program/],
  ['banned', /^fleet accounts remove anna$/],
  ['misconfigured', /fleet allocate anna$/],
  ['held', /^fleet sweep/],
  ['contained', /fleet accounts start anna;/],
  ['offline', /fleet logs anna -f/],
  ['flood-wait', /obeyed/],
])('%s', ([state, expected]) => {
  const remedy = remedyFor(account('anna', state));
  if (expected === null) expect(remedy).toBeNull();
  else expect(remedy).toMatch(expected);
});

test('a state is named once with all its accounts, many are not listed, and all being well says nothing', () => {
  expect(formatRemedies([account('anna', 'online'), account('ben', 'stopped')])).toBe('');
  const some = formatRemedies([
    account('anna', 'banned'),
    account('ben', 'online'),
    account('carla', 'banned'),
  ]);
  expect(some).toContain('fleet accounts remove anna carla');
  expect(some.split('\n')).toHaveLength(2);
  expect(
    formatRemedies(['a', 'b', 'c', 'd', 'e', 'f'].map((name) => account(name, 'banned'))),
  ).toContain('fleet accounts remove ACCOUNT...');
});

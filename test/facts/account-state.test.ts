import { describe, expect, it } from 'vitest';
import type { AccountSample, HostSample } from '../../hostside/protocol/sample.ts';
import { accountStateIn, awaitedState } from '../../src/facts/account-state.ts';
import { findingsIn } from '../../src/facts/host-findings.ts';
import { type AccountState, endedStates } from '../../src/model/account-state.ts';
import { accountReply, hostReply, keyId } from './sample-reply.ts';

const status = accountReply().status;
const ended = (exitStatus: number | null): Partial<AccountSample> => ({
  status: null,
  unit: { activeState: 'failed', subState: 'failed', restarts: 2, exitStatus },
});
const starting: Partial<AccountSample> = {
  status: null,
  unit: { activeState: 'activating', subState: 'auto-restart', restarts: 2, exitStatus: 9 },
};
const hold: Partial<HostSample> = {
  bootVerdict: {
    format: 1,
    bootId: 'b1',
    verdict: 'hold',
    reasons: ['no contact for 2 h'],
    decidedAt: '',
  },
};

describe('the state of an account', () => {
  it.each<[string, Partial<AccountSample>, Partial<HostSample>, string]>([
    ['online', {}, {}, 'online'],
    [
      'what the worker says',
      { status: status && { ...status, state: 'flood-wait', reason: 'until 12:00' } },
      {},
      'flood-wait',
    ],
    ['starting', { status: null }, {}, 'placed'],
    ['garbage in its status file', { status: null, statusFault: 'not JSON' }, {}, 'offline'],
    ['ended: needs a login', ended(65), {}, 'needs-login'],
    ['ended: duplicated', ended(66), {}, 'duplicated'],
    ['ended: banned', ended(67), {}, 'banned'],
    ['ended: misconfigured', ended(68), {}, 'misconfigured'],
    ['refused by the gate', ended(77), {}, 'held'],
    ['stopped cleanly', ended(0), {}, 'stopped'],
    ['crashed', ended(139), {}, 'offline'],
    ['held since the boot', ended(null), hold, 'held'],
    ['destroyed by Telegram on a host that holds since its boot', ended(66), hold, 'duplicated'],
    ['refused by the gate since the boot', ended(77), hold, 'held'],
    ['running although the host holds others', {}, hold, 'online'],
    ['ended by its host', { ...ended(77), contained: 'it has 70 MiB' }, {}, 'contained'],
    [
      'ended by its host, and on its way to the gate',
      { ...starting, contained: 'it has 70 MiB' },
      {},
      'contained',
    ],
    ['not ended yet, or started again a moment ago', { contained: 'it has 70 MiB' }, {}, 'online'],
  ])('%s', (_, account, host, expected) => {
    const sample = hostReply({ ...host, accounts: [accountReply(account)] });
    expect(accountStateIn(sample, keyId, true).state).toBe(expected);
  });

  it.each([
    [{ frozen: 1, groups_closed: 2 }, /^Telegram has frozen it: its owner/],
    [{ frozen: 0, groups_closed: 1 }, /^it may not write in one of its groups: /],
    [{ frozen: 0, groups_closed: 2 }, /^it may not write in 2 of its groups: /],
    [
      { frozen: 0, groups_left: 1 },
      /^it is not in one of its groups: add it there again, or take the group from its chats$/,
    ],
    [
      { groups_left: 3, groups_closed: 1 },
      /^it is not in 3 of its groups: .*; it may not write in one of its groups: /,
    ],
    [{ model_unusable: 1 }, /^the model's server refuses its key, its model or its requests/],
    [{ frozen: 0, groups_closed: 0, groups_left: 0, model_unusable: 0 }, /^$/],
  ])('online with %j names what keeps it from answering', (counters, reason) => {
    const sample = hostReply({
      accounts: [accountReply({ status: status && { ...status, counters } })],
    });
    const told = accountStateIn(sample, keyId, true);
    expect(told).toEqual({ state: 'online', reason: expect.stringMatching(reason) });
    expect(findingsIn(sample, null, false).map(({ remedy }) => remedy)).toEqual(
      told.reason === '' ? [] : [`fleet why-silent ${sample.accounts[0]?.account}`],
    );
  });

  it('stays stopped by the operator when systemd has forgotten how it ended', () => {
    const unit = {
      activeState: 'inactive',
      subState: 'dead',
      restarts: 0,
      exitStatus: null,
    } as const;
    const sample = hostReply({ accounts: [accountReply({ status: null, unit })] });
    expect([
      accountStateIn(sample, keyId, false).state,
      accountStateIn(sample, keyId, true).state,
    ]).toEqual(['stopped', 'offline']);
    const onHold = hostReply({ ...hold, accounts: [accountReply({ status: null, unit })] });
    expect([
      accountStateIn(onHold, keyId, false).state,
      accountStateIn(onHold, keyId, true).state,
    ]).toEqual(['stopped', 'held']);
  });

  it('says why its host ended it, or why the gate refused it, in their own words', () => {
    const words = 'it has 70 MiB on the disk, and may have 64 MiB (limits.disk_max)';
    const told = (over: Partial<AccountSample>) =>
      accountStateIn(hostReply({ accounts: [accountReply(over)] }), keyId, true);
    expect(told({ ...ended(77), contained: words })).toEqual({ state: 'contained', reason: words });
    const refused = (statusText: string) => ({
      ...ended(77),
      unit: { ...accountReply(ended(77)).unit, statusText },
    });
    expect(told(refused('gate: no contact for 2 h')).reason).toBe(
      'the gate on the host refused to start it: no contact for 2 h',
    );
    expect(told(refused("a worker's own last words")).reason).toBe(
      'the gate on the host refused to start it',
    );
    const sample = hostReply({ accounts: [accountReply({ ...ended(77), contained: words })] });
    expect(findingsIn(sample, null, false)).toEqual([
      {
        level: 'critical',
        text: `it has ended alice: ${words}`,
        remedy: 'fleet logs alice, then fleet accounts start alice',
      },
    ]);
  });

  it('moved without a start stands as it stood', () => {
    const unit = {
      activeState: 'inactive',
      subState: 'dead',
      restarts: 0,
      exitStatus: null,
    } as const;
    const sample = hostReply({ accounts: [accountReply({ status: null, unit })] });
    const movedAs = (state: AccountState) =>
      accountStateIn(sample, keyId, true, { state, reason: 'as before' });
    for (const state of endedStates) expect(movedAs(state)).toEqual({ state, reason: 'as before' });
    for (const state of ['online', 'stopped', 'held'] as const)
      expect(movedAs(state).state).toBe('offline');
  });

  it('is offline when its host does not know it', () => {
    expect(accountStateIn(hostReply({ accounts: [] }), keyId, true)).toEqual({
      state: 'offline',
      reason: 'h1 knows nothing of it',
    });
  });

  it.each([
    ['online', 'online'],
    ['gate', 'held'],
    ['contained', 'contained'],
    ['duplicated', 'duplicated'],
    ['starting', 'offline'],
    ['something new', 'offline'],
  ])('awaited as %s is %s', (state, expected) => {
    expect(awaitedState({ keyId, settled: true, state, reason: '' })).toBe(expected);
  });
});

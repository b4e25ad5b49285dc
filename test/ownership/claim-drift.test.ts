import { expect, it } from 'vitest';
import type { Claim } from '../../hostside/protocol/claim.ts';
import type { HostSurvey, SurveyedAccount } from '../../hostside/protocol/host-acts.ts';
import { findDrift, findOutdated, type KnownOwner } from '../../src/ownership/claim-drift.ts';
import type { HostEvidence } from '../../src/ownership/evidence.ts';

const keyId = 'a'.repeat(32);
const owner: KnownOwner = { account: 'alice', keyId, host: 'h1', epoch: 5 };

const claimed = (
  state: Claim['state'],
  epoch: number,
  claimFault: SurveyedAccount['claimFault'] = null,
): SurveyedAccount => ({
  ...{ keyId, claimFault, unit: 'inactive', processes: 0, stagedEpochs: [4] },
  claim: {
    ...{
      format: 1,
      keyId,
      account: 'alice',
      epoch,
      state,
      moveId: 'm',
      successor: null,
      stateHash: null,
      instanceId: 'i',
    },
    ...{
      bootId: 'b',
      authorityId: 'l',
      serial: 1,
      vaultHash: 'v',
      writtenAt: '2026-01-01T00:00:00Z',
    },
  },
});

const host = (name: string, ...accounts: SurveyedAccount[]): HostEvidence => ({
  host: name,
  survey: {
    instanceId: 'i',
    bootId: 'b',
    release: 'r',
    bootVerdict: null,
    authority: null,
    accounts,
    freeBytes: 1,
  },
});

const sound = host('h1', claimed('active', 5));

it.each<[string, HostEvidence[], unknown[]]>([
  ['the owner as the ledger has it', [sound, host('h2')], []],
  [
    'tombstones elsewhere',
    [sound, host('h2', claimed('released', 4)), host('h3', claimed('revoked', 6))],
    [],
  ],
  ['a silent owner says nothing', [{ host: 'h1', survey: null }], []],
  ['a host that came back with what has moved on', [sound, host('h2', claimed('active', 4))], []],
  [
    'a gate that was being closed when the host went away',
    [sound, host('h2', claimed('releasing', 4))],
    [],
  ],
  [
    'a claim that this ledger did not give',
    [sound, host('h2', claimed('active', 6))],
    [{ kind: 'ahead', host: 'h2', account: 'alice', epoch: 6 }],
  ],
  [
    'an owner that knows nothing',
    [host('h1')],
    [{ kind: 'lost', host: 'h1', account: 'alice', found: 'no claim', isTorn: false }],
  ],
  [
    'an owner whose disk was rolled back',
    [host('h1', claimed('released', 3))],
    [
      {
        kind: 'lost',
        host: 'h1',
        account: 'alice',
        found: 'a claim that is released at epoch 3',
        isTorn: false,
      },
    ],
  ],
  [
    'a torn claim',
    [host('h1', claimed('active', 5, 'torn'))],
    [{ kind: 'lost', host: 'h1', account: 'alice', found: 'a claim that is torn', isTorn: true }],
  ],
])('%s', (_, evidence, expected) => {
  expect(findDrift(evidence, [owner], [])).toEqual(expected);
});

it('leaves to a move what it touches, and keys alone that the ledger does not know', () => {
  const moving = [{ account: 'alice', to: 'h2', isReleased: true }];
  expect(findDrift([host('h1'), host('h2', claimed('active', 4))], [owner], moving)).toEqual([]);
  expect(findDrift([host('h1'), host('h3', claimed('active', 4))], [owner], moving)).toEqual([]);
  expect(findDrift([host('h2', claimed('active', 9))], [], [])).toEqual([]);
  // Before the receipt there is nothing that the move could stop.
  const begun = [{ account: 'alice', to: 'h2', isReleased: false }];
  expect(findDrift([host('h1')], [owner], begun)).toMatchObject([
    { kind: 'lost', host: 'h1', found: 'no claim' },
  ]);
  expect(findDrift([host('h1', claimed('releasing', 4))], [owner], begun)).toEqual([]);
});

it('finds what a host claims although it is over, by key and epoch', () => {
  const outdated = (claim: SurveyedAccount, epoch = 4) =>
    findOutdated(host('h2', claim).survey as HostSurvey, [{ keyId, epoch }]);
  expect(outdated(claimed('active', 4))).toEqual([{ account: 'alice', keyId, epoch: 4 }]);
  expect(outdated(claimed('releasing', 3))).toEqual([{ account: 'alice', keyId, epoch: 3 }]);
  for (const claim of [claimed('released', 4), claimed('revoked', 4), claimed('active', 5)])
    expect(outdated(claim)).toEqual([]);
  expect(findOutdated(host('h2', claimed('active', 4)).survey as HostSurvey, [])).toEqual([]);
});

import { describe, expect, it } from 'vitest';
import type { Claim } from '../../hostside/protocol/claim.ts';
import type { HostSurvey, SurveyedAccount } from '../../hostside/protocol/host-acts.ts';
import { type HostEvidence, judgeEvidence } from '../../src/ownership/evidence.ts';
import { orphanFiles } from '../../src/ownership/orphans.ts';

const key = 'a'.repeat(32);

const claim = (over: Partial<Claim> = {}): Claim => ({
  format: 1,
  keyId: key,
  account: 'alice',
  epoch: 1,
  state: 'active',
  moveId: 'm1',
  successor: null,
  stateHash: null,
  instanceId: 'i',
  bootId: 'b1',
  authorityId: 'l',
  serial: 1,
  vaultHash: 'v',
  writtenAt: '2026-01-01T00:00:00Z',
  ...over,
});

const account = (over: Partial<SurveyedAccount> = {}): SurveyedAccount => ({
  keyId: key,
  claim: null,
  claimFault: null,
  unit: 'inactive',
  processes: 0,
  stagedEpochs: [],
  ...over,
});

const host = (
  name: string,
  accounts: SurveyedAccount[] = [],
  over: Partial<HostSurvey> = {},
): HostEvidence => ({
  host: name,
  survey: {
    instanceId: 'i',
    bootId: 'b1',
    release: 'r',
    bootVerdict: null,
    authority: null,
    accounts,
    freeBytes: 1,
    ...over,
  },
});

const silent = (name: string): HostEvidence => ({ host: name, survey: null });
const hold = {
  bootId: 'b2',
  bootVerdict: { format: 1, bootId: 'b2', verdict: 'hold', reasons: ['x'], decidedAt: '' },
} as const;

const intent = { keyId: key, moveId: 'm1', epoch: 2, toHost: 'h1', ownedEpoch: null };
const giveBack = { ...intent, epoch: 4, ownedEpoch: 3 };
const started = account({
  claim: claim({ moveId: 'other', epoch: 3 }),
  unit: 'active',
  processes: 1,
});

describe('evidence before a grant', () => {
  it.each<[string, HostEvidence[], unknown]>([
    ['nobody knows the key', [host('h1'), host('h2')], { kind: 'clear' }],
    [
      'another key is none of its business',
      [host('h1', [account({ keyId: 'b'.repeat(32), processes: 3, unit: 'active' })])],
      { kind: 'clear' },
    ],
    [
      'files alone are no claim',
      [host('h2', [account({ stagedEpochs: [1, 2] })])],
      { kind: 'clear' },
    ],
    [
      'a host that is switched off runs nothing',
      [host('h1'), { ...silent('h2'), isOff: true }],
      { kind: 'clear' },
    ],
    [
      'a host that is said to be off, and answers, counts like any other',
      [host('h1'), { ...host('h2', [account({ claim: claim() })]), isOff: true }],
      { kind: 'owned', host: 'h2', what: 'it holds a claim (active, epoch 1)' },
    ],
    [
      'a host that does not answer might be the owner',
      [host('h1'), silent('h2')],
      { kind: 'incomplete', hosts: ['h2'] },
    ],
    [
      'the reply to this very grant was lost',
      [host('h1', [account({ claim: claim({ epoch: 2 }), unit: 'active', processes: 1 })])],
      { kind: 'granted' },
    ],
    [
      'granted, and another host is silent now',
      [host('h1', [account({ claim: claim({ epoch: 2 }) })]), silent('h2')],
      { kind: 'granted' },
    ],
    [
      'another host owns it',
      [host('h2', [account({ claim: claim({ moveId: 'other' }) })])],
      { kind: 'owned', host: 'h2' },
    ],
    [
      'another host owns it by a move of the same id',
      [host('h2', [account({ claim: claim() })])],
      { kind: 'owned', host: 'h2' },
    ],
    [
      'the new host owns it by another move',
      [host('h1', [account({ claim: claim({ moveId: 'other' }) })])],
      { kind: 'owned', host: 'h1' },
    ],
    [
      'a release was not finished',
      [host('h2', [account({ claim: claim({ state: 'releasing' }) })])],
      { kind: 'owned', host: 'h2' },
    ],
    [
      'an owner counts more than a silent host',
      [silent('h0'), host('h2', [account({ claim: claim() })])],
      { kind: 'owned', host: 'h2' },
    ],
    [
      'a process without a claim',
      [host('h2', [account({ processes: 1 })])],
      { kind: 'owned', host: 'h2', isForAdopt: true },
    ],
    [
      'released, yet a process lives',
      [host('h2', [account({ claim: claim({ state: 'released' }), processes: 1 })])],
      { kind: 'owned', host: 'h2', isForAdopt: false },
    ],
    [
      'a unit that is about to start',
      [host('h2', [account({ unit: 'activating' })])],
      { kind: 'owned', host: 'h2' },
    ],
    [
      'a torn claim is a possible owner',
      [host('h2', [account({ claimFault: 'torn' })])],
      { kind: 'owned', host: 'h2', isForAdopt: true },
    ],
    [
      'released at a lower epoch',
      [host('h2', [account({ claim: claim({ state: 'released', epoch: 1 }) })])],
      { kind: 'clear' },
    ],
    [
      'released at the same epoch',
      [host('h2', [account({ claim: claim({ state: 'released', epoch: 2 }) })])],
      { kind: 'raise', epoch: 3 },
    ],
    [
      'revoked at a higher epoch',
      [host('h1', [account({ claim: claim({ state: 'revoked', epoch: 9 }) })])],
      { kind: 'raise', epoch: 10 },
    ],
    [
      'a counter that jumped',
      [host('h2', [account({ claim: claim({ state: 'released', epoch: 5000 }) })])],
      { kind: 'poisoned', host: 'h2', epoch: 5000 },
    ],
    [
      'held by its own host since the boot',
      [host('h1', [account({ claim: claim({ moveId: 'old', epoch: 1 }) })], hold)],
      { kind: 'clear' },
    ],
    [
      'held, at this epoch',
      [host('h1', [account({ claim: claim({ moveId: 'old', epoch: 2 }) })], hold)],
      { kind: 'raise', epoch: 3 },
    ],
    [
      'granted by this very move, and held since a boot',
      [host('h1', [account({ claim: claim({ epoch: 2 }) })], hold)],
      { kind: 'raise', epoch: 3 },
    ],
    [
      'granted and held, and another host is silent',
      [host('h1', [account({ claim: claim({ epoch: 2 }) })], hold), silent('h2')],
      { kind: 'incomplete', hosts: ['h2'] },
    ],
    [
      'held by another host',
      [host('h2', [account({ claim: claim({ moveId: 'old' }) })], hold)],
      { kind: 'owned', host: 'h2' },
    ],
    [
      'its own host did not hold it',
      [host('h1', [account({ claim: claim({ moveId: 'old', bootId: 'b2' }) })], hold)],
      { kind: 'owned', host: 'h1' },
    ],
    [
      'held, yet running',
      [host('h1', [account({ claim: claim({ moveId: 'old' }), unit: 'active' })], hold)],
      { kind: 'owned', host: 'h1' },
    ],
  ])('%s', (_, evidence, expected) => {
    expect(judgeEvidence(intent, evidence)).toMatchObject(expected as object);
  });
});

describe('evidence before a host gives back what it held', () => {
  it.each<[string, HostEvidence[], unknown]>([
    ['it started by itself meanwhile', [host('h1', [started]), host('h2')], { kind: 'kept' }],
    [
      'it owns it, without a boot that holds',
      [host('h1', [{ ...started, unit: 'failed', processes: 0 }])],
      { kind: 'kept' },
    ],
    [
      'another host is silent: nothing is granted anyway',
      [host('h1', [started]), silent('h2')],
      { kind: 'kept' },
    ],
    [
      'an older run may still act there',
      [{ ...host('h1', [started]), isUnfenced: true }],
      { kind: 'owned', host: 'h1' },
    ],
    [
      'another host owns it too',
      [host('h1', [started]), host('h2', [account({ claim: claim() })])],
      { kind: 'owned', host: 'h2' },
    ],
    [
      'its claim is none that the ledger knows',
      [host('h1', [{ ...started, claim: claim({ moveId: 'other', epoch: 2 }) }])],
      { kind: 'owned', host: 'h1' },
    ],
    [
      'its claim is being released',
      [host('h1', [{ ...started, claim: claim({ epoch: 3, state: 'releasing' }) }])],
      { kind: 'owned' },
    ],
    [
      'this very give-back was granted',
      [host('h1', [account({ claim: claim({ epoch: 4 }), unit: 'active' })])],
      { kind: 'granted' },
    ],
  ])('%s', (_, evidence, expected) => {
    expect(judgeEvidence(giveBack, evidence)).toMatchObject(expected as object);
  });
});

describe('files that nobody owns', () => {
  const keys = new Set([key]);
  it.each<[string, HostEvidence[], { host: string; epoch: number }[], number[]]>([
    ['left by a plan that went elsewhere', [host('h2', [account({ stagedEpochs: [1] })])], [], [1]],
    [
      'of an open move to this host',
      [host('h1', [account({ stagedEpochs: [1] })])],
      [{ host: 'h1', epoch: 1 }],
      [],
    ],
    [
      'of an open move to another host',
      [host('h2', [account({ stagedEpochs: [1] })])],
      [{ host: 'h1', epoch: 1 }],
      [1],
    ],
    [
      'in use by the claim',
      [host('h1', [account({ claim: claim({ epoch: 2 }), stagedEpochs: [1, 2] })])],
      [],
      [1],
    ],
    [
      'under a claim that cannot be read',
      [host('h1', [account({ claimFault: 'torn', stagedEpochs: [1] })])],
      [],
      [],
    ],
    ['of a host that is silent', [silent('h1')], [], []],
  ])('%s', (_, evidence, expected, orphans) => {
    const open = expected.map(({ host: name, epoch }) => ({ host: name, keyId: key, epoch }));
    expect(orphanFiles(evidence, keys, open).map(({ epoch }) => epoch)).toEqual(orphans);
  });

  it.each<[string, HostEvidence, { host: string; epoch: number } | null, number[]]>([
    [
      'the account is well elsewhere',
      host('h1', [account({ claim: claim({ state: 'released', epoch: 1 }), stagedEpochs: [1] })]),
      { host: 'h2', epoch: 2 },
      [1],
    ],
    [
      'it has left the fleet',
      host('h1', [
        account({
          claim: claim({ state: 'released', successor: 'detached', epoch: 1 }),
          stagedEpochs: [1],
        }),
      ]),
      null,
      [1],
    ],
    [
      'it has left the fleet from a later owner',
      host('h1', [account({ claim: claim({ state: 'released', epoch: 1 }), stagedEpochs: [1] })]),
      { host: 'detached', epoch: 2 },
      [1],
    ],
    [
      'it has left the fleet, but this release is the later one',
      host('h1', [account({ claim: claim({ state: 'released', epoch: 3 }), stagedEpochs: [3] })]),
      { host: 'detached', epoch: 2 },
      [],
    ],
    [
      'it has not arrived',
      host('h1', [account({ claim: claim({ state: 'released', epoch: 1 }), stagedEpochs: [1] })]),
      null,
      [],
    ],
    [
      'it came back',
      host('h1', [account({ claim: claim({ state: 'released', epoch: 1 }), stagedEpochs: [1] })]),
      { host: 'h1', epoch: 2 },
      [],
    ],
    [
      'this release is the later one',
      host('h1', [account({ claim: claim({ state: 'released', epoch: 3 }), stagedEpochs: [3] })]),
      { host: 'h2', epoch: 2 },
      [],
    ],
    [
      'the host still owns it',
      host('h1', [account({ claim: claim({ epoch: 1 }), stagedEpochs: [1] })]),
      { host: 'h2', epoch: 2 },
      [],
    ],
  ])('of a former owner: %s', (_, evidence, owner, orphans) => {
    const settled = new Map(owner === null ? [] : [[key, owner]]);
    expect(orphanFiles([evidence], keys, [], settled).map(({ epoch }) => epoch)).toEqual(orphans);
  });

  it('of a key that the ledger does not know stay', () => {
    expect(orphanFiles([host('h1', [account({ stagedEpochs: [1] })])], new Set(), [])).toEqual([]);
  });
});

import { describe, expect, test } from 'vitest';
import type { Claim } from '../../hostside/protocol/claim.ts';
import type { HostSurvey, SurveyedAccount } from '../../hostside/protocol/host-acts.ts';
import { findCutOff, readClaims } from '../../src/ownership/adopt-claims.ts';
import type { AdoptionDoubt, AdoptionPlan } from '../../src/ownership/adoption-plan.ts';
import type { HostEvidence } from '../../src/ownership/evidence.ts';
import { type KnownAccount, planAdoption } from '../../src/ownership/plan-adoption.ts';

const keyId = 'a'.repeat(32);

const claimOn = (host: string, epoch: number, changes: Partial<Claim> = {}): Claim => ({
  ...{
    format: 1,
    keyId,
    account: 'anna',
    epoch,
    state: 'active',
    moveId: `m${epoch}`,
    successor: null,
    stateHash: null,
  },
  ...{
    instanceId: `machine-${host}`,
    bootId: 'b1',
    authorityId: 'l1',
    serial: 1,
    vaultHash: '',
    writtenAt: '',
  },
  ...changes,
});

function asked(
  host: string,
  claim: Claim | null,
  account: Partial<SurveyedAccount> = {},
): HostEvidence {
  const found: SurveyedAccount = {
    keyId,
    claim,
    claimFault: null,
    unit: 'active',
    processes: 1,
    stagedEpochs: [],
    ...account,
  };
  const survey: HostSurvey = {
    ...{
      instanceId: `machine-${host}`,
      bootId: 'b1',
      release: 'r1',
      bootVerdict: null,
      authority: null,
      freeBytes: 0,
    },
    accounts: claim === null && account.claimFault === undefined ? [] : [found],
  };
  return { host, survey };
}

const silent = (host: string): HostEvidence => ({ host, survey: null });
const known = (host: string | null, epoch: number | null): KnownAccount => ({
  account: 'anna',
  keyId,
  ledger: { host, epoch, isDetached: false, highest: epoch ?? 0 },
  isInVault: true,
});
const stored: KnownAccount = { account: 'anna', keyId, ledger: null, isInVault: true };

function adopt(
  evidence: readonly HostEvidence[],
  account: KnownAccount | null,
  openMoves: Parameters<typeof planAdoption>[0]['openMoves'] = [],
  isOld = false,
  { replaced = new Set<string>(), doubted = new Map<string, AdoptionDoubt>() } = {},
): AdoptionPlan {
  const answering = new Set(
    evidence.filter(({ survey }) => survey !== null).map(({ host }) => host),
  );
  return planAdoption({
    ...{ truths: readClaims(evidence, replaced), cutOff: findCutOff(evidence) },
    accounts: account === null ? [] : [account],
    openMoves,
    answering,
    equipped: answering,
    destroyed: new Set(['gone']),
    doubted,
    isOld,
  });
}

/** Before, after, epoch, whether it changes. */
const outcome = ({ accounts }: AdoptionPlan) =>
  accounts.map(({ before, after, epoch, isChanged }) => [before, after, epoch, isChanged]);
const texts = ({ problems }: AdoptionPlan) => problems.map(({ text }) => text);

describe('one owner', () => {
  test('an empty ledger learns who owns the account', () => {
    const plan = adopt([asked('h1', claimOn('h1', 3)), asked('h2', null)], stored);
    expect(outcome(plan)).toEqual([[null, 'h1', 3, true]]);
    expect(plan.accounts[0]).toMatchObject({ isNew: true, moveId: 'm3', isStill: false });
  });

  test('a ledger that is right changes nothing', () => {
    expect(outcome(adopt([asked('h1', claimOn('h1', 3))], known('h1', 3)))).toEqual([
      ['h1', 'h1', 3, false],
    ]);
  });

  test('the highest epoch counts: a host that was away claims an older one', () => {
    expect(
      outcome(
        adopt([asked('h1', claimOn('h1', 3)), asked('h2', claimOn('h2', 4))], known('h1', 3)),
      ),
    ).toEqual([['h1', 'h2', 4, true]]);
  });

  test('an account that somebody stopped stays stopped', () => {
    const { accounts } = adopt(
      [asked('h1', claimOn('h1', 3), { unit: 'inactive', processes: 0 })],
      stored,
    );
    expect(accounts[0]).toMatchObject({ after: 'h1', isStill: true });
  });

  test('one that its host holds since a boot was not stopped by anybody', () => {
    const { accounts } = adopt(
      [asked('h1', claimOn('h1', 3, { bootId: 'b0' }), { unit: 'inactive', processes: 0 })],
      stored,
    );
    expect(accounts[0]).toMatchObject({ after: 'h1', isStill: false });
  });
});

describe('no owner', () => {
  test('a tombstone ends the placement and keeps the epoch', () => {
    expect(
      outcome(adopt([asked('h1', claimOn('h1', 5, { state: 'revoked' }))], known('h1', 3))),
    ).toEqual([['h1', null, 5, true]]);
  });

  test('the host that the ledger names has no claim', () => {
    expect(outcome(adopt([asked('h1', null)], known('h1', 3)))).toEqual([['h1', null, 3, true]]);
  });

  test('the host that the ledger names is silent: it stays', () => {
    expect(outcome(adopt([silent('h1'), asked('h2', null)], known('h1', 3)))).toEqual([
      ['h1', 'h1', 3, false],
    ]);
    expect(outcome(adopt([silent('h1'), asked('h2', claimOn('h2', 2))], known('h1', 3)))).toEqual([
      ['h1', 'h1', 3, false],
    ]);
  });

  test('an exported account is not startable', () => {
    const { accounts } = adopt(
      [asked('h1', claimOn('h1', 2, { state: 'released', successor: 'detached' }))],
      stored,
    );
    expect(accounts[0]).toMatchObject({ after: null, isDetached: true, epoch: 2 });
  });
});

describe('used outside the fleet', () => {
  const given = asked('h1', claimOn('h1', 2, { state: 'released', successor: 'detached' }));

  test('an old ledger that has it on no host learns that it left, once', () => {
    const [account] = adopt([given], known(null, null), [], true).accounts;
    expect(account).toMatchObject({
      after: null,
      isDetached: true,
      isChanged: true,
      reason: 'it was exported or removed',
    });
    const knows: KnownAccount = {
      account: 'anna',
      keyId,
      ledger: { host: null, epoch: null, isDetached: true, highest: 2 },
      isInVault: true,
    };
    expect(adopt([given], knows, [], true).accounts[0]).toMatchObject({ isChanged: false });
  });

  test('a removal whose receipt nobody heard is over', () => {
    const move = { id: 'm8', account: 'anna', keyId, epoch: 2, to: 'detached' };
    const plan = adopt([given], known('h1', 2), [move]);
    expect([outcome(plan), plan.endedMoves]).toEqual([
      [['h1', null, 2, true]],
      [{ id: 'm8', account: 'anna', end: 'done' }],
    ]);
  });

  test('its last owner is silent: what an earlier one gave up is no news', () => {
    const knows: KnownAccount = {
      account: 'anna',
      keyId,
      ledger: { host: null, epoch: null, isDetached: true, highest: 2 },
      isInVault: true,
    };
    const earlier = asked('h1', claimOn('h1', 1, { state: 'released', successor: 'h2' }));
    for (const isOld of [true, false])
      expect(outcome(adopt([earlier, silent('h2')], knows, [], isOld))).toEqual([
        [null, null, 0, false],
      ]);
  });

  test('a ledger that is not old may know that it came back', () => {
    expect(adopt([given], known(null, null)).accounts[0]).toMatchObject({
      after: null,
      isChanged: false,
    });
  });
});

describe('under way', () => {
  const leaving = claimOn('h1', 3, { state: 'released', successor: 'h2', moveId: 'm9' });

  test('a successor that has revoked this very move takes it at an epoch above that', () => {
    const refused = asked('h2', claimOn('h2', 7, { state: 'revoked', moveId: 'm9' }));
    expect(adopt([asked('h1', leaving), refused], known('h1', 3)).foundMoves).toMatchObject([
      { id: 'm9', fromEpoch: 3, epoch: 8 },
    ]);
  });

  test('a release that only the hosts know of goes on as the move that it is', () => {
    const plan = adopt([asked('h1', leaving), asked('h2', null)], known('h1', 3));
    expect([outcome(plan), plan.foundMoves]).toEqual([
      [['h1', 'h1', 3, false]],
      [{ id: 'm9', account: 'anna', keyId, from: 'h1', to: 'h2', fromEpoch: 3, epoch: 4 }],
    ]);
  });

  test('a move of the journal goes on, is done, or was overtaken', () => {
    const move = { id: 'm9', account: 'anna', keyId, epoch: 4, to: 'h2' };
    expect(adopt([asked('h1', leaving), asked('h2', null)], known('h1', 3), [move])).toMatchObject({
      foundMoves: [],
      endedMoves: [],
    });
    const arrived = asked('h2', claimOn('h2', 4, { moveId: 'm9' }));
    expect(adopt([asked('h1', leaving), arrived], known('h1', 3), [move]).endedMoves).toEqual([
      { id: 'm9', account: 'anna', end: 'done' },
    ]);
    const later = asked('h3', claimOn('h3', 6));
    expect(adopt([asked('h1', leaving), later], known('h1', 3), [move]).endedMoves).toEqual([
      { id: 'm9', account: 'anna', end: 'overtaken' },
    ]);
  });

  test('a removal goes on while its epoch stands, and was overtaken where the account was given to a host anew', () => {
    const removal = { id: 'm9', account: 'anna', keyId, epoch: 3, to: 'detached' };
    const given = (epoch: number) =>
      adopt([asked('h1', claimOn('h1', epoch))], known('h1', 3), [removal]).endedMoves;
    expect(given(3)).toEqual([]);
    expect(given(4)).toEqual([{ id: 'm9', account: 'anna', end: 'overtaken' }]);
  });

  test('an aborted attempt to move it elsewhere hides nothing', () => {
    const tombstone = asked('h3', claimOn('h3', 5, { state: 'revoked' }));
    expect(
      adopt([asked('h1', leaving), asked('h2', null), tombstone], known('h1', 3)).foundMoves,
    ).toHaveLength(1);
  });

  test('the successor will never boot again: nobody has it', () => {
    expect(
      outcome(adopt([asked('h1', { ...leaving, successor: 'gone' })], known('h1', 3))),
    ).toEqual([['h1', null, 3, true]]);
  });

  test('the successor does not answer: nothing is guessed', () => {
    const plan = adopt([asked('h1', leaving), silent('h2')], known('h1', 3));
    expect([outcome(plan), plan.foundMoves]).toEqual([[['h1', 'h1', 3, false]], []]);
    expect(texts(plan)).toEqual(['h1 gave it up for h2, which does not answer and may own it']);
  });
});

describe('a torn claim is closed', () => {
  const torn = asked('h1', null, { claimFault: 'torn', stagedEpochs: [3] });
  const ended = { unit: 'failed', processes: 0 } as const;

  test('of its owner: the account is free above every epoch that was used, and its open moves are over', () => {
    const move = { id: 'm9', account: 'anna', keyId, epoch: 4, to: 'h2' };
    const plan = adopt(
      [torn, asked('h2', claimOn('h2', 7, { state: 'revoked' }), ended)],
      known('h1', 3),
      [move],
    );
    expect([outcome(plan), plan.problems]).toEqual([[['h1', null, 8, true]], []]);
    expect(plan.closedClaims).toEqual([
      { account: 'anna', keyId, host: 'h1', epoch: 8, stagedEpochs: [3] },
    ]);
    expect(plan.endedMoves).toEqual([{ id: 'm9', account: 'anna', end: 'overtaken' }]);
  });

  test('of a former owner: at the epoch of the one that has it, which keeps it', () => {
    const plan = adopt([torn, asked('h2', claimOn('h2', 5))], known('h2', 5));
    expect([outcome(plan), plan.problems]).toEqual([[['h2', 'h2', 5, false]], []]);
    expect(plan.closedClaims).toEqual([
      { account: 'anna', keyId, host: 'h1', epoch: 5, stagedEpochs: [3] },
    ]);
  });
});

describe('an owner has lost its claim', () => {
  test('and is not running it: the account is free above its epoch, whatever older claims say', () => {
    const receipt = claimOn('h2', 4, { state: 'released', successor: 'h1', moveId: 'm5' });
    expect(outcome(adopt([asked('h1', null), asked('h2', receipt)], known('h1', 5)))).toEqual([
      ['h1', null, 5, true],
    ]);
    expect(outcome(adopt([silent('h1'), asked('h2', receipt)], known('h1', 5)))).toEqual([
      ['h1', 'h1', 5, false],
    ]);
  });

  test('before the move that gave it was closed: that one is done, and one that goes elsewhere goes on', () => {
    const moves = [
      { id: 'm5', account: 'anna', keyId, epoch: 5, to: 'h1' },
      { id: 'm6', account: 'anna', keyId, epoch: 6, to: 'h2' },
    ];
    expect(adopt([asked('h1', null)], known('h1', 5), moves).endedMoves).toEqual([
      { id: 'm5', account: 'anna', end: 'done' },
    ]);
    expect(adopt([silent('h1')], known('h1', 5), moves).endedMoves).toEqual([]);
  });

  test('after its receipt: its move goes on where the state is kept, and is over where only that host had it', () => {
    const move = (isKept: boolean) => ({
      id: 'm6',
      account: 'anna',
      keyId,
      epoch: 6,
      to: 'h2',
      released: { from: 'h1', isKept },
    });
    const receipt = claimOn('h3', 4, { state: 'released', successor: 'h1', moveId: 'm5' });
    const judged = (isKept: boolean, ...evidence: HostEvidence[]) => {
      const plan = adopt([asked('h1', null), ...evidence], known('h1', 5), [move(isKept)]);
      return [outcome(plan), plan.closedClaims.length, plan.endedMoves.map(({ end }) => end)];
    };
    const [stays, freed] = [[['h1', 'h1', 5, false]], [['h1', null, 5, true]]];
    expect(judged(true)).toEqual([stays, 0, []]);
    expect(judged(true, asked('h3', receipt))).toEqual([stays, 0, []]);
    expect(judged(false)).toEqual([freed, 1, ['overtaken']]);
    expect(judged(false, asked('h3', receipt))).toEqual([freed, 1, ['overtaken']]);
    const arrived = asked('h2', claimOn('h2', 6, { moveId: 'm6' }));
    for (const isKept of [true, false])
      expect(judged(isKept, arrived)).toEqual([[['h1', 'h2', 6, true]], 0, ['done']]);
    // Its target has refused it for good: it cannot go on at that epoch.
    const refused = asked('h2', claimOn('h2', 6, { state: 'revoked' }), {
      unit: 'failed',
      processes: 0,
    });
    expect(judged(true, refused)).toEqual([[['h1', null, 6, true]], 0, ['overtaken']]);
    expect(adopt([silent('h1')], known('h1', 5), [move(false)]).endedMoves).toEqual([]);
  });

  test('beside what an aborted move left revoked above it: a receipt or an export from before is older all the same', () => {
    const tombstone = asked('h3', claimOn('h3', 7, { state: 'revoked' }));
    for (const successor of ['h1', 'detached']) {
      const before = asked('h2', claimOn('h2', 4, { state: 'released', successor, moveId: 'm5' }));
      const lost = adopt([asked('h1', null), before, tombstone], known('h1', 5));
      expect([outcome(lost), lost.accounts[0]?.isDetached]).toEqual([
        [['h1', null, 5, true]],
        false,
      ]);
      const torn = adopt(
        [asked('h1', null, { claimFault: 'torn' }), before, tombstone],
        known('h1', 5),
      );
      expect([outcome(torn), texts(torn), torn.accounts[0]?.isDetached]).toEqual([
        [['h1', null, 8, true]],
        [],
        false,
      ]);
    }
  });

  test('under a unit that runs: it is closed first', () => {
    const plan = adopt([asked('h1', null, { claimFault: null })], known('h1', 5));
    expect([outcome(plan), plan.closedClaims]).toEqual([
      [['h1', null, 6, true]],
      [{ account: 'anna', keyId, host: 'h1', epoch: 6, stagedEpochs: [] }],
    ]);
  });
});

describe('a revoke was cut off before its stop', () => {
  const runs = asked('h1', claimOn('h1', 6, { state: 'revoked', moveId: 'adopt-3' }), {
    stagedEpochs: [5],
  });
  const closed = {
    account: 'anna',
    keyId,
    host: 'h1',
    epoch: 6,
    stagedEpochs: [],
    moveId: 'adopt-3',
  };

  test('it is made again as it was, and says nothing about who owns the account', () => {
    expect(adopt([runs], known(null, null)).closedClaims).toEqual([closed]);
    const plan = adopt([runs, asked('h2', claimOn('h2', 5))], known('h2', 5));
    expect([outcome(plan), plan.closedClaims]).toEqual([[['h2', 'h2', 5, false]], [closed]]);
  });

  test('also of an account that nobody knows, and not of one that has ended', () => {
    expect(adopt([runs], null).closedClaims).toEqual([closed]);
    const ended = asked('h1', claimOn('h1', 6, { state: 'revoked' }), {
      unit: 'failed',
      processes: 0,
    });
    expect(adopt([ended], known(null, null)).closedClaims).toEqual([]);
  });
});

describe('a claim that was lost is closed, so that what the account remembers there is kept', () => {
  const closed = { account: 'anna', keyId, host: 'h1', epoch: 5, stagedEpochs: [] };
  const ended = (moveId: string) =>
    asked('h1', claimOn('h1', 5, { state: 'revoked', moveId }), { unit: 'inactive', processes: 0 });

  test('on the host that should have it, at the epoch of the ledger', () => {
    expect(adopt([asked('h1', null)], known('h1', 5)).closedClaims).toEqual([closed]);
    const older = adopt(
      [ended('m5'), asked('h2', claimOn('h2', 3, { state: 'released', successor: 'h1' }))],
      known('h1', 7),
    );
    expect(older.closedClaims).toEqual([{ ...closed, epoch: 7 }]);
  });

  test('again, where the adoption before was killed after it; not what anybody else has revoked', () => {
    expect(adopt([ended('adopt-7')], known('h1', 4)).closedClaims).toEqual([
      { ...closed, moveId: 'adopt-7' },
    ]);
    for (const plan of [
      adopt([ended('m5')], known('h1', 4)),
      adopt([ended('adopt-7')], known(null, null)),
      adopt([ended('adopt-7')], known('h2', 4)),
    ])
      expect(plan.closedClaims).toEqual([]);
  });

  test('not on a host that does not answer', () => {
    expect(adopt([asked('h2', null)], known('h1', 5)).closedClaims).toEqual([]);
  });
});

describe('another machine under the name of the one that had the account', () => {
  const foreign = (epoch: number, changes: Partial<Claim> = {}) =>
    asked('h1', claimOn('h0', epoch, changes), { unit: 'inactive', processes: 0 });
  const doubted = new Map([
    ['h1', { text: 'h1 is another machine', hint: 'fleet adopt --replaced h1' }],
  ]);
  const replaced = new Set(['h1']);

  test('until the operator says what it is, nothing is decided, whatever it and the others say', () => {
    for (const evidence of [
      [foreign(3)],
      [asked('h1', null)],
      [foreign(3), asked('h2', claimOn('h2', 4))],
    ]) {
      const plan = adopt(evidence, known('h1', 3), [], false, { doubted });
      expect([outcome(plan), plan.closedClaims, texts(plan)]).toEqual([
        [['h1', 'h1', 3, false]],
        [],
        ['h1 is another machine'],
      ]);
    }
    const lost = adopt([foreign(3)], stored, [], true, { doubted });
    expect(lost.problems.map(({ hint }) => hint)).toEqual(['fleet adopt --replaced h1']);
  });

  test('then its claim is closed above all epochs, and the account is free', () => {
    const plan = adopt(
      [
        foreign(3),
        asked('h2', claimOn('h2', 2, { state: 'revoked' }), { unit: 'inactive', processes: 0 }),
      ],
      known('h1', 3),
      [],
      false,
      { replaced },
    );
    expect(outcome(plan)).toEqual([['h1', null, 4, true]]);
    expect(plan.closedClaims).toEqual([
      { account: 'anna', keyId, host: 'h1', epoch: 4, stagedEpochs: [] },
    ]);
    const leaving = adopt(
      [foreign(3, { state: 'releasing', successor: 'h2' })],
      known('h1', 3),
      [],
      false,
      { replaced },
    );
    expect(leaving.closedClaims[0]?.epoch).toBe(4);
  });

  test('a later owner stays, and a copy with the claim of its original is closed above it', () => {
    const later = adopt([foreign(3), asked('h2', claimOn('h2', 5))], known('h2', 5), [], false, {
      replaced,
    });
    expect([outcome(later), later.closedClaims[0]?.epoch]).toEqual([[['h2', 'h2', 5, false]], 5]);
    const copy = adopt([foreign(3), asked('h0', claimOn('h0', 3))], known('h0', 3), [], false, {
      replaced,
    });
    expect([outcome(copy), copy.closedClaims[0]?.epoch]).toEqual([[['h0', 'h0', 3, false]], 4]);
  });

  test('a claim that is over is none to ask about', () => {
    expect(texts(adopt([foreign(3, { state: 'revoked' })], known(null, null)))).toEqual([]);
  });
});

describe('conflicts are listed and nothing is changed', () => {
  test.each([
    [
      'two hosts at one epoch',
      [asked('h1', claimOn('h1', 3)), asked('h2', claimOn('h2', 3))],
      'h1 and h2 both claim it at epoch 3',
    ],
    [
      'a torn claim where the ledger names another host',
      [asked('h1', null, { claimFault: 'torn' })],
      'the claim on h1 cannot be read (torn)',
    ],
    [
      'a claim of a newer release',
      [asked('h1', null, { claimFault: 'newer-format' })],
      'the claim on h1 cannot be read (newer-format)',
    ],
    [
      'a torn claim beside one that is older than its files',
      [asked('h1', null, { claimFault: 'torn', stagedEpochs: [4] }), asked('h2', claimOn('h2', 3))],
      'the claim on h1 cannot be read (torn)',
    ],
    ['a clone', [asked('h1', claimOn('h2', 3))], 'the claim on h1 was made for another machine'],
  ])('%s', (_, evidence, text) => {
    const plan = adopt(evidence, known('h2', 1));
    expect([outcome(plan)[0]?.[3], texts(plan)]).toEqual([false, [text]]);
  });

  test('a disk that was rolled back, and was not in contact since', () => {
    expect(texts(adopt([asked('h1', claimOn('h1', 2))], known('h1', 5)))).toEqual([
      'h1 should own it at epoch 5, but no host knows of more than epoch 2, which h1 has',
    ]);
  });

  test('a session that the vault does not have', () => {
    expect(texts(adopt([asked('h1', claimOn('h1', 2))], null))).toEqual([
      'h1 has a claim on an account "anna" whose session is not in this vault',
    ]);
    expect(
      texts(adopt([asked('h1', claimOn('h1', 2))], { ...known('h1', 2), isInVault: false })),
    ).toEqual(['the ledger knows it, but the vault has no session of it']);
  });
});

import { describe, expect, test } from 'vitest';
import {
  completeRelease,
  decideGrant,
  decideRelease,
  decideRestage,
  decideRevoke,
  decideStage,
  decideStart,
  decideWipe,
  type HostFacts,
  type StandingClaim,
} from '../../../hostside/claims/decide.ts';
import type { Claim } from '../../../hostside/protocol/claim.ts';
import { claimOf, factsOf, hash, keyId, verdictOf } from './claim-fixtures.ts';

const none: StandingClaim = { claim: null, fault: null };
const standing = (
  fields: Partial<Claim> = {},
  fault: StandingClaim['fault'] = null,
): StandingClaim => ({ claim: claimOf(fields), fault });
const staged = (epoch: number): Partial<HostFacts> => ({
  staged: [{ epoch, moveId: `move-${epoch}` }],
});

/** `write`, `keep`, ... or the refusal's code. */
const short = (decision: { kind: string; code?: string }): string => decision.code ?? decision.kind;

describe('grant', () => {
  const check = (
    claim: StandingClaim,
    epoch: number,
    facts: Partial<HostFacts>,
    expected: string,
    moveId = `move-${epoch}`,
  ) => {
    const act = { act: 'grant', keyId, account: 'anna', epoch, moveId, vaultHash: hash } as const;
    expect(short(decideGrant(claim, act, factsOf(facts)))).toBe(expected);
  };

  test('a first claim needs staged files of the same move and nothing running', () => {
    check(none, 1, staged(1), 'write');
    check(none, 5000, staged(5000), 'write');
    check(none, 1, {}, 'not-staged');
    check(none, 2, staged(1), 'not-staged');
    check(none, 1, staged(1), 'not-staged', 'another-move');
    check(none, 1, { ...staged(1), running: true }, 'state');
  });

  test('the epoch only rises, by at most 1000', () => {
    check(standing({ state: 'released' }), 4, staged(4), 'write');
    check(standing({ state: 'revoked' }), 1003, staged(1003), 'write');
    check(standing({ state: 'released' }), 1004, staged(1004), 'epoch');
    check(standing({ state: 'released' }), 3, staged(3), 'epoch');
    check(standing({ state: 'revoked' }), 3, staged(3), 'epoch');
    check(standing({ state: 'active' }), 2, staged(2), 'epoch');
  });

  test('a repeat is the same move at the same epoch in the same boot, or in one that may run', () => {
    check(standing(), 3, {}, 'keep');
    check(standing(), 3, { running: true }, 'keep');
    check(standing(), 3, { bootId: 'boot-2', verdict: verdictOf('run', 'boot-2') }, 'keep');
    check(standing(), 3, { bootId: 'boot-2', verdict: verdictOf('hold', 'boot-2') }, 'state');
    check(standing(), 3, { bootId: 'boot-2', verdict: null }, 'state');
    check(standing(), 3, staged(3), 'move', 'another-move');
    check(standing({ state: 'releasing' }), 3, staged(3), 'epoch');
  });

  test('the end of a hold is a grant at a higher epoch; never over a running or half-released account', () => {
    check(standing({ bootId: 'boot-0' }), 4, { ...staged(4), verdict: verdictOf('hold') }, 'write');
    check(standing(), 4, { ...staged(4), running: true }, 'state');
    check(standing({ state: 'releasing', successor: 'b' }), 4, staged(4), 'state');
  });

  test('torn, newer or foreign claims refuse', () => {
    check(standing({}, 'torn'), 4, staged(4), 'state');
    check({ claim: null, fault: 'newer-format' }, 4, staged(4), 'state');
    check({ claim: null, fault: 'unreadable' }, 4, staged(4), 'state');
    check(standing({ instanceId: 'machine-2' }), 4, staged(4), 'instance');
  });

  test('the claim binds machine, boot and authority of now', () => {
    const act = {
      act: 'grant',
      keyId,
      account: 'anna',
      epoch: 4,
      moveId: 'move-4',
      vaultHash: hash,
    } as const;
    expect(
      decideGrant(
        standing({ state: 'released', stateHash: hash, successor: 'b' }),
        act,
        factsOf({ ...staged(4), bootId: 'boot-9' }),
      ),
    ).toEqual({
      kind: 'write',
      next: claimOf({
        epoch: 4,
        moveId: 'move-4',
        bootId: 'boot-9',
        serial: 8,
        writtenAt: '2026-01-01T00:01:00.000Z',
      }),
    });
  });
});

describe('release', () => {
  const check = (
    claim: StandingClaim,
    expected: string,
    act: { epoch?: number; moveId?: string; successor?: string } = {},
  ) => {
    const full = {
      act: 'release',
      keyId,
      epoch: 3,
      moveId: 'move-4',
      successor: 'b',
      ...act,
    } as const;
    expect(short(decideRelease(claim, full, factsOf()))).toBe(expected);
  };

  test('active closes, releasing resumes, released answers the receipt: for one move only', () => {
    check(standing(), 'write');
    check(standing({ state: 'releasing', moveId: 'move-4', successor: 'b' }), 'resume');
    check(
      standing({ state: 'released', moveId: 'move-4', successor: 'b', stateHash: hash }),
      'done',
    );
    check(standing({ state: 'releasing', moveId: 'move-9', successor: 'b' }), 'move');
    check(
      standing({ state: 'released', moveId: 'move-9', successor: 'b', stateHash: hash }),
      'move',
    );
    check(
      standing({ state: 'released', moveId: 'move-4', successor: 'c', stateHash: hash }),
      'move',
    );
  });

  test('what is not owned here, sound and at that epoch is refused', () => {
    check(none, 'state');
    check(standing({ state: 'revoked' }), 'state');
    check(standing(), 'epoch', { epoch: 2 });
    check(standing(), 'epoch', { epoch: 4 });
    check(standing({ instanceId: 'machine-2' }), 'instance');
    check(standing({}, 'torn'), 'state');
  });

  test('closing keeps what the receipt will need', () => {
    const act = { act: 'release', keyId, epoch: 3, moveId: 'move-4', successor: 'b' } as const;
    const decision = decideRelease(standing({ bootId: 'boot-0' }), act, factsOf());
    const closed = claimOf({
      state: 'releasing',
      moveId: 'move-4',
      successor: 'b',
      bootId: 'boot-0',
      serial: 8,
      writtenAt: factsOf().now,
    });
    expect(decision).toEqual({ kind: 'write', next: closed });
    expect(completeRelease(closed, hash, 'later')).toEqual({
      ...closed,
      state: 'released',
      stateHash: hash,
      writtenAt: 'later',
    });
  });
});

describe('revoke', () => {
  const check = (
    claim: StandingClaim,
    epoch: number,
    expected: string,
    facts: Partial<HostFacts> = {},
    moveId = `move-${epoch}`,
  ) => {
    const act = { act: 'revoke', keyId, account: 'anna', epoch, moveId } as const;
    expect(short(decideRevoke(claim, act, factsOf(facts)))).toBe(expected);
  };

  test('above what was seen, or the undoing of its own grant', () => {
    check(none, 4, 'write');
    check(none, 4, 'write', staged(4));
    check(standing(), 4, 'write');
    check(standing(), 3, 'write');
    check(standing(), 3, 'move', {}, 'another-move');
    check(standing(), 2, 'epoch');
    check(standing(), 1004, 'epoch');
    check(standing({ state: 'revoked' }), 3, 'keep');
    check(standing({ state: 'releasing', successor: 'b' }), 3, 'state');
    check(standing({ state: 'released', successor: 'b' }), 3, 'state');
  });

  test('clears torn and foreign claims, which no grant may, but not what a newer release wrote', () => {
    check(standing({}, 'torn'), 4, 'write');
    check({ claim: null, fault: 'torn' }, 1, 'write');
    check({ claim: null, fault: 'torn' }, 4, 'epoch', staged(5));
    check(standing({ instanceId: 'machine-2' }), 4, 'write');
    check(standing({ instanceId: 'machine-2', state: 'revoked' }), 3, 'write');
    check({ claim: null, fault: 'newer-format' }, 4, 'state');
    check({ claim: null, fault: 'unreadable' }, 4, 'state');
  });
});

describe('wipe, stage and start', () => {
  const checkWipe = (claim: StandingClaim, epoch: number, expected: string, running = false) => {
    const decision = decideWipe(claim, { act: 'wipe', keyId, epoch }, { running });
    expect(
      decision.kind === 'wipe' ? (decision.withState ? 'with-state' : 'files') : decision.code,
    ).toBe(expected);
  };

  test('a late wipe never takes what is owned', () => {
    checkWipe(standing({ epoch: 5 }), 3, 'state');
    checkWipe(standing(), 3, 'state');
    checkWipe(standing({ state: 'releasing', successor: 'b' }), 3, 'state');
    checkWipe(standing(), 4, 'files');
    checkWipe(standing({ state: 'released' }), 3, 'with-state');
    checkWipe(standing({ state: 'revoked' }), 3, 'not-stopped', true);
    checkWipe(standing({ state: 'released', epoch: 5 }), 3, 'files');
    checkWipe(none, 3, 'files');
    checkWipe(standing({}, 'torn'), 3, 'state');
  });

  test('staging needs an epoch above the claim, or is the repeat of a granted move', () => {
    const check = (
      claim: StandingClaim,
      epoch: number,
      expected: string,
      moveId = `move-${epoch}`,
    ) => {
      const limits = { memoryMaxBytes: 1, memoryHighBytes: 1, cpuMaxCores: 1, tasksMax: 1 };
      const act = {
        act: 'stage',
        keyId,
        account: 'anna',
        epoch,
        moveId,
        session: 's',
        config: '{}',
        limits,
      } as const;
      expect(short(decideStage(claim, act, factsOf()))).toBe(expected);
    };
    check(none, 1, 'stage');
    check(standing(), 4, 'stage');
    check(standing(), 3, 'keep');
    check(standing(), 3, 'epoch', 'another-move');
    check(standing({ state: 'released' }), 3, 'epoch');
    check(standing(), 1004, 'epoch');
    check(standing({}, 'torn'), 4, 'state');
    check(standing({ instanceId: 'machine-2' }), 4, 'instance');
  });

  test('files are replaced only for the epoch that is owned here', () => {
    const check = (claim: StandingClaim, epoch: number, expected: string | null) => {
      const limits = { memoryMaxBytes: 1, memoryHighBytes: 1, cpuMaxCores: 1, tasksMax: 1 };
      const act = {
        act: 'restage',
        keyId,
        account: 'anna',
        epoch,
        session: 's',
        config: '{}',
        limits,
      } as const;
      expect(decideRestage(claim, act, factsOf())?.code ?? null).toBe(expected);
    };
    check(standing(), 3, null);
    check(standing(), 2, 'state');
    check(standing(), 4, 'state');
    check(standing({ state: 'releasing', successor: 'b' }), 3, 'state');
    check(standing({ state: 'released' }), 3, 'state');
    check(standing({ state: 'revoked' }), 3, 'state');
    check(standing({}, 'torn'), 3, 'state');
    check(standing({ instanceId: 'machine-2' }), 3, 'instance');
    check(none, 3, 'state');
  });

  test('start wants an active claim that the gate would pass', () => {
    const check = (claim: StandingClaim, facts: Partial<HostFacts>, expected: string | null) =>
      expect(decideStart(claim, factsOf(facts))?.code ?? null).toBe(expected);
    check(standing(), {}, null);
    check(standing({ bootId: 'boot-0' }), { verdict: verdictOf('hold') }, 'state');
    check(standing({ bootId: 'boot-0' }), { verdict: verdictOf('run') }, null);
    check(standing({ state: 'released' }), {}, 'state');
    check(none, {}, 'state');
  });
});

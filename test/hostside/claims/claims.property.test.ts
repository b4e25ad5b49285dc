import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decideAuthority, type StoredAuthority } from '../../../hostside/claims/authority.ts';
import {
  completeRelease,
  decideGrant,
  decideRelease,
  decideRevoke,
  decideStage,
  type HostFacts,
  type StandingClaim,
} from '../../../hostside/claims/decide.ts';
import type { AuthorityStamp, HostAct } from '../../../hostside/protocol/host-acts.ts';
import { factsOf, hash, keyId } from './claim-fixtures.ts';

type ModelAct = Extract<HostAct, { act: 'stage' | 'grant' | 'release' | 'revoke' }>;

interface Message {
  readonly to: number;
  readonly stamp: AuthorityStamp;
  readonly act: ModelAct;
}

/**
 * A host as the helper makes it of the pure decisions; its claim `active` counts as a running
 * worker.
 */
class ModelHost {
  standing: StandingClaim = { claim: null, fault: null };
  authority: StoredAuthority = null;
  staged: HostFacts['staged'] = [];

  isActive(): boolean {
    return this.standing.claim?.state === 'active';
  }

  receive({ stamp, act }: Message): boolean {
    const authority = decideAuthority(this.authority, stamp);
    if (authority.kind === 'refuse') return false;
    this.authority = authority.record;
    const facts = factsOf({ staged: this.staged, running: this.isActive(), authority: stamp });
    return this.#apply(act, facts);
  }

  #apply(act: ModelAct, facts: HostFacts): boolean {
    if (act.act === 'stage') {
      const decision = decideStage(this.standing, act, facts);
      if (decision.kind === 'stage')
        this.staged = [...this.staged.filter(({ epoch }) => epoch !== act.epoch), act];
      return decision.kind !== 'refuse';
    }
    if (act.act === 'release') {
      const decision = decideRelease(this.standing, act, facts);
      if (decision.kind === 'refuse') return false;
      if (decision.kind === 'write')
        this.standing = { claim: completeRelease(decision.next, hash, facts.now), fault: null };
      return true;
    }
    const decision =
      act.act === 'grant'
        ? decideGrant(this.standing, act, facts)
        : decideRevoke(this.standing, act, facts);
    if (decision.kind === 'write') this.standing = { claim: decision.next, fault: null };
    return decision.kind !== 'refuse';
  }
}

const limits = { memoryMaxBytes: 1, memoryHighBytes: 1, cpuMaxCores: 1, tasksMax: 1 };
const stageOf = (epoch: number, moveId: string): ModelAct => ({
  act: 'stage',
  keyId,
  account: 'anna',
  epoch,
  moveId,
  session: 's',
  config: '{}',
  limits,
});
const grantOf = (epoch: number, moveId: string): ModelAct => ({
  act: 'grant',
  keyId,
  account: 'anna',
  epoch,
  moveId,
  vaultHash: hash,
});

const anyAct: fc.Arbitrary<ModelAct> = fc
  .record({
    kind: fc.constantFrom('stage', 'grant', 'release', 'revoke'),
    epoch: fc.integer({ min: 1, max: 6 }),
    move: fc.integer({ min: 1, max: 4 }).map((n) => `move-${n}`),
  })
  .map(({ kind, epoch, move }) => {
    if (kind === 'stage') return stageOf(epoch, move);
    if (kind === 'grant') return grantOf(epoch, move);
    if (kind === 'release') return { act: 'release', keyId, epoch, moveId: move, successor: 'b' };
    return { act: 'revoke', keyId, account: 'anna', epoch, moveId: move };
  });

const anyStamp: fc.Arbitrary<AuthorityStamp> = fc.record({
  id: fc.constantFrom('ledger-1', 'ledger-2'),
  serial: fc.integer({ min: 1, max: 5 }),
  nonce: fc.constantFrom('n1', 'n2'),
  deadlineMs: fc.constant(1000),
  takeOver: fc.boolean(),
});

test('whatever two ledgers send: an epoch never falls, and what is closed opens only at a higher one', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ stamp: anyStamp, act: anyAct }), { maxLength: 60 }),
      (messages) => {
        const host = new ModelHost();
        for (const message of messages) {
          const before = host.standing.claim;
          const serialOf = (record: StoredAuthority) =>
            record !== null && record !== 'unreadable' && record.id === message.stamp.id
              ? record.serial
              : 0;
          const serialBefore = serialOf(host.authority);
          const isAccepted = host.receive({ to: 0, ...message });
          const after = host.standing.claim;
          if (isAccepted) expect(message.stamp.serial).toBeGreaterThanOrEqual(serialBefore);
          else expect(after).toEqual(before);
          if (before === null || after === null) continue;
          expect(after.epoch).toBeGreaterThanOrEqual(before.epoch);
          if (before.state !== 'active' && after.state === 'active')
            expect(after.epoch).toBeGreaterThan(before.epoch);
          if (before.state === 'released' && after.epoch === before.epoch)
            expect(after).toEqual(before);
        }
      },
    ),
    { numRuns: 2000 },
  );
});

/**
 * What the network does with the next step: deliver, lose the message, lose the reply, or bring an
 * old message again.
 */
const anyWeather = fc.constantFrom(
  'deliver',
  'lose',
  'lose-reply',
  'repeat-old',
  'new-run',
  'foreign',
);

test('two hosts, one ledger that wants receipts, lost and repeated messages: never active twice', () => {
  let moves = 0;
  fc.assert(
    fc.property(fc.array(fc.tuple(anyWeather, fc.nat(1000)), { maxLength: 80 }), (weather) => {
      const hosts = [new ModelHost(), new ModelHost()];
      // A host without an authority adopts the first one: ledgers that know nothing of each other
      // cannot be kept apart.
      for (const host of hosts)
        host.authority = { format: 1, id: 'ledger-1', serial: 1, nonce: 'n1' };
      const past: Message[] = [];
      const stampOf = (serial: number): AuthorityStamp => ({
        id: 'ledger-1',
        serial,
        nonce: `n${serial}`,
        deadlineMs: 1000,
      });
      const bring = (message: Message): boolean => hosts[message.to]?.receive(message) ?? false;
      let [serial, epoch, owner, step] = [1, 1, 0, 0];
      const actOf = (): { to: number; act: ModelAct } => {
        const moveId = `move-${epoch}`;
        if (step === 0) return { to: owner, act: stageOf(epoch, moveId) };
        if (step === 1) return { to: owner, act: grantOf(epoch, moveId) };
        return {
          to: owner,
          act: { act: 'release', keyId, epoch, moveId: `move-${epoch + 1}`, successor: 'b' },
        };
      };
      for (const [kind, pick] of weather) {
        if (kind === 'new-run') serial += 1;
        const message: Message = { stamp: stampOf(serial), ...actOf() };
        if (kind === 'deliver') {
          past.push(message);
          if (bring(message)) step += 1;
        }
        if (kind === 'lose') past.push(message);
        if (kind === 'lose-reply') {
          past.push(message);
          bring(message);
        }
        const old = past[pick % Math.max(1, past.length)];
        if (kind === 'repeat-old' && old !== undefined) bring(old);
        if (kind === 'foreign')
          bring({
            ...message,
            to: pick % 2,
            stamp: { ...message.stamp, id: 'ledger-2', serial: 999 },
          });
        if (step === 3) [epoch, owner, step, moves] = [epoch + 1, 1 - owner, 0, moves + 1];
        expect(hosts.filter((host) => host.isActive()).length).toBeLessThanOrEqual(1);
      }
    }),
    { numRuns: 2000 },
  );
  expect(moves).toBeGreaterThan(100);
});

import type { HostFacts, Refusal, StandingClaim } from '../../hostside/claims/decide.ts';
import type { Claim } from '../../hostside/protocol/claim.ts';
import { holdOf } from '../../hostside/protocol/hold-of.ts';
import type {
  AnnouncementRecord,
  BootVerdict,
  ContactRecord,
  HostConfig,
} from '../../hostside/protocol/host.ts';
import type { ActReply, HostAct, HostSurvey } from '../../hostside/protocol/host-acts.ts';
import type { Roster } from '../../hostside/protocol/roster.ts';
import type { Rules } from './rules.ts';
import {
  type Age,
  type Disk,
  type Host,
  hostName,
  keyId,
  type ModelRequest,
  newName,
  type World,
  withItem,
} from './world.ts';

/** One step of time. */
export const holdAfterMs = 600_000;
/** The clock of a world stands still; stamps grow older. */
export const nowMs = 100 * holdAfterMs;
/**
 * How long an announcement serves: longer than a contact and the margin behind it count, which is
 * two steps of time.
 */
export const announcedForMs = 2 * holdAfterMs + 100_000;
/** As long as a worker asks Telegram to wait for a silent connection, ms. */
export const lingerMs = 75_000;

export const hostConfig = (host: number): HostConfig => ({
  ...{
    format: 1,
    fleet: 'f',
    host: hostName(host),
    holdAfterMs,
    requireClockSync: false,
    settleMs: 5_000,
    settleUncleanMs: 30_000,
  },
});

/**
 * The helper was killed, or the machine under it, before a write that would have been one too many.
 */
class Killed extends Error {}

export interface Answer {
  /** null: it was killed. */
  readonly replies: readonly ActReply[] | null;
  readonly writes: number;
}

/**
 * The root helper of one host over one request: what `hostside/helper` does around the same
 * decisions, write by write.
 */
export class Helper {
  readonly #rules: Rules;
  readonly #host: Host;
  /**
   * By the earlier of both clocks, of the intent with which the request was made: the contact is no
   * younger.
   */
  readonly #sentAge: Age;
  #writesLeft: number;
  #writes = 0;

  constructor(
    rules: Rules,
    world: World,
    index: number,
    sentAge: Age = 0,
    writesLeft = Number.POSITIVE_INFINITY,
  ) {
    this.#sentAge = sentAge;
    this.#rules = rules;
    this.#host = world.hosts[index] as Host;
    this.#writesLeft = writesLeft;
  }

  run({ stamp, acts }: ModelRequest): Answer {
    try {
      const refusal = stamp === null ? 'no stamp' : this.#takeAuthority(stamp);
      const replies = acts.map((act, index): ActReply => {
        if (act.act === 'survey')
          return { index, ok: true, result: { kind: 'survey', survey: this.survey() } };
        if (act.act === 'await') return { index, ...this.#awaited(act.keyIds) };
        if (refusal !== null) return { index, ok: false, refusal: 'authority', message: refusal };
        if (act.act === 'contact') return { index, ok: true, result: { kind: 'done' } };
        if (act.act === 'announce') return { index, ...this.#announce(act, stamp) };
        return { index, ...this.#act(act, stamp) };
      });
      return { replies, writes: this.#writes };
    } catch (error) {
      if (error instanceof Killed) return { replies: null, writes: this.#writes };
      throw error;
    }
  }

  #write(disk: Partial<Disk>): void {
    if (this.#writesLeft === 0) throw new Killed();
    this.#writesLeft -= 1;
    this.#writes += 1;
    this.#host.disk = { ...this.#host.disk, ...disk };
  }

  #takeAuthority(stamp: NonNullable<ModelRequest['stamp']>): string | null {
    const decision = this.#rules.decideAuthority(this.#host.disk.authority, {
      ...stamp,
      deadlineMs: 1,
    });
    if (decision.kind === 'refuse') return decision.message;
    if (decision.changed) this.#write({ authority: decision.record });
    if (stamp.roster !== undefined) this.#applyContact(stamp, stamp.roster);
    return null;
  }

  /** `applyContact`: closures first, all of them, then the record. */
  #applyContact(stamp: NonNullable<ModelRequest['stamp']>, roster: Roster): void {
    const { id, serial } = stamp;
    if (this.#host.isOld) {
      this.#recordFormer(stamp);
      return;
    }
    if (this.#rules.isOlderRoster(this.#host.disk.contact, stamp, roster)) return;
    const closed: number[] = [];
    const facts = {
      instanceId: this.#host.instanceId,
      bootId: this.#host.bootId,
      now: '',
      authority: { id, serial },
    };
    for (const gone of this.#rules.mechanisms.carriesRoster ? roster.gone : []) {
      const account = Number(gone.keyId.slice(2));
      const next = this.#rules.decideClosure(this.#standing(account), gone, facts);
      if (next !== null) this.#claim(account, next);
      // What a contact that was cut off has closed and not stopped.
      if (
        next !== null ||
        (this.#host.running[account] && this.#standing(account).claim?.state === 'revoked')
      )
        closed.push(account);
    }
    for (const account of closed) this.#stop(account);
    const { bootId, verdict } = this.#host;
    const active = this.#host.disk.claims.flatMap((_, account) => {
      const { claim, fault } = this.#standing(account);
      return claim?.state === 'active' && fault === null
        ? [{ claim, hold: holdOf(claim, bootId, verdict) }]
        : [];
    });
    for (const { claim, hold } of this.#rules.mechanisms.carriesRoster ? active : [])
      if (hold !== null) this.#markHeld(claim);
    const { claims, isWhole } = this.#rules.judgeContact(roster, active);
    const listed = claims.map(({ keyId: key, epoch, moveId }) => ({ keyId: key, epoch, moveId }));
    keepMachine(this.#rules, this.#host);
    this.#write({
      contact: {
        bootId,
        age: this.#sentAge,
        authorityId: id,
        serial,
        revision: roster.revision,
        claims: listed,
        isWhole,
      },
    });
  }

  /** As the release before: it counts for every claim, and lists none. */
  #recordFormer({ id, serial }: NonNullable<ModelRequest['stamp']>): void {
    const { bootId } = this.#host;
    const former = { isFormer: true, isWhole: true, revision: 0, claims: [] } as const;
    this.#write({ contact: { ...former, bootId, age: this.#sentAge, authorityId: id, serial } });
  }

  #announce(
    act: Extract<HostAct, { act: 'announce' }>,
    stamp: ModelRequest['stamp'],
  ): Omit<ActReply, 'index'> {
    const { bootId, disk } = this.#host;
    const [standing, contact] = [announcementOf(disk), contactOf(disk)];
    const sentAtMs = stamp?.roster === undefined ? null : nowMs;
    const decided = this.#rules.decideAnnouncement(act, {
      standing,
      contact,
      stamp: { id: stamp?.id ?? '' },
      sentAtMs,
      bootId,
    });
    if ('message' in decided) return { ok: false, refusal: 'request', message: decided.message };
    const { untilMs: _, ...record } = decided.record;
    if (decided.isNew) this.#write({ announcement: { ...record, age: this.#sentAge } });
    return { ok: true, result: { kind: 'done' } };
  }

  /** `markHeld` */
  #markHeld({ keyId: key }: Claim): void {
    const account = Number(key.slice(2));
    const stored = this.#host.disk.claims[account]?.claim;
    if (stored?.state === 'active' && stored.heldSince === undefined)
      this.#claim(account, { ...stored, format: 2, heldSince: this.#host.bootId });
  }

  #standing = (account: number): StandingClaim => standingOn(this.#rules, this.#host, account);

  #facts(account: number, stamp: ModelRequest['stamp']): HostFacts {
    const { bootId, verdict, disk, running } = this.#host;
    return {
      ...{ instanceId: this.#host.instanceId, bootId, verdict, now: '' },
      staged: disk.staged[account] ?? [],
      running: running[account] === true,
      authority: { id: stamp?.id ?? '', serial: stamp?.serial ?? 0 },
    };
  }

  /** `writeClaim` */
  #claim(account: number, claim: Claim): void {
    const isOpen = claim.state === 'active';
    if (!isOpen) this.#host.marks[account] = { epoch: claim.epoch, isOpen };
    this.#write({ claims: withItem(this.#host.disk.claims, account, { claim, fault: null }) });
    if (isOpen && claim.heldSince === undefined)
      this.#host.marks[account] = { epoch: claim.epoch, isOpen };
  }

  #act(
    act: Exclude<HostAct, { act: 'survey' | 'contact' | 'announce' | 'await' }>,
    stamp: ModelRequest['stamp'],
  ): Omit<ActReply, 'index'> {
    const account = Number(act.keyId.slice(2));
    const standing = this.#standing(account);
    const facts = this.#facts(account, stamp);
    const rules = this.#rules;
    const refused = ({ code, message }: Refusal) => ({
      ok: false,
      refusal: code,
      message,
      claim: standing.claim,
    });
    switch (act.act) {
      case 'stage': {
        const decision = rules.decideStage(standing, act, facts);
        if (decision.kind === 'refuse') return refused(decision);
        const others = facts.staged.filter(({ epoch }) => epoch !== act.epoch);
        if (decision.kind === 'stage')
          this.#stage(account, [...others, { epoch: act.epoch, moveId: act.moveId }]);
        return { ok: true, claim: standing.claim };
      }
      case 'grant': {
        const decision = rules.decideGrant(standing, act, facts);
        if (decision.kind === 'refuse') return refused(decision);
        if (decision.kind === 'write') {
          this.#claim(account, decision.next);
          if (facts.staged.some(({ epoch }) => epoch < act.epoch))
            this.#stage(
              account,
              facts.staged.filter(({ epoch }) => epoch >= act.epoch),
            );
        }
        if (act.idle === true) this.#enable(account, false);
        else this.#start(account);
        return { ok: true, claim: this.#host.disk.claims[account]?.claim ?? null };
      }
      case 'release': {
        const decision = rules.decideRelease(standing, act, facts);
        if (decision.kind === 'refuse') return refused(decision);
        if (decision.kind === 'done') return this.#told(decision.claim);
        if (decision.kind === 'write') this.#claim(account, decision.next);
        this.#stop(account);
        const receipt = rules.completeRelease(
          decision.kind === 'write' ? decision.next : decision.claim,
          '0'.repeat(64),
          '',
        );
        this.#claim(account, receipt);
        return this.#told(receipt);
      }
      case 'revoke': {
        const decision = rules.decideRevoke(standing, act, facts);
        if (decision.kind === 'refuse') return refused(decision);
        if (decision.kind === 'write') this.#claim(account, decision.next);
        this.#stop(account);
        return this.#told(decision.kind === 'write' ? decision.next : decision.claim);
      }
      case 'wipe': {
        const decision = rules.decideWipe(standing, act, facts);
        if (decision.kind === 'refuse') return refused(decision);
        const left = facts.staged.filter(({ epoch }) => epoch !== act.epoch);
        if (left.length < facts.staged.length) this.#stage(account, left);
        return { ok: true };
      }
      case 'start': {
        const refusal = rules.decideStart(standing, facts);
        if (refusal !== null) return refused(refusal);
        this.#start(account);
        return { ok: true, claim: standing.claim };
      }
      case 'stop':
        this.#stop(account);
        return { ok: true };
      default:
        throw new Error(`the small world has no act ${act.act}`);
    }
  }

  #told = (claim: Claim): Omit<ActReply, 'index'> => ({
    ok: true,
    result: { kind: 'claim', claim },
    claim,
  });

  #stage(account: number, staged: Disk['staged'][number]): void {
    this.#write({ staged: withItem(this.#host.disk.staged, account, staged) });
  }

  #enable(account: number, isEnabled: boolean): void {
    if (this.#host.disk.enabled[account] !== isEnabled)
      this.#write({ enabled: withItem(this.#host.disk.enabled, account, isEnabled) });
  }

  #start(account: number): void {
    this.#enable(account, true);
    if (passesGate(this.#rules, this.#host, account)) this.#host.running[account] = true;
  }

  /** As fast as a worker that obeys: its connection is closed when it has ended. */
  #stop(account: number): void {
    this.#enable(account, false);
    this.#host.running[account] = false;
  }

  #awaited(keyIds: readonly string[]): Omit<ActReply, 'index'> {
    const accounts = keyIds.map((key) => {
      const isRunning = this.#host.running[Number(key.slice(2))] === true;
      return { keyId: key, settled: true, state: isRunning ? 'online' : 'gate', reason: '' };
    });
    return { ok: true, result: { kind: 'awaited', accounts } };
  }

  survey(): HostSurvey {
    const { bootId, verdict, disk, running } = this.#host;
    const { authority } = disk;
    return {
      ...{
        instanceId: this.#host.instanceId,
        bootId,
        release: 'r',
        bootVerdict: verdict,
        freeBytes: 1,
      },
      authority: authority === null ? null : { id: authority.id, serial: authority.serial },
      accounts: disk.claims
        .map((_, account) => ({ account, ...this.#standing(account) }))
        .map(({ account, claim, fault }) => ({
          ...{ keyId: keyId(account), claim, claimFault: fault },
          unit: running[account] ? ('active' as const) : ('inactive' as const),
          processes: running[account] ? 1 : 0,
          stagedEpochs: (disk.staged[account] ?? []).map(({ epoch }) => epoch),
        }))
        .filter(
          ({ claim, claimFault, stagedEpochs }) =>
            claim !== null || claimFault !== null || stagedEpochs.length > 0,
        ),
    };
  }
}

/** `readClaim` */
const standingOn = (rules: Rules, { disk, marks, isOld }: Host, account: number): StandingClaim => {
  const { claim, fault } = disk.claims[account] as StandingClaim;
  if (isOld) return claim?.format === 2 ? { claim: null, fault: 'newer-format' } : { claim, fault };
  if (
    claim === null ||
    claim.heldSince !== undefined ||
    !rules.isBeforeMark(marks[account] ?? null, claim)
  )
    return { claim, fault };
  return { claim: { ...claim, format: 2, heldSince: 'put-back' }, fault };
};

const passesGate = (rules: Rules, host: Host, account: number): boolean => {
  const { claim, fault } = standingOn(rules, host, account);
  return (
    rules.decideGate({
      reading: { claim, fault },
      instanceId: host.instanceId,
      verdict: verdictOf(host),
    }) === null
  );
};

/** A verdict of the release before, and to it, is about all claims. */
const verdictOf = ({ verdict, isOld }: Host): BootVerdict | null => {
  if (verdict === null || !isOld) return verdict;
  const { claims: _, ...rest } = verdict;
  return rest as BootVerdict;
};

/** The records as a host reads them; what this world does not look at is left out of `claims`. */
const contactOf = ({ contact }: Disk): ContactRecord | null =>
  contact === null || contact.isFormer
    ? null
    : {
        ...contact,
        format: 2,
        wallMs: nowMs - ageMs(contact.age),
        bootMs: 0,
        holdAfterMs,
        holdGapMs: 0,
      };

const announcementOf = ({ announcement }: Disk): AnnouncementRecord | null =>
  announcement === null
    ? null
    : { ...announcement, untilMs: nowMs - ageMs(announcement.age) + announcedForMs };

/** Power on: the verdict of the boot, then what starts by itself. */
export function boot(rules: Rules, world: World, index: number): void {
  const host = world.hosts[index] as Host;
  const bootId = newName(world, 'b');
  keepMachine(rules, host);
  host.instanceId = host.disk.machine?.instanceId ?? host.instanceId;
  if (host.isOld) {
    bootOld(rules, host, bootId, hostConfig(index));
    return;
  }
  const announced = announcementOf(host.disk);
  const spent = rules.spentBy(announced, bootId);
  if (spent !== null && host.disk.announcement !== null)
    host.disk = { ...host.disk, announcement: { ...host.disk.announcement, usedBy: spent.usedBy } };
  const { contact, claims, enabled, beatKnew } = host.disk;
  host.marks.fill(null);
  const open = claims.flatMap(({ claim }) =>
    claim?.state === 'active' && claim.bootId !== bootId ? [claim] : [],
  );
  // To the release before every contact counted for every claim.
  const counted = rules.mechanisms.carriesRoster ? (contact?.claims ?? []) : open;
  const decided = rules.decideBoot({
    ...{
      bootId,
      instanceId: host.instanceId,
      config: hostConfig(index),
      wallMs: nowMs,
      heartbeat: { wallMs: nowMs, ...(beatKnew === null ? {} : { contact: beatKnew }) },
      announcement: spent ?? announced,
      bootedAtMs: nowMs,
      clockSynchronized: true,
    },
    contact:
      contact === null || contact.isFormer
        ? null
        : contactOf({ ...host.disk, contact: { ...contact, claims: counted } }),
    claims: open,
  });
  Object.assign(host, {
    power: 'on',
    bootId,
    verdict: { format: 1, bootId, ...decided, decidedAt: '' },
  });
  // `keepHeld`: what this boot holds, later ones hold, too.
  if (rules.mechanisms.carriesRoster) {
    const held = (claim: Claim): boolean =>
      decided.claims.some(({ keyId: key, isHeld }) => isHeld && key === claim.keyId);
    const marked = claims.map(({ claim, fault }) => ({
      ...{
        claim:
          claim?.state === 'active' && held(claim)
            ? { ...claim, format: 2 as const, heldSince: bootId }
            : claim,
        fault,
      },
    }));
    host.disk = { ...host.disk, claims: marked };
  }
  for (const [account, isEnabled] of enabled.entries())
    host.running[account] = isEnabled && passesGate(rules, host, account);
}

/**
 * By the release before: only the age of its own contact counts, which counts for every claim that
 * it can read.
 */
function bootOld(rules: Rules, host: Host, bootId: string, config: HostConfig): void {
  host.marks.fill(null);
  const claims = host.disk.claims.flatMap(({ claim }) =>
    claim?.state === 'active' && claim.format !== 2 ? [claim] : [],
  );
  const { contact } = host.disk;
  const counted = contact?.isFormer
    ? contactOf({ ...host.disk, contact: { ...contact, isFormer: undefined as never, claims } })
    : null;
  const facts = {
    bootId,
    instanceId: host.instanceId,
    config,
    contact: counted,
    claims,
    announcement: null,
    wallMs: nowMs,
  };
  const { verdict, reasons } = rules.decideBoot({
    ...{ ...facts, heartbeat: { wallMs: nowMs }, bootedAtMs: nowMs, clockSynchronized: true },
  });
  Object.assign(host, {
    power: 'on',
    bootId,
    verdict: { format: 1, bootId, verdict, reasons, decidedAt: '' },
  });
  for (const [account, isEnabled] of host.disk.enabled.entries())
    host.running[account] = isEnabled && passesGate(rules, host, account);
}

/** The heartbeats of a host that is up: the last one is seconds old (`beat`). */
export function beat(rules: Rules, host: Host): void {
  const { power, verdict, disk } = host;
  if (power !== 'on' || host.isOld || !rules.mayBeat(verdict, contactOf(disk))) return;
  const isHeld = disk.claims.some((_, account) => {
    const { claim } = standingOn(rules, host, account);
    return claim?.state === 'active' && holdOf(claim, host.bootId, verdict) !== null;
  });
  const { contact, beatKnew } = disk;
  const isKnown = contact?.serial === beatKnew?.serial && contact?.revision === beatKnew?.revision;
  if (isHeld || contact === null || (isKnown && contact.authorityId === beatKnew?.authorityId))
    return;
  host.disk = {
    ...disk,
    beatKnew: {
      authorityId: contact.authorityId,
      serial: contact.serial,
      revision: contact.revision,
    },
  };
}

/**
 * Fleet's folders, and which units are enabled, as a backup has them; what is enabled is started.
 */
export function putBack(rules: Rules, world: World, index: number): void {
  const host = world.hosts[index] as Host;
  if (host.snapshot === null) return;
  host.disk = { ...host.snapshot, beatKnew: host.disk.beatKnew };
  for (const [account, isEnabled] of host.disk.enabled.entries())
    if (isEnabled && passesGate(rules, host, account)) host.running[account] = true;
}

/** A step of time is a little longer than `hold.after`. */
export const ageMs = (age: number): number => age * (holdAfterMs + 1_000);

/** `lookAtMachine`, `keepMachine` */
function keepMachine(rules: Rules, host: Host): void {
  const { parts, disk } = host;
  if (parts === null) return;
  const machine = rules.judgeMachine(disk.machine, parts);
  if (machine.instanceId !== disk.machine?.instanceId) host.disk = { ...disk, machine };
}

/** Without a word to anybody: Telegram goes on counting what was connected. */
export function losePower(world: World, index: number): void {
  const host = world.hosts[index] as Host;
  Object.assign(host, { power: 'off', bootId: '', verdict: null });
  host.marks.fill(null);
  for (const [account, isRunning] of host.running.entries()) {
    if (isRunning) host.linger[account] = lingerMs;
    host.running[account] = false;
  }
}

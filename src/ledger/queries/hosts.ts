import { sql } from 'kysely';
import { latestAnnouncedEnd } from '../../ownership/announced-reboot.ts';
import type { HostStatement } from '../../ownership/safe-moment.ts';
import { laterOf } from '../later-of.ts';
import type { LedgerDb } from '../ledger.ts';
import { fixedQuery, hasChanged, preparedQuery } from '../prepared-query.ts';
import type { ForgottenHostRow, HostRow } from '../schema.ts';
import { letIn } from './host-logins.ts';
import { heardInstance } from './host-machine.ts';

/** What one look at a host taught; absent fields stay as they were. */
export interface HostFacts {
  readonly instanceId?: string;
  readonly machineId?: string;
  readonly arch?: string;
  readonly os?: string;
  readonly release?: string;
  readonly latencyMs?: number;
}

/**
 * Makes sure that every host of the inventory has a row. Safe to repeat. Writes, and so waits for
 * whoever is writing, only where one has none.
 */
export async function ensureHosts(db: LedgerDb, names: readonly string[]): Promise<void> {
  const known = new Set((await listHosts(db)).map(({ name }) => name));
  const missing = names.filter((name) => !known.has(name));
  if (missing.length === 0) return;
  const forgotten = new Map(
    (await listForgottenHosts(db)).map(({ at: _, ...row }) => [row.name, row]),
  );
  // One row each: several need the same columns.
  await insertHosts(
    db,
    missing.map((name) => ({ ...unknownHost, ...forgotten.get(name), name })),
  );
  for (const name of missing)
    if (forgotten.has(name))
      await db.deleteFrom('forgotten_hosts').where('name', '=', name).execute();
}

/** A statement takes a limited number of values: so many hosts at once. */
const hostsAtOnce = 500;

/** Those that the ledger has stay as they are. */
async function insertHosts(db: LedgerDb, rows: readonly object[]): Promise<void> {
  for (let at = 0; at < rows.length; at += hostsAtOnce) {
    const part = rows.slice(at, at + hostsAtOnce);
    await db
      .insertInto('hosts')
      .values(part as never)
      .onConflict((c) => c.doNothing())
      .execute();
  }
}

const unknownHost = {
  ...{
    cordoned: 0,
    failures: 0,
    instance_id: null,
    off_at: null,
    off_kind: null,
    destroyed_at: null,
  },
  ...{ contact_intent_at: null, may_boot_until: null, hold_after_ms: null },
} as const;

/**
 * Hosts that the ledger learns of from others: they were never seen. Those that it has stay as they
 * are.
 */
export async function rememberHosts(
  db: LedgerDb,
  hosts: readonly { readonly name: string; readonly instanceId: string }[],
): Promise<void> {
  const rows = hosts.map(({ name, instanceId }) => ({
    ...{ name, cordoned: 0, failures: 0, instance_id: instanceId || null },
  }));
  await insertHosts(db, rows);
}

/** By name. Includes hosts that are no longer in the inventory: they may still own accounts. */
export const listHosts = fixedQuery<HostRow>((db) =>
  db.selectFrom('hosts').selectAll().orderBy('name'),
);

/**
 * Something with authority is about to be sent to a host that answers. Durable when it returns,
 * BEFORE the request leaves: from then on the host counts
 * as a possible owner again, whatever was said of it, and a boot of it may start accounts until
 * `mayBootUntilMs`.
 */
export async function recordContactIntent(
  db: LedgerDb,
  name: string,
  nowMs: number,
  holdAfterMs: number,
): Promise<number | null> {
  return (
    (await noteIntent(db, { name, nowMs, mayBootUntilMs: nowMs + holdAfterMs })).rows[0]
      ?.acknowledged_serial ?? null
  );
}

const noteIntent = preparedQuery<
  { name: string; nowMs: number; mayBootUntilMs: number },
  Pick<HostRow, 'acknowledged_serial'>
>((db, value) =>
  db
    .updateTable('hosts')
    .set((eb) => ({
      // A clock that was set back takes nothing back.
      contact_intent_at: laterOf(eb, 'contact_intent_at', value('nowMs')),
      may_boot_until: laterOf(eb, 'may_boot_until', value('mayBootUntilMs')),
      contacts: sql<number>`contacts + 1`,
      off_at: null,
      off_kind: null,
      destroyed_at: null,
    }))
    .where('name', '=', value('name'))
    .returning('acknowledged_serial'),
);

/** A reboot that is about to be announced to a host. */
export interface AnnouncedReboot {
  /** The end of the announcement, ms since the epoch. */
  readonly untilMs: number;
  /** The boot that it will end. */
  readonly bootId: string;
}

/**
 * A reboot is about to be announced. Durable when it returns, BEFORE the announcement leaves
 * (docs/exclusivity.md, R8): until its end a boot of the host may
 * start accounts, however long it was down, so it cannot be said to be switched off.
 */
export async function recordAnnouncement(
  db: LedgerDb,
  name: string,
  { untilMs, bootId }: AnnouncedReboot,
): Promise<void> {
  await db
    .updateTable('hosts')
    .set((eb) => ({
      may_boot_until: laterOf(eb, 'may_boot_until', untilMs),
      contacts: sql<number>`contacts + 1`,
      ...{ off_at: null, off_kind: null, destroyed_at: null },
      ...{ announced_until: untilMs, announced_boot: bootId },
    }))
    .where('name', '=', name)
    .execute();
}

/**
 * The host is back, or has not heard of it: it is not expected to be away any more. What its boots
 * may do until the announcement's end stays.
 */
export async function endAnnouncement(db: LedgerDb, name: string): Promise<void> {
  await db
    .updateTable('hosts')
    .set({ announced_until: null, announced_boot: null })
    .where('name', '=', name)
    .execute();
}

/**
 * The operator's clock was set forward by this much: what was recorded by it before took place that
 * much later, by the clock of now.
 */
export async function shiftContacts(db: LedgerDb, byMs: number): Promise<void> {
  for (const table of ['hosts', 'forgotten_hosts'] as const)
    await db
      .updateTable(table)
      .set((e) => ({
        contact_intent_at: e('contact_intent_at', '+', byMs),
        may_boot_until: e('may_boot_until', '+', byMs),
      }))
      .execute();
}

/** The host answered: failures start again at zero. */
export async function recordSeen(
  db: LedgerDb,
  name: string,
  nowMs: number,
  facts: HostFacts = {},
): Promise<void> {
  const { instanceId = null, arch = null, os = null, latencyMs = null } = facts;
  await noteSeen(db, { name, nowMs, instanceId, arch, os, latencyMs });
}

/** Null: as it was. */
interface SeenFacts {
  readonly instanceId: string | null;
  readonly arch: string | null;
  readonly os: string | null;
  readonly latencyMs: number | null;
}

const noteSeen = preparedQuery<SeenFacts & { name: string; nowMs: number }>((db, value) =>
  db
    .updateTable('hosts')
    .set((eb) => ({
      last_seen_at: value('nowMs'),
      failures: 0,
      failure_reason: null,
      unreachable_since: null,
      ...letIn,
      off_at: null,
      off_kind: null,
      instance_id: heardInstance(eb, value('instanceId')),
      arch: eb.fn.coalesce(eb.val(value('arch')), eb.ref('arch')),
      os: eb.fn.coalesce(eb.val(value('os')), eb.ref('os')),
      latency_ms: eb.fn.coalesce(eb.val(value('latencyMs')), eb.ref('latency_ms')),
    }))
    .where('name', '=', value('name')),
);

/** `init` left the host ready, running `release` and holding accounts by `holdAfterMs`. */
export async function recordBootstrapped(
  db: LedgerDb,
  name: string,
  nowMs: number,
  facts: HostFacts & {
    readonly holdAfterMs: number /** Where it is not `name`. */;
    readonly toldName?: string;
  },
): Promise<void> {
  await recordSeen(db, name, nowMs, facts);
  await db
    .updateTable('hosts')
    .set(({ fn, ref, val }) => ({
      ...{
        bootstrapped_at: nowMs,
        release: facts.release ?? null,
        hold_after_ms: facts.holdAfterMs,
      },
      machine_id: fn.coalesce(val(facts.machineId ?? null), ref('machine_id')),
      told_name: facts.toldName ?? null,
    }))
    .where('name', '=', name)
    .execute();
}

/** The host did not answer, or answered wrongly. `reason` is one line without secrets. */
export async function recordFailure(db: LedgerDb, name: string, reason: string): Promise<void> {
  await db
    .updateTable('hosts')
    .set((e) => ({ failures: e('failures', '+', 1), failure_reason: reason }))
    .where('name', '=', name)
    .execute();
}

/** A fresh connection to the host failed. The first failure since it last answered stands. */
export async function recordUnreachable(db: LedgerDb, name: string, nowMs: number): Promise<void> {
  await db
    .updateTable('hosts')
    .set({ unreachable_since: nowMs })
    .where('name', '=', name)
    .where('unreachable_since', 'is', null)
    .execute();
}

/** Returns whether it is another than the last one announced. */
export async function setHealth(db: LedgerDb, name: string, health: string): Promise<boolean> {
  return hasChanged(await changeHealth(db, { name, health }));
}

const changeHealth = preparedQuery<{ name: string; health: string }>((db, value) =>
  db
    .updateTable('hosts')
    .set({ health: value('health') })
    .where('name', '=', value('name'))
    .where('health', '!=', value('health')),
);

export async function setCordon(db: LedgerDb, name: string, reason: string | null): Promise<void> {
  await db
    .updateTable('hosts')
    .set({ cordoned: reason === null ? 0 : 1, cordon_reason: reason })
    .where('name', '=', name)
    .execute();
}

/**
 * It is switched off: said by the operator at or after the earliest safe moment, or verified.
 * Stands, with its kind, until the host answers or something
 * with authority is sent to it; whoever grants verifies it again.
 */
export async function recordOff(
  db: LedgerDb,
  name: string,
  kind: HostStatement,
  nowMs: number,
): Promise<void> {
  await db
    .updateTable('hosts')
    .set({ off_at: nowMs, off_kind: kind })
    .where('name', '=', name)
    .execute();
}

/** It is not known to be off any more: from now on it counts as a possible owner again. */
export async function withdrawOff(db: LedgerDb, name: string): Promise<void> {
  await db
    .updateTable('hosts')
    .set({ off_at: null, off_kind: null })
    .where('name', '=', name)
    .execute();
}

/**
 * The operator states that this machine will never boot again: it no longer counts as a possible
 * owner. Only while it counts as off: one that has answered
 * since then is there.
 */
export async function recordDestroyed(db: LedgerDb, name: string, nowMs: number): Promise<void> {
  await db
    .updateTable('hosts')
    .set({ destroyed_at: nowMs })
    .where('name', '=', name)
    .where('off_at', 'is not', null)
    .execute();
}

/** By name. */
export const listForgottenHosts = fixedQuery<ForgottenHostRow>((db) =>
  db.selectFrom('forgotten_hosts').selectAll().orderBy('name'),
);

/**
 * The host leaves the ledger; what was said of it and when it was last in contact is kept under its
 * name, for the day on which it comes back. What its
 * claims are worth then is in the journal, which keeps every epoch (docs/exclusivity.md, R1).
 * Refused by a foreign key while the ledger places an account there.
 */
export async function forgetHostOnPurpose(
  db: LedgerDb,
  row: HostRow,
  nowMs: number,
): Promise<void> {
  const {
    name,
    instance_id,
    off_at,
    off_kind,
    destroyed_at,
    contact_intent_at,
    may_boot_until,
    hold_after_ms,
  } = row;
  await forgetHost(db, name);
  const kept = {
    instance_id,
    off_at,
    off_kind,
    destroyed_at,
    contact_intent_at,
    may_boot_until,
    hold_after_ms,
    at: nowMs,
  };
  await db
    .insertInto('forgotten_hosts')
    .values({ name, ...kept })
    .onConflict((c) => c.column('name').doUpdateSet(kept))
    .execute();
}

/**
 * The host of the ledger goes on under another name, with its accounts, pins and samples; the row
 * of `after`, if there is one, must own nothing. Decisions and
 * ended moves keep the name that they were made with.
 */
export async function renameHost(db: LedgerDb, before: HostRow, after: string): Promise<void> {
  const { name, told_name } = before;
  const other = (await listHosts(db)).find((row) => row.name === after);
  await db.deleteFrom('samples').where('host', '=', after).execute();
  await db.deleteFrom('hosts').where('name', '=', after).execute();
  const told = told_name ?? (before.release === null ? null : name);
  await db
    .insertInto('hosts')
    .values({
      ...before,
      ...(other === undefined ? {} : contactsOf(before, other)),
      name: after,
      told_name: told === after ? null : told,
    })
    .execute();
  await db.updateTable('placements').set({ host: after }).where('host', '=', name).execute();
  await db.updateTable('samples').set({ host: after }).where('host', '=', name).execute();
  await db
    .updateTable('accounts')
    .set({ pinned_to: after })
    .where('pinned_to', '=', name)
    .execute();
  await db.deleteFrom('hosts').where('name', '=', name).execute();
}

/**
 * The machine was in contact under both names: the later one counts, and what was said of it before
 * ends (docs/exclusivity.md, R4).
 */
function contactsOf(before: HostRow, other: HostRow): Partial<HostRow> {
  const later = (a: number | null, b: number | null): number | null =>
    a === null ? b : b === null ? a : Math.max(a, b);
  return {
    contact_intent_at: later(before.contact_intent_at, other.contact_intent_at),
    may_boot_until: later(before.may_boot_until, other.may_boot_until),
    hold_after_ms: later(before.hold_after_ms, other.hold_after_ms),
    last_seen_at: later(before.last_seen_at, other.last_seen_at),
    contacts: before.contacts + other.contacts,
    ...(other.contact_intent_at === null
      ? {}
      : { off_at: null, off_kind: null, destroyed_at: null }),
  };
}

/**
 * A forgotten host is one of the ledger again, as it was. Nothing where it is one, or never was.
 */
export async function takeBackHost(db: LedgerDb, name: string): Promise<void> {
  if ((await listForgottenHosts(db)).some((row) => row.name === name))
    await ensureHosts(db, [name]);
}

/**
 * fleet was removed from the host, which owns nothing. Refused by a foreign key while the ledger
 * places an account there.
 */
export async function forgetHost(db: LedgerDb, name: string): Promise<void> {
  await db.deleteFrom('samples').where('host', '=', name).execute();
  await db.deleteFrom('hosts').where('name', '=', name).execute();
}

/**
 * What an old copy of a ledger believes about hosts that are gone, and about the last contact, may
 * be out of date: no host counts as off or destroyed until the operator states it again, and the
 * last contact, and any forgotten announcement of a reboot, count as just now.
 */
export async function forgetStatements(db: LedgerDb, nowMs: number): Promise<void> {
  await db
    .updateTable('hosts')
    .set((eb) => ({
      ...{ off_at: null, off_kind: null, destroyed_at: null, contact_intent_at: nowMs },
      may_boot_until: laterOf(eb, 'may_boot_until', latestAnnouncedEnd(nowMs)),
    }))
    .execute();
}

import type { LedgerDb } from '../../ledger/ledger.ts';
import { listHosts, withdrawOff } from '../../ledger/queries/hosts.ts';
import { clockStepMs } from '../../ledger/queries/runs.ts';
import type { HostRow } from '../../ledger/schema.ts';
import { FleetError } from '../../model/errors.ts';
import type { HostEvidence } from '../../ownership/evidence.ts';
import { safeMoment } from '../../ownership/safe-moment.ts';
import type { FleetContext } from '../context.ts';

/**
 * From when on this host can be said to be switched off, by the clock that says `nowMs`, ms since
 * the epoch; 0: at any time. Where that clock was set forward
 * since contacts were dated, it is so much later (docs/exclusivity.md, row 44): compare it with the
 * same `nowMs`.
 */
export function safeMomentOf(
  { inventory, ledger }: Pick<FleetContext, 'inventory' | 'ledger'>,
  row: HostRow,
  nowMs: number,
): number {
  const safeMs = safeMoment(
    { contactMs: row.contact_intent_at, mayBootUntilMs: row.may_boot_until },
    Math.max(row.hold_after_ms ?? 0, inventory.hold.holdAfterMs),
  );
  return safeMs === 0 ? 0 : safeMs + clockStepMs(ledger, nowMs);
}

/**
 * What was known of a host when something was planned, compared in the transaction that begins it.
 */
export type HostMark = Pick<HostRow, 'contacts' | 'last_seen_at'>;

/**
 * The host was in contact, or answered, since `mark` was taken: the plan for it is out of date
 * (docs/exclusivity.md, row 43). Errors: `plan-stale`.
 */
export async function requireUnseen(db: LedgerDb, name: string, mark: HostMark): Promise<HostRow> {
  const row = (await listHosts(db)).find((host) => host.name === name);
  if (row !== undefined && row.contacts === mark.contacts && row.last_seen_at === mark.last_seen_at)
    return row;
  throw new FleetError(
    'plan-stale',
    `${name} was heard since this failover was planned: nothing was changed`,
    {
      host: name,
      hint: `look again: fleet status; if it is gone: fleet failover ${name}`,
    },
  );
}

/**
 * Asks once more what each host's statement rests on, for whoever is about to grant
 * (docs/exclusivity.md, rows 36 and 39): a fence is asked, "switched
 * off" is held against the safe moment. A host in doubt counts as a possible owner again. Gives the
 * evidence without it, and why.
 */
export async function reverifyOff(
  context: FleetContext,
  evidence: readonly HostEvidence[],
): Promise<{
  readonly evidence: readonly HostEvidence[];
  readonly doubts: ReadonlyMap<string, FleetError>;
}> {
  const rows = new Map((await listHosts(context.ledger.db)).map((row) => [row.name, row]));
  const doubts = new Map<string, FleetError>();
  for (const { host, isOff } of evidence) {
    if (isOff !== true) continue;
    const doubt = await doubtOf(context, host, rows.get(host));
    if (doubt === null) continue;
    doubts.set(host, doubt);
    await withdrawOff(context.ledger.db, host);
  }
  return {
    evidence: evidence.map((each) => (doubts.has(each.host) ? { ...each, isOff: false } : each)),
    doubts,
  };
}

/** Why a host that counts as off may not be; null: it still may be believed. */
export async function doubtOf(
  context: FleetContext,
  name: string,
  row: HostRow | undefined,
): Promise<FleetError | null> {
  if (row === undefined || row.off_at === null)
    return doubt(
      name,
      'answered meanwhile, or was sent something',
      `run this again, or: fleet failover ${name}`,
    );
  if (row.off_kind === 'destroyed') return null;
  if (row.off_kind === 'fenced') return doubtOfFence(context, name);
  const nowMs = context.now();
  if (nowMs >= safeMomentOf(context, row, nowMs)) return null;
  return doubt(
    name,
    'was in contact too lately to count as switched off',
    `keep it off, then: fleet failover ${name} --powered-off --wait-until-safe`,
  );
}

/** A machine that somebody has switched on again keeps its accounts, answering or not. */
async function doubtOfFence(
  { fence, inventory }: FleetContext,
  name: string,
): Promise<FleetError | null> {
  const host = inventory.hosts.find((each) => each.name === name);
  const hint = `find out who switches it on, then: fleet failover ${name} --fence`;
  if (host === undefined)
    return doubt(
      name,
      'is not in the inventory, so its fence cannot be asked',
      'put it back into the inventory',
    );
  return fence.isOff(host).then(
    (isOff) => (isOff ? null : doubt(name, 'is no longer off', hint)),
    (error: unknown) => {
      if (error instanceof FleetError)
        return doubt(name, `cannot be verified to be off (${error.message})`, hint);
      throw error;
    },
  );
}

const doubt = (host: string, what: string, hint: string): FleetError =>
  new FleetError('fence', `${host} ${what}: nothing was started elsewhere`, { host, hint });

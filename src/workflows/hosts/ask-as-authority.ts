import type {
  ActReply,
  AuthorityStamp,
  ContactResult,
  HostAct,
} from '../../../hostside/protocol/host-acts.ts';
import type { ContactOffer } from '../../../hostside/protocol/roster.ts';
import { type AskOptions, askHost } from '../../facts/ask-host.ts';
import { type ChainHead, readChainHead } from '../../ledger/history-chain.ts';
import { recordEvent } from '../../ledger/queries/events.ts';
import { recordAcknowledged } from '../../ledger/queries/host-machine.ts';
import { listHosts, recordContactIntent } from '../../ledger/queries/hosts.ts';
import { readJournalFacts } from '../../ledger/queries/journal-facts.ts';
import type { Run } from '../../ledger/queries/runs.ts';
import { FleetError } from '../../model/errors.ts';
import { type LedgerEvent, sentenceOf } from '../../model/events/event.ts';
import type { HostSpec } from '../../model/inventory.ts';
import { hasFallenBack } from '../../ownership/fallen-back.ts';
import { rosterFor } from '../../ownership/roster.ts';
import { holdGapMs } from '../../ownership/safe-moment.ts';
import type { FleetContext } from '../context.ts';
import { unlessInterrupted } from '../interrupted.ts';
import { refuseOldCopy } from './refuse-old-copy.ts';

/**
 * How long one request to a host's helper may take; its own deadline is a little shorter so that it
 * always ends first.
 */
export const helperTimeoutMs = 60_000;
/** How long an account may take from its grant until it says online. */
export const onlineTimeoutMs = 45_000;
const deadlineLeadMs = 5_000;

/** How this run introduces itself to hosts. */
const stampOf = (run: Run, timeoutMs: number): AuthorityStamp => ({
  id: run.authorityId,
  serial: run.serial,
  nonce: run.nonce,
  deadlineMs: timeoutMs - deadlineLeadMs,
});

/** What a host had to close because it was over: a claim of a host that had been away. */
export interface ClosedOnContact {
  readonly host: string;
  readonly account: string;
  readonly epoch: number;
  /** It ran, although somebody else owns it: what was said of the host was not true. */
  readonly wasRunning: boolean;
}

/** By run: rosters made so far, and what contacts have closed. */
const revisions = new WeakMap<Run, number>();
const heads = new WeakMap<Run, Promise<ChainHead>>();
const closings = new WeakMap<Run, ClosedOnContact[]>();

/** Where the history stood when this run first spoke: a host notes it once for each run. */
function headOf({ ledger }: FleetContext, run: Run): Promise<ChainHead> {
  const head = heads.get(run) ?? readChainHead(ledger.db);
  heads.set(run, head);
  return head;
}

/** What the contacts of this run have closed so far. */
export const closedBy = (run: Run): readonly ClosedOnContact[] => closings.get(run) ?? [];

/** Counted after the journal was read: of two rosters the later one is never the staler. */
async function offerContact(
  { inventory, ledger }: FleetContext,
  run: Run,
  host: HostSpec,
  sentAtMs: number,
): Promise<ContactOffer> {
  const roster = rosterFor(host.name, await readJournalFacts(ledger.db));
  const revision = (revisions.get(run) ?? 0) + 1;
  revisions.set(run, revision);
  const hosts = (await listHosts(ledger.db))
    .filter(({ destroyed_at }) => destroyed_at === null)
    .map(({ name, instance_id }) => ({ name, instanceId: instance_id ?? '' }));
  return {
    sentAtMs,
    holdAfterMs: inventory.hold.holdAfterMs,
    holdGapMs,
    roster: { revision, ...roster },
    hosts,
  };
}

/**
 * What became of a contact: the acts' replies, and why the host did not record it (null: it did).
 */
export interface Contacted {
  readonly replies: readonly ActReply[];
  readonly refusal: ActReply | null;
}

export interface AskAsOptions extends Partial<AskOptions> {
  readonly takeOver?: boolean;
  /**
   * The ledger may have forgotten, and the operator says that it counts: it is heard, its history
   * from now on, and it neither closes nor frees anything.
   */
  readonly withoutRoster?: boolean;
  /** The first Ctrl-C ends it while it connects: then nothing was sent to the host. */
  readonly endsBySignal?: boolean;
}

/**
 * Everything that is sent to a host with authority goes through here (docs/exclusivity.md): what
 * was said of the host ends, on disk, before anything leaves; the
 * roster goes along, so that no contact leaves an outdated claim behind. Null: fleet was never on
 * the host. Errors: those of the Remote, `host-not-ready`,
 * `agent-reply`.
 */
export async function contactHost(
  context: FleetContext,
  run: Run,
  host: HostSpec,
  acts: readonly HostAct[],
  {
    timeoutMs = helperTimeoutMs,
    onProgress,
    takeOver = false,
    withoutRoster = false,
    endsBySignal = false,
  }: AskAsOptions = {},
): Promise<Contacted | null> {
  // Connecting says nothing to the host.
  const connecting = context.remoteFor(host).connect();
  await (endsBySignal ? unlessInterrupted(context.signal, host.name, connecting) : connecting);
  // One moment for both: a process that stands still in between makes the contact no younger than
  // it is known to be here.
  const atMs = context.now();
  const acknowledged = await recordContactIntent(
    context.ledger.db,
    host.name,
    atMs,
    context.inventory.hold.holdAfterMs,
  );
  const authority: AuthorityStamp = {
    ...stampOf(run, timeoutMs),
    ...(takeOver ? { takeOver } : {}),
    history: { ...(await headOf(context, run)), ...(withoutRoster ? { isNew: true } : {}) },
    ...(withoutRoster ? {} : { contact: await offerContact(context, run, host, atMs) }),
  };
  // Told last, so that a request whose answer nobody reads ends where it did before; applied first.
  const request = { format: 2, authority, acts: [...acts, { act: 'contact' }] } as const;
  const replies = await askHost(context.remoteFor(host), request, {
    timeoutMs,
    ...(onProgress ? { onProgress } : {}),
  });
  if (replies === null) return null;
  const contact = replies.at(-1);
  if (contact?.result?.kind === 'contact') {
    await noteHeard(context, run, host, { acknowledged, knew: contact.result.knew });
    await noteClosed(context, run, host, contact.result);
  }
  return {
    replies: replies.slice(0, -1),
    refusal: contact?.ok === true ? null : (contact ?? null),
  };
}

/**
 * It obeys this run. Compared with what was known before the request left, because another run may
 * have been heard meanwhile.
 */
async function noteHeard(
  { ledger, now, report }: FleetContext,
  run: Run,
  { name: host }: HostSpec,
  {
    acknowledged,
    knew,
  }: { readonly acknowledged: number | null; readonly knew: number | undefined },
): Promise<void> {
  const isFallen = hasFallenBack(acknowledged, knew);
  if (acknowledged === run.serial && !isFallen) return;
  await recordAcknowledged(ledger.db, host, run.serial, isFallen ? knew : null, now());
  if (!isFallen || acknowledged === null) return;
  const event = { kind: 'host-fell-back', host, acknowledged, knew } as const;
  await recordEvent(ledger.db, { at: now(), ...event });
  report({ kind: 'host', host, text: sentenceOf(event), status: 'working' });
}

async function noteClosed(
  { ledger, now, report }: FleetContext,
  run: Run,
  { name: host }: HostSpec,
  { closed }: ContactResult,
): Promise<void> {
  for (const { account, epoch, wasRunning } of closed) {
    closings.set(run, [...closedBy(run), { host, account, epoch, wasRunning }]);
    const event: LedgerEvent = wasRunning
      ? { kind: 'ran-twice', host, account, epoch }
      : { kind: 'claim-retired', host, account };
    await recordEvent(ledger.db, { at: now(), ...event });
    report({
      kind: 'host',
      host,
      text: `${account}: ${sentenceOf(event)}`,
      status: wasRunning ? 'failed' : 'working',
    });
  }
}

/**
 * Acts with this run's authority: one request, one reply per act, in order. Errors: those of {@link
 * contactHost}, `ledger-stale`.
 */
export async function askAsAuthority(
  context: FleetContext,
  run: Run,
  host: HostSpec,
  acts: readonly HostAct[],
  options: AskAsOptions = {},
): Promise<readonly ActReply[]> {
  const { timeoutMs = helperTimeoutMs } = options;
  const contacted = await contactHost(context, run, host, acts, options);
  if (contacted?.refusal?.refusal === 'authority') {
    const [look] =
      (await askHost(
        context.remoteFor(host),
        { format: 1, acts: [{ act: 'survey' }] },
        { timeoutMs },
      )) ?? [];
    await refuseOldCopy(
      context,
      run,
      host.name,
      look?.result?.kind === 'survey' ? look.result.survey.authority : null,
    );
  }
  if (contacted !== null) return contacted.replies;
  throw new FleetError('host-not-ready', `${host.name}: fleet is not installed there`, {
    host: host.name,
    hint: `run: fleet init --limit ${host.name}`,
  });
}

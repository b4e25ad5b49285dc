import type { ActReply, AuthorityStamp, HostAct } from '../../agent/protocol/host-acts.ts';
import { type AskOptions, askHost } from '../facts/ask-host.ts';
import { recordContactIntent } from '../ledger/hosts.ts';
import type { Run } from '../ledger/runs.ts';
import { FleetError } from '../model/errors.ts';
import type { HostSpec } from '../model/inventory.ts';
import type { FleetContext } from './context.ts';
import { refuseOldCopy } from './refuse-old-copy.ts';

/** How long one request to a host's helper may take; its own deadline is a little shorter so that it always ends first. */
export const helperTimeoutMs = 60_000;
/** How long an account may take from its grant until it says online. */
export const onlineTimeoutMs = 45_000;
const deadlineLeadMs = 5_000;

/** How this run introduces itself to hosts. */
export const stampOf = (run: Run, timeoutMs: number = helperTimeoutMs): AuthorityStamp => ({
  id: run.authorityId,
  serial: run.serial,
  nonce: run.nonce,
  deadlineMs: timeoutMs - deadlineLeadMs,
});

/**
 * A connection over which something with authority may be sent. Connecting says nothing to the host; the intent is on disk before anything else leaves,
 * because a host that boots soon after a contact starts its accounts, and one that answers is not off. Errors: those of the Remote.
 */
export async function connectWithIntent({ inventory, ledger, remoteFor, now }: FleetContext, host: HostSpec): Promise<void> {
  await remoteFor(host).connect();
  await recordContactIntent(ledger.db, host.name, now(), inventory.hold.holdAfterMs);
}

/** Acts with this run's authority: one request, one reply per act, in order. Errors: those of the Remote, `host-not-ready`, `agent-reply`, `ledger-stale`. */
export async function askAsAuthority(
  context: FleetContext,
  run: Run,
  host: HostSpec,
  acts: readonly HostAct[],
  options: Partial<AskOptions> & { readonly takeOver?: boolean } = {},
): Promise<readonly ActReply[]> {
  const { timeoutMs = helperTimeoutMs, onProgress, takeOver = false } = options;
  await connectWithIntent(context, host);
  const authority: AuthorityStamp = { ...stampOf(run, timeoutMs), ...(takeOver ? { takeOver } : {}) };
  const request = { format: 1, authority, acts } as const;
  const replies = await askHost(context.remoteFor(host), request, { timeoutMs, ...(onProgress ? { onProgress } : {}) });
  if (replies?.some(({ refusal }) => refusal === 'authority')) {
    const [look] = (await askHost(context.remoteFor(host), { format: 1, acts: [{ act: 'survey' }] }, { timeoutMs })) ?? [];
    await refuseOldCopy(context, run, host.name, look?.result?.kind === 'survey' ? look.result.survey.authority : null);
  }
  if (replies !== null) return replies;
  throw new FleetError('host-not-ready', `${host.name}: fleet is not installed there`, {
    host: host.name,
    hint: `run: fleet init --limit ${host.name}`,
  });
}

import { askHost } from '../facts/ask-host.ts';
import { ensureHosts, recordContactIntent } from '../ledger/hosts.ts';
import { recordEvent } from '../ledger/records.ts';
import type { Run } from '../ledger/runs.ts';
import { FleetError } from '../model/errors.ts';
import type { HostSpec } from '../model/inventory.ts';
import type { FleetContext } from './context.ts';
import { helperTimeoutMs, stampOf } from './survey-hosts.ts';

/**
 * Makes this ledger the host's authority although it obeyed another one (DESIGN section 3): from then on the other ledger is refused there. What the host
 * owns it goes on owning. Safe to repeat. Errors: those of the Remote, `host-not-ready`, `authority-refused`.
 */
export async function takeOverHost(context: FleetContext, run: Run, host: HostSpec): Promise<void> {
  const { db } = context.ledger;
  await ensureHosts(db, [host.name]);
  await recordContactIntent(db, [host.name], context.now());
  const request = { format: 1, authority: { ...stampOf(run), takeOver: true }, acts: [{ act: 'contact' }] } as const;
  const replies = await askHost(context.remoteFor(host), request, { timeoutMs: helperTimeoutMs });
  if (replies === null) {
    throw new FleetError('host-not-ready', `${host.name}: fleet is not installed there`, {
      host: host.name,
      hint: `run: fleet init --limit ${host.name}`,
    });
  }
  if (replies[0]?.ok !== true) {
    throw new FleetError('authority-refused', `${host.name} refused: ${replies[0]?.message ?? 'no reason given'}`, {
      host: host.name,
      hint: 'look at the host: fleet ssh, then journalctl',
    });
  }
  await recordEvent(db, { at: context.now(), kind: 'host-taken-over', host: host.name, account: null, text: 'by the operator' });
}

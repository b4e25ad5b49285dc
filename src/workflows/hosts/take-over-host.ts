import { recordEvent } from '../../ledger/queries/events.ts';
import { ensureHosts, rememberHosts } from '../../ledger/queries/hosts.ts';
import type { Run } from '../../ledger/queries/runs.ts';
import { markDoubt } from '../../ledger/queries/staleness.ts';
import { FleetError } from '../../model/errors.ts';
import type { HostSpec } from '../../model/inventory.ts';
import { isHostName } from '../../model/names.ts';
import type { FleetContext } from '../context.ts';
import { contactHost } from './ask-as-authority.ts';

/**
 * Makes this ledger the host's authority although it obeyed another one: from then on the other
 * ledger is refused there. What the host
 * owns it goes on owning; this ledger may not know it, so nothing is closed and nothing is freed.
 * Safe to repeat. Errors: those of the Remote, `host-not-ready`, `authority-refused`.
 */
export async function takeOverHost(context: FleetContext, run: Run, host: HostSpec): Promise<void> {
  const { db } = context.ledger;
  await ensureHosts(db, [host.name]);
  await markDoubt(db, `it took over ${host.name}`);
  const contacted = await contactHost(context, run, host, [{ act: 'survey' }], {
    takeOver: true,
    withoutRoster: true,
  });
  if (contacted === null || contacted.refusal !== null) {
    throw new FleetError(
      'authority-refused',
      `${host.name} refused: ${contacted?.refusal?.message ?? 'fleet is not installed there'}`,
      {
        host: host.name,
        hint: 'look at the host: fleet ssh, then journalctl',
      },
    );
  }
  // Whom the host remembers may own accounts, too; this ledger's first contact replaces what it
  // remembers.
  const [look] = contacted.replies;
  if (look?.result?.kind === 'survey')
    await rememberHosts(
      db,
      (look.result.survey.hosts ?? []).filter(({ name }) => isHostName(name)),
    );
  await recordEvent(db, { at: context.now(), kind: 'host-taken-over', host: host.name });
}

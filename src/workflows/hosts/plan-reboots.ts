import type { HostSurvey } from '../../../hostside/protocol/host-acts.ts';
import { askHost } from '../../facts/ask-host.ts';
import { listAccounts } from '../../ledger/queries/accounts.ts';
import { ensureHosts } from '../../ledger/queries/hosts.ts';
import { listOpenMoves } from '../../ledger/queries/moves.ts';
import { FleetError } from '../../model/errors.ts';
import type { HostSpec } from '../../model/inventory.ts';
import {
  expectedBack,
  type RebootedAccount,
  whyNotReboot,
} from '../../ownership/announced-reboot.ts';
import { forEachHost } from '../../remote/for-each-host.ts';
import type { FleetContext } from '../context.ts';
import { helperTimeoutMs } from './ask-as-authority.ts';
import { endingCommands } from './ending-command.ts';
import { readSamples } from './read-samples.ts';
import { recordStates } from './record-states.ts';

export interface PlannedReboot {
  readonly host: HostSpec;
  /** The boot that is to end. */
  readonly bootId: string;
  /** Online now: the reboot is over when they are again. */
  readonly accounts: readonly RebootedAccount[];
  /** Not online now: nobody waits for them. */
  readonly others: readonly RebootedAccount[];
}

/** What `fleet reboot` will do. With errors nothing is done. */
export interface RebootPlan {
  readonly reboots: readonly PlannedReboot[];
  readonly errors: readonly FleetError[];
  /** How long each host may take from its announcement until it is back, ms. */
  readonly withinMs: number;
  readonly isRolling: boolean;
}

/**
 * Looks at each host without authority; all that speaks against a reboot at once. Errors in the
 * plan: those of the Remote, `host-not-ready`, `in-doubt`.
 */
export async function planReboots(
  context: FleetContext,
  hosts: readonly HostSpec[],
  options: Pick<RebootPlan, 'withinMs' | 'isRolling'>,
): Promise<RebootPlan> {
  const { db } = context.ledger;
  await ensureHosts(
    db,
    hosts.map(({ name }) => name),
  );
  const surveys = await forEachHost(
    hosts,
    context.inventory.concurrency,
    (host) => lookAt(context, host),
    context.signal,
  );
  const answering = surveys.flatMap((outcome) => (outcome.ok ? [outcome.host] : []));
  await recordStates(context, await readSamples(context, answering, 0));
  const [accounts, moves] = [await listAccounts(db), await listOpenMoves(db)];
  const reboots: PlannedReboot[] = [];
  const errors: FleetError[] = [];
  for (const outcome of surveys) {
    const { host } = outcome;
    const open = moves.filter(
      ({ from_host, to_host }) => from_host === host.name || to_host === host.name,
    );
    const why = whyNotReboot(open);
    if (!outcome.ok) errors.push(outcome.error);
    else if (why === null) {
      const here = accounts
        .filter((account) => account.host === host.name)
        .map(({ name, key_id: keyId, state, wanted }) => ({
          name,
          keyId,
          state,
          wanted: wanted === 1,
        }));
      const back = expectedBack(here);
      reboots.push({
        host,
        bootId: outcome.value.bootId,
        accounts: back,
        others: here.filter((account) => !back.includes(account)),
      });
    } else
      errors.push(
        new FleetError('in-doubt', `${host.name}: ${why}`, {
          host: host.name,
          hint: `finish that first: ${endingCommands(open)}`,
        }),
      );
  }
  return { reboots, errors, ...options };
}

/**
 * Without authority: it changes nothing, and shortens no hold. Errors: those of the Remote,
 * `host-not-ready`, `agent-reply`.
 */
export async function lookAt(
  { remoteFor }: Pick<FleetContext, 'remoteFor'>,
  host: HostSpec,
): Promise<HostSurvey> {
  const replies = await askHost(
    remoteFor(host),
    { format: 1, acts: [{ act: 'survey' }] },
    { timeoutMs: helperTimeoutMs },
  );
  const result = replies?.[0]?.result;
  if (result?.kind === 'survey') return result.survey;
  throw new FleetError('host-not-ready', `${host.name}: fleet is not installed there`, {
    host: host.name,
    hint:
      `run: fleet init --limit ${host.name}; without fleet on it, reboot it with: fleet exec ` +
      `${host.name} --root -- systemctl reboot`,
  });
}

import type { AlertPolicy } from '../../model/alert-policy.ts';
import type { FleetError } from '../../model/errors.ts';
import type { FleetContext } from '../context.ts';
import type { HostReading } from '../hosts/read-samples.ts';
import type { SweptHost } from '../hosts/swept-host.ts';
import { gatherSubjects } from './alert-facts.ts';
import { deliverMessages, tellHeartbeat } from './deliver-messages.ts';
import { judgeAlerts } from './judge-alerts.ts';

export interface Telling {
  /** Things that had to be told after this sweep. */
  readonly items: number;
  /** Messages that a channel took in it, older ones too. */
  readonly sent: number;
  /** Messages that no channel has taken yet. */
  readonly waiting: number;
  /** Channels that took nothing, and a heartbeat that nobody heard. */
  readonly problems: readonly FleetError[];
}

/**
 * The end of a sweep: what it found is judged, told, and its heartbeat is given. A channel that is
 * dead is a problem, and no reason to fail.
 */
export async function tellFleet(
  context: FleetContext,
  policy: AlertPolicy,
  hosts: readonly SweptHost[],
  readings: readonly HostReading[],
): Promise<Telling> {
  const items = await judgeAlerts(context, policy, await gatherSubjects(context, hosts, readings));
  const { sent, waiting, problems } = await deliverMessages(context, policy);
  const unheard = await tellHeartbeat(context, policy);
  return { items, sent, waiting, problems: unheard === null ? problems : [...problems, unheard] };
}

import { failingChannels, waitingMessages } from '../../ledger/queries/alerts.ts';
import { FleetError } from '../../model/errors.ts';
import type { Finding } from '../../model/finding.ts';
import type { SecretReference } from '../../model/secret-reference.ts';
import type { FleetContext } from '../context.ts';

const here = (level: Finding['level'], text: string, remedy = ''): Finding => ({
  where: 'here',
  level,
  text,
  remedy,
});

/**
 * Whether somebody would hear of what sweeps find: secrets of channels, channels that took nothing
 * last time, and messages that none has taken. Sends nothing.
 */
export async function examineAlerts(context: FleetContext): Promise<Finding[]> {
  const policy = context.inventory.alerts;
  if (policy === null) return [];
  const channels = Object.values(policy.channels);
  if (channels.length === 0)
    return [
      here(
        'warning',
        'alerts: has no channel, so nobody is told what sweeps find',
        'add one; docs/alerts.md shows each kind',
      ),
    ];
  const references = [
    policy.heartbeat,
    ...channels.flatMap((channel) => Object.values(channel)),
  ].filter(isReference);
  const unread = (
    await Promise.all(references.map((reference) => unreadable(context, reference)))
  ).flat();
  const failing = (await failingChannels(context.ledger.db))
    .filter(({ name }) => name in policy.channels)
    .map(({ problem, hint, failing_since }) =>
      here('warning', `${problem} (since ${new Date(failing_since).toISOString()})`, hint),
    );
  const waiting = (await waitingMessages(context.ledger.db)).filter(({ attempts }) => attempts > 0);
  const held =
    waiting.length === 0
      ? []
      : [
          here(
            'warning',
            `no channel takes alerts: ${waiting.length} of them wait`,
            'fleet alerts test says why',
          ),
        ];
  const found = [...unread, ...failing, ...held];
  return found.length > 0
    ? found
    : [here('ok', `alerts go to ${Object.keys(policy.channels).join(', ')}`)];
}

const isReference = (value: unknown): value is SecretReference =>
  typeof value === 'object' && value !== null && 'kind' in value && 'target' in value;

async function unreadable(
  { readSecret }: FleetContext,
  reference: SecretReference,
): Promise<Finding[]> {
  try {
    await readSecret(reference);
    return [];
  } catch (error) {
    if (error instanceof FleetError) return [here('critical', error.message, error.hint)];
    throw error;
  }
}

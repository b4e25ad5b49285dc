import { flag } from '../input.ts';
import { statusData } from '../results/status.ts';
import { defineLook } from '../verb.ts';

/** `fleet status`: the fleet on one screen. */
export const status = defineLook({
  name: 'status',
  isWatchable: true,
  group: 'looks',
  summary: 'the fleet on one screen, from the ledger',
  input: { live: flag('ask the agents first') },
  examples: [
    ['status', 'what the ledger knows; asks no host'],
    ['status --live --limit eu', 'ask the hosts of the group eu first'],
    ['status --json', 'the same for programs'],
  ],
  files: ['inventory', 'ledger'],
  async look(context, { live, limit }) {
    const { readFleetStatus } = await import('../../workflows/fleet-status.ts');
    return readFleetStatus(context, limit, live);
  },
  toJson: statusData,
  problems: ({ errors }) => errors,
});

import { defineLook } from '../verb.ts';

/**
 * `fleet metrics`: for Prometheus, through a collector's file or an exporter that runs commands.
 */
export const metrics = defineLook({
  name: 'metrics',
  group: 'looks',
  summary: "counters of hosts and accounts in Prometheus' text format",
  input: {},
  examples: [
    [
      'metrics > fleet.prom',
      'for the node exporter; templates/prometheus has rules and a dashboard',
    ],
    ['metrics --limit eu', 'the hosts of the group eu'],
  ],
  files: ['inventory', 'ledger', 'knownHosts', 'sshConfig'],
  exits: { 3: 'a host did not answer; the others are in it' },
  async look(context, { limit }) {
    const { readMetrics } = await import('../../workflows/checkup/read-metrics.ts');
    return readMetrics(context, limit);
  },
  toJson: ({ text }) => ({ metrics: text }),
  problems: ({ errors }) => errors,
});

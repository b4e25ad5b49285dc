import { FleetError } from '../../model/errors.ts';
import { flag } from '../input.ts';
import { sweepData, sweepErrors } from '../results/upkeep/sweep.ts';
import { defineChange } from '../verb.ts';

/** `fleet sweep`: one pass over all hosts, for cron. */
export const sweep = defineChange({
  name: 'sweep',
  group: 'upkeep',
  isForCron: true,
  summary: 'look at every host, continue open moves, start what hosts hold since a boot; for cron',
  input: {
    autoFailover: flag(
      'switch off hosts that are down and have a fence, and start their accounts elsewhere',
    ),
  },
  examples: [
    ['sweep', 'one pass; templates/examples/crontab runs it every few minutes'],
    ['sweep --wait 2m', 'wait for another fleet command that is at work'],
    ['sweep --auto-failover', 'also replace hosts that are down, where the inventory has a fence'],
  ],
  files: ['inventory', 'ledger', 'vault', 'key', 'knownHosts', 'sshConfig', 'scripts'],
  exits: { 3: 'a host did not answer, or something on it needs you' },
  check({ limit }) {
    if (limit.length > 0)
      throw new FleetError('usage', 'a sweep is over all hosts: no --limit', {
        hint: 'fleet status --live --limit PATTERN looks at some',
      });
  },
  plan: async () => null,
  async execute(context, begin, _, { autoFailover }) {
    const { sweepFleet } = await import('../../workflows/checkup/sweep.ts');
    return sweepFleet(context, begin, autoFailover);
  },
  toJson: (_, done) => (done === null ? {} : sweepData(done)),
  problems: (_, done) => (done === null ? [] : sweepErrors(done)),
});

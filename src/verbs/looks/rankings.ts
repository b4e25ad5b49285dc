import { adviceData } from '../results/moves/scaling.ts';
import { defineLook } from '../verb.ts';

/** `fleet rankings`. */
export const rankings = defineLook({
  name: 'rankings',
  isWatchable: true,
  group: 'looks',
  summary: 'hosts by load score, best first; which are overloaded, and how many are missing',
  input: {},
  examples: [
    ['rankings', 'where the next account would go, and when the fleet will be full'],
    ['rankings --limit eu --json', 'the group eu, for programs'],
  ],
  files: ['inventory', 'ledger', 'knownHosts', 'sshConfig'],
  exits: { 3: 'a host did not answer; the others are ranked' },
  async look(context, { limit }) {
    const [{ readFleetView }, { rankHosts }, { selectHosts }, { adviseFleet }] = await Promise.all([
      import('../../workflows/hosts/read-fleet-view.ts'),
      import('../../planning/fleet/ranking.ts'),
      import('../../inventory/select-hosts.ts'),
      import('../../workflows/checkup/advise-scaling.ts'),
    ]);
    const chosen = new Set<string>(selectHosts(context.inventory, limit).map(({ name }) => name));
    const facts = await readFleetView(context, {
      maxAgeMs: context.inventory.placement.sampleMaxAgeMs,
    });
    const advice = await adviseFleet(context, facts);
    const hosts = rankHosts(facts.view, context.inventory.placement).filter(({ host }) =>
      chosen.has(host),
    );
    return {
      hosts,
      advice,
      errors: facts.readings.flatMap(({ problem }) => (problem === null ? [] : [problem])),
    };
  },
  toJson: ({ hosts, advice }) => ({ hosts, advice: adviceData(advice) }),
  problems: ({ errors }) => errors,
});

import { argument, option } from '../input.ts';
import { defineChange } from '../verb.ts';
import { requireHosts } from './require-hosts.ts';

const hosts = argument({ of: 'host', isMany: true });

/** `fleet hosts cordon`. */
export const cordon = defineChange({
  name: 'hosts cordon',
  group: 'hosts',
  summary: 'place no new accounts on hosts',
  input: {
    hosts,
    reason: option({ shown: 'text', words: 'why, for the others', start: 'by the operator' }),
  },
  examples: [
    ['hosts cordon h2 --reason "disk is old"', 'its accounts stay, no other one comes'],
    ['drain h2', 'also move its accounts away'],
  ],
  files: ['inventory', 'ledger'],
  plan: (context, input) => requireHosts(context, input.hosts),
  async execute(context, _begin, _plan, input) {
    const { setCordon } = await import('../../ledger/queries/hosts.ts');
    for (const name of input.hosts) await setCordon(context.ledger.db, name, input.reason);
    return input.hosts;
  },
  toJson: (_, done) => ({ cordoned: done ?? [] }),
});

/** `fleet hosts uncordon`. */
export const uncordon = defineChange({
  name: 'hosts uncordon',
  group: 'hosts',
  summary: 'allow new accounts on hosts again',
  input: { hosts },
  examples: [
    ['hosts uncordon h2', 'after maintenance'],
    ['rebalance', 'then let accounts go there'],
  ],
  files: ['inventory', 'ledger'],
  plan: (context, input) => requireHosts(context, input.hosts),
  async execute(context, _begin, _plan, input) {
    const { setCordon } = await import('../../ledger/queries/hosts.ts');
    for (const name of input.hosts) await setCordon(context.ledger.db, name, null);
    const still = context.inventory.hosts.filter(
      ({ name, cordoned }) => input.hosts.includes(name) && cordoned,
    );
    return { uncordoned: input.hosts, cordonedInInventory: still.map(({ name }) => name) };
  },
  toJson: (_, done) => ({ ...done }),
});

import type { Farewell } from '../../workflows/ownership/forget-host.ts';
import { argument } from '../input.ts';
import { defineChange } from '../verb.ts';

const why: Readonly<Record<Farewell, string>> = {
  destroyed: 'it was declared destroyed',
  ask: 'it will be asked whether it owns anything',
  'never used': 'nothing was ever sent to it',
  'second name': 'its machine has another name in the inventory',
};

/** `fleet hosts forget`. */
export const forgetHost = defineChange({
  name: 'hosts forget',
  group: 'hosts',
  summary: 'remove a host that owns nothing from the ledger; if it comes back, it starts nothing',
  input: { host: argument({ of: 'host', isExact: true }) },
  examples: [
    ['drain h2', 'first: a host that owns accounts is not forgotten'],
    ['hosts forget h2', 'its measurements go; decisions and history stay'],
  ],
  files: ['inventory', 'ledger', 'knownHosts', 'sshConfig'],
  async plan(context, { host }) {
    const { planForget } = await import('../../workflows/ownership/forget-host.ts');
    return planForget(context, host);
  },
  question: (farewell, { host }) =>
    `Forget ${host} (${why[farewell]})? Its measurements go; decisions and history stay`,
  async execute(context, begin, farewell, { host }) {
    const { askFarewell, executeForget } = await import('../../workflows/ownership/forget-host.ts');
    if (farewell === 'ask') await askFarewell(context, await begin(), host);
    await executeForget(context, host, farewell);
    return {
      isInInventory: context.inventory.hosts.some(({ name }) => name === host),
      inventory: context.inventory.path,
    };
  },
  toJson: (farewell, done, { host }) => ({
    forgotten: host,
    because: farewell,
    isInInventory: done?.isInInventory,
  }),
});

import { flag, option } from '../input.ts';
import { whatIfData, whatIfErrors } from '../results/moves/simulate.ts';
import { defineLook } from '../verb.ts';

const many = {
  of: 'count',
  shown: 'count',
  range: { min: 0, max: 100_000 },
  example: '3',
  start: 0,
} as const;

/** `fleet simulate`: what if. */
export const simulate = defineLook({
  name: 'simulate',
  group: 'moves',
  summary:
    'show what would happen if hosts or accounts were lost, added or grew; asks no host, ' +
    'changes nothing',
  input: {
    lose: option({
      of: 'host',
      shown: 'host',
      isMany: true,
      words: 'the host is gone (may be given several times)',
    }),
    addHosts: option({ ...many, words: 'number of empty hosts to add' }),
    hostsLike: option({
      of: 'host',
      shown: 'host',
      words: 'model for the added hosts; default: the first host that is up',
    }),
    addAccounts: option({ ...many, words: 'number of accounts to add' }),
    accountsLike: option({
      ...{ of: 'account', shown: 'account' },
      words: 'model for the added accounts; default: median demand, no pins or groups',
    }),
    scale: option({
      ...{
        of: 'number',
        shown: 'factor',
        words: 'multiply the demand of every account by this factor',
        start: 1,
        example: '1.5',
      },
      range: { min: 0, max: 1000, aboveMin: true },
    }),
    rebalance: flag('also show a rebalance afterwards'),
    fresh: flag('measure the hosts now instead of using the last samples'),
  },
  examples: [
    ['simulate --lose h2', 'would the others take its accounts?'],
    ['simulate --add-accounts 20 --add-hosts 1', 'is one host enough for twenty more?'],
    [
      'simulate --scale 1.5 --rebalance',
      'every account grows by half, and is moved where that helps',
    ],
  ],
  files: ['inventory', 'ledger'],
  exits: { 3: 'an account finds no host' },
  async look(context, input) {
    const [{ supposeThat }, { readFleetView }] = await Promise.all([
      import('../../planning/advice/what-if.ts'),
      import('../../workflows/hosts/read-fleet-view.ts'),
    ]);
    const { view } = await readFleetView(context, { maxAgeMs: input.fresh ? 0 : null });
    return supposeThat(view, context.inventory.placement, {
      lostHosts: input.lose,
      addedHosts: input.addHosts,
      hostsLike: input.hostsLike ?? null,
      addedAccounts: input.addAccounts,
      accountsLike: input.accountsLike ?? null,
      scale: input.scale,
      rebalances: input.rebalance,
    });
  },
  toJson: whatIfData,
  problems: whatIfErrors,
});

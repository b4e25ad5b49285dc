import { flag, option } from '../input.ts';
import type { OpenContext } from '../open-context.ts';
import { momentData } from '../results/looks/top.ts';
import { defineLook } from '../verb.ts';

async function open(context: OpenContext, { limit }: { readonly limit: readonly string[] }) {
  const [{ watchFleet }, { selectHosts }] = await Promise.all([
    import('../../workflows/trials/watch-fleet.ts'),
    import('../../inventory/select-hosts.ts'),
  ]);
  const watch = watchFleet(context, selectHosts(context.inventory, limit), context.freshRemoteFor);
  const { fleet } = context.inventory;
  return { look: async () => ({ fleet, moment: await watch.look() }), close: () => watch.close() };
}

/** `fleet top`: hosts and accounts as the agents measure them. */
export const top = defineLook({
  name: 'top',
  group: 'looks',
  summary:
    'what hosts and accounts use now, refreshed until Ctrl-C; printed once without a terminal',
  input: {
    interval: option({
      ...{
        of: 'duration',
        shown: 'duration',
        words: 'time between two looks: 2, 2s, 1m',
        start: 2_000,
        startWords: '2s',
        example: '5s',
      },
      range: { min: 500, max: 3_600_000, words: 'from 0.5 s to 1 hour' },
    }),
    once: flag('look once'),
  },
  examples: [
    ['top', 'until Ctrl-C'],
    ['top --interval 10s --limit eu', 'the group eu, every ten seconds'],
    ['top --once --json', 'one look, for programs'],
  ],
  files: ['inventory', 'ledger', 'knownHosts', 'sshConfig'],
  exits: { 3: 'a host did not answer' },
  async look(context, input) {
    const watch = await open(context, input);
    return watch.look().finally(() => watch.close());
  },
  open,
  toJson: ({ moment }) => momentData(moment),
  problems: ({ moment }) =>
    moment.hosts.flatMap(({ problem }) => (problem === null ? [] : [problem])),
});

import { argument } from '../input.ts';
import { defineChange } from '../verb.ts';

/** `fleet hosts take-over`. */
export const takeOver = defineChange({
  name: 'hosts take-over',
  group: 'hosts',
  summary: 'make this ledger the authority of these hosts; they reject the previous one',
  input: { hosts: argument({ of: 'pattern', isMany: true }) },
  examples: [
    ['hosts take-over h1 h2', 'their former ledger is lost or out of use'],
    ['adopt', 'then learn from them what they run'],
  ],
  files: ['inventory', 'ledger', 'knownHosts', 'sshConfig'],
  async plan(context, { hosts }) {
    const { selectHosts } = await import('../../inventory/select-hosts.ts');
    return selectHosts(context.inventory, hosts);
  },
  question: (chosen) =>
    `Is the ledger that ${chosen.map(({ name }) => name).join(', ')} obeyed until now out ` +
    'of use? Two that work on the same accounts lose them',
  async execute(context, begin, chosen) {
    const [{ takeOverHost }, { forEachHost }] = await Promise.all([
      import('../../workflows/hosts/take-over-host.ts'),
      import('../../remote/for-each-host.ts'),
    ]);
    const run = await begin();
    const { inventory, signal } = context;
    return forEachHost(
      chosen,
      inventory.concurrency,
      (host) => takeOverHost(context, run, host),
      signal,
    );
  },
  toJson: (_, done) => ({
    takenOver: (done ?? []).filter(({ ok }) => ok).map(({ host }) => host.name),
  }),
  problems: (_, done) => (done ?? []).flatMap((outcome) => (outcome.ok ? [] : [outcome.error])),
});

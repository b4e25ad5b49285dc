import { dryRun, option } from '../input.ts';
import { adoptionData, adoptionErrors, isAdopted } from '../results/upkeep/adopt.ts';
import { defineChange } from '../verb.ts';

/** `fleet adopt`: the ledger learns from the hosts and the vault. */
export const adopt = defineChange({
  name: 'adopt',
  group: 'ledger',
  summary: 'rebuild a restored or lost ledger from the hosts and the vault',
  input: {
    without: option({
      ...{ of: 'host', isExact: true, shown: 'hosts', isMany: true, many: 'words' },
      words:
        'assert that these hosts, which other hosts remember and the inventory does not ' +
        'have, no longer run anything',
    }),
    replaced: option({
      ...{ of: 'host', isExact: true, shown: 'hosts', isMany: true, many: 'words' },
      words:
        'assert that these hosts are the same machines with other hardware, or that the ' +
        'old machines no longer run anything',
    }),
    dryRun: dryRun('show what would change and change nothing'),
  },
  examples: [
    ['adopt --dry-run', 'what the hosts say, and what the ledger would learn'],
    ['adopt', 'show it, ask, write it into the ledger'],
    ['adopt --without h9', 'h9 is gone for good, and runs nothing'],
  ],
  files: ['inventory', 'ledger', 'vault', 'key', 'knownHosts', 'sshConfig'],
  exits: { 3: 'a host did not answer, or an account needs a decision of yours' },
  async plan(context, { without, replaced }) {
    const { prepareAdoption } = await import('../../workflows/custody/adopt.ts');
    return prepareAdoption(context, without, replaced);
  },
  isEmpty: isAdopted,
  question: () => 'Write this into the ledger? No other copy of it may be in use',
  async execute(context, _begin, adoption) {
    const [
      { executeAdoption },
      { beginAdoption },
      { readSamples },
      { noteHistoryHead },
      { recordStates },
    ] = await Promise.all([
      import('../../workflows/custody/adopt.ts'),
      import('../../ledger/queries/runs.ts'),
      import('../../workflows/hosts/read-samples.ts'),
      import('../../workflows/custody/history-head.ts'),
      import('../../workflows/hosts/record-states.ts'),
    ]);
    await executeAdoption(
      context,
      await beginAdoption(context.ledger, context.now(), adoption),
      adoption,
    );
    const heard = adoption.hosts
      .filter(({ survey }) => survey !== null && survey.release !== '')
      .map(({ host }) => host);
    // What counts from now on; without it `fleet doctor` would compare with the last backup of the
    // former history.
    await noteHistoryHead(context, await context.readSecret(context.inventory.vaultKey));
    await recordStates(context, await readSamples(context, heard, 0));
    return null;
  },
  toJson: (adoption, _, input) => ({
    dryRun: input.dryRun,
    isChanged: !isAdopted(adoption),
    ...adoptionData(adoption),
  }),
  problems: (adoption) => adoptionErrors(adoption),
});

import { type AcceptanceStage, acceptanceStages } from '../../facts/acceptance.ts';
import { FleetError } from '../../model/errors.ts';
import { exitCode } from '../exit-codes.ts';
import { option } from '../input.ts';
import { defineLook } from '../verb.ts';

function stageOf(text: string): AcceptanceStage {
  const stage = acceptanceStages.find((each) => each === text);
  if (stage !== undefined) return stage;
  throw new FleetError('usage', `there is no stage ${text}`, {
    hint: `one of ${acceptanceStages.join(', ')}`,
  });
}

/** `fleet check`: the acceptance of the operator's own fleet, stage by stage. */
export const check = defineLook({
  name: 'check',
  group: 'upkeep',
  summary:
    'acceptance test of your own fleet, stage by stage: each host, each account, host to ' +
    'host, load; changes nothing',
  input: {
    stage: option({
      shown: 'stage',
      isMany: true,
      words: `only this one: ${acceptanceStages.join(', ')} (may be given several times)`,
    }),
    for: option({
      ...{
        of: 'duration',
        shown: 'duration',
        words: 'how long the load is watched',
        start: 60_000,
        startWords: '60s',
        example: '5m',
      },
      range: { min: 1_000, max: 3_600_000, words: 'from 1 s to 1 hour' },
    }),
  },
  examples: [
    ['check', 'all stages; the load is watched for a minute'],
    ['check --stage accounts', 'is every account online on its host, and nowhere else?'],
    ['check --stage load --for 10m', 'while your groups talk'],
  ],
  files: ['inventory', 'ledger', 'knownHosts', 'sshConfig'],
  exits: { 3: 'something has failed' },
  check({ stage }) {
    for (const each of stage) stageOf(each);
  },
  async look(context, { stage, for: watchMs, limit }) {
    const [{ checkFleet }, { watchFleet }, { selectHosts }] = await Promise.all([
      import('../../workflows/checkup/check-fleet.ts'),
      import('../../workflows/trials/watch-fleet.ts'),
      import('../../inventory/select-hosts.ts'),
    ]);
    const hosts = selectHosts(context.inventory, limit);
    const watch = watchFleet(context, hosts, context.freshRemoteFor);
    try {
      return await checkFleet(
        context,
        hosts,
        watch,
        stage.length === 0 ? acceptanceStages : stage.map(stageOf),
        watchMs,
      );
    } finally {
      await watch.close();
    }
  },
  toJson: (checks) => ({ checks }),
  exit: (checks) =>
    checks.every(({ verdict }) => verdict !== 'failed') ? exitCode.ok : exitCode.failed,
});

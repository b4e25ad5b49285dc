import { FleetError } from '../../model/errors.ts';
import { formatAge, formatTime } from '../../model/time-words.ts';
import type { HostStatement } from '../../ownership/safe-moment.ts';
import { argument, dryRun, flag } from '../input.ts';
import type { OpenContext } from '../open-context.ts';
import { failoverData, leftErrors, question } from '../results/moves/failover.ts';
import { defineChange } from '../verb.ts';

interface Said {
  readonly poweredOff: boolean;
  readonly destroyed: boolean;
  readonly fence: boolean;
}

/** Errors: `usage`, unless exactly one thing is said. */
function statementOf({ poweredOff, destroyed, fence }: Said): HostStatement {
  const said: HostStatement[] = [
    ...(poweredOff ? ['powered-off' as const] : []),
    ...(destroyed ? ['destroyed' as const] : []),
    ...(fence ? ['fenced' as const] : []),
  ];
  const [statement] = said;
  if (statement !== undefined && said.length === 1) return statement;
  throw new FleetError(
    'usage',
    'state what happened to the host: --powered-off, --destroyed or --fence',
    {
      hint:
        '--powered-off when you switched it off and it may boot again, --destroyed when ' +
        'this machine never will, --fence to have it switched off now',
    },
  );
}

/** Counts down where it was asked to; otherwise names the moment. */
async function passSafeMoment(
  context: OpenContext,
  name: string,
  statement: HostStatement,
  isPatient: boolean,
): Promise<void> {
  const { earliestFailover } = await import('../../workflows/moves/failover.ts');
  const safeMs = await earliestFailover(context, name, statement);
  for (let leftMs = safeMs - context.now(); leftMs > 0; leftMs = safeMs - context.now()) {
    if (!isPatient) {
      throw new FleetError(
        'claim-refused',
        `${name} cannot count as switched off before ${formatTime(safeMs)} (in ` +
          `${formatAge(leftMs)})`,
        {
          host: name,
          hint:
            'if the host booted before that time, it would start its accounts: keep it off ' +
            'and run this again later, or use --wait-until-safe. If it never boots again: ' +
            '--destroyed',
        },
      );
    }
    if (context.signal.aborted)
      throw new FleetError('interrupted', 'interrupted while waiting', {
        hint: 'nothing was changed; run it again',
      });
    context.report({
      kind: 'phase',
      text: `${name} counts as switched off in ${formatAge(leftMs)}: keep it off`,
    });
    await context.pause(Math.min(leftMs, 1000));
  }
}

/** `fleet failover`: the accounts of a host that is gone come online elsewhere. */
export const failover = defineChange({
  name: 'failover',
  group: 'upkeep',
  summary: 'start the accounts of a lost host elsewhere; you state what happened to the host',
  input: {
    host: argument({ of: 'host', isExact: true }),
    poweredOff: flag(
      'you switched the host off; accepted once hold.after has passed, so that a reboot ' +
        'cannot start its accounts',
    ),
    destroyed: flag('this machine will never boot again'),
    fence: flag('let the fence of the inventory switch it off, and go on once that is verified'),
    waitUntilSafe: flag('wait until --powered-off can be accepted'),
    dryRun: dryRun(),
  },
  examples: [
    ['failover h2 --destroyed', 'the machine is gone for good'],
    [
      'failover h2 --powered-off --wait-until-safe',
      'you switched it off; wait until its accounts can start elsewhere',
    ],
    ['failover h2 --fence --dry-run', 'where its accounts would go'],
  ],
  files: ['inventory', 'ledger', 'vault', 'key', 'knownHosts', 'sshConfig', 'scripts'],
  exits: { 3: 'the host answers, it is too early, or an account could not follow' },
  check(input) {
    statementOf(input);
  },
  async plan(context, input) {
    const statement = statementOf(input);
    await passSafeMoment(context, input.host, statement, input.waitUntilSafe);
    const { planFailover } = await import('../../workflows/moves/failover.ts');
    return planFailover(context, input.host, statement);
  },
  question,
  async execute(context, begin, plan) {
    const { executeFailover, fencedUntil, fenceHost } = await import(
      '../../workflows/moves/failover.ts'
    );
    const isFenced = plan.statement === 'fenced';
    if (isFenced) await fenceHost(context, plan.host);
    const outcomes = await executeFailover(context, await begin(), plan);
    return { outcomes, keepOffUntilMs: isFenced ? await fencedUntil(context, plan.host) : null };
  },
  toJson: (plan, done, input) => ({
    dryRun: input.dryRun,
    plan: failoverData(plan),
    accounts: (done?.outcomes ?? []).map(({ account, host, state }) => ({ account, host, state })),
  }),
  problems: (plan, done) => [
    ...leftErrors(plan),
    ...(done?.outcomes ?? []).flatMap(({ problem }) => problem ?? []),
  ],
});

import { FleetError } from '../../../model/errors.ts';
import type { HostStatement } from '../../../ownership/safe-moment.ts';
import { endingCommandOf } from '../../../workflows/hosts/ending-command.ts';
import type { FailoverPlan } from '../../../workflows/moves/failover.ts';
import { refusalLines, roomHint } from './refused.ts';

export const question = ({ host, statement }: FailoverPlan): string => questions[statement](host);

/** One error per account that cannot follow: no host takes it, or its own move has gone too far. */
export const leftErrors = ({ host, placement, underWay }: FailoverPlan): FleetError[] => [
  ...placement.unplaced.map(
    ({ account, reason, refusals }) =>
      new FleetError('placement', reason, {
        account,
        hint: `${roomHint(refusals)}; then run fleet failover ${host} again`,
        problems: refusalLines(refusals),
      }),
  ),
  ...underWay.map(
    (move) =>
      new FleetError(
        'in-doubt',
        `${move.account} is on its way to ${move.to_host} (${move.phase}) and stays with its move`,
        {
          account: move.account,
          hint: `${endingCommandOf(move)} carries it on; fleet moves shows where it stands`,
        },
      ),
  ),
];

/** The plan for programs. */
export const failoverData = ({
  host,
  statement,
  placement,
  statesTakenAtMs,
  resumed,
  dropped,
}: FailoverPlan): Record<string, unknown> => ({
  host,
  statement,
  ...placement,
  states: Object.fromEntries(
    [...statesTakenAtMs].map(([account, ms]) => [
      account,
      ms === null ? null : new Date(ms).toISOString(),
    ]),
  ),
  resumed: resumed.map(({ account, to_host, phase, epoch }) => ({
    account,
    host: to_host,
    phase,
    epoch,
  })),
  dropped: dropped.map(({ account, to_host, phase }) => ({ account, host: to_host, phase })),
});
const questions: Readonly<Record<HostStatement, (host: string) => string>> = {
  destroyed: (host) =>
    `Will ${host} really never run again? No software can check that: an account that runs ` +
    'twice is lost for good',
  'powered-off': (host) =>
    `Is ${host} really switched off now? No software can check that: an account that runs ` +
    'twice is lost for good',
  fenced: (host) => `Switch ${host} off and give its accounts to others?`,
};

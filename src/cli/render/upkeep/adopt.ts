import type { Adoption } from '../../../workflows/custody/adoption.ts';
import { chalk } from '../../style.ts';
import { formatTable } from '../table.ts';

/** What the hosts know and the ledger does not. */
export function formatAdoption({
  plan,
  hosts,
  takenOver,
  forgotten,
  isOld,
  conduct,
}: Adoption): string {
  const changed = plan.accounts.filter(({ isChanged }) => isChanged);
  const rows = changed.map(({ account, before, after, epoch, reason }) => [
    account,
    before ?? '–',
    after ?? '–',
    String(epoch),
    reason,
  ]);
  const answered = hosts.filter(({ problem }) => problem === null).length;
  const same = plan.accounts.length - changed.length;
  const notes = [
    `${answered} of ${hosts.length} hosts answered; ${same} of ${plan.accounts.length} ` +
      'accounts are as the ledger has them.',
    ...(takenOver.length === 0
      ? []
      : [
          `${takenOver.join(', ')} obey another ledger and will obey this one; any copy of ` +
            'that one is refused from then on.',
        ]),
    ...plan.endedMoves.map(
      ({ account, end }) =>
        `The open move of ${account} is ${end === 'done' ? 'done' : 'overtaken by a later one'}.`,
    ),
    ...plan.foundMoves.map(
      ({ account, from, to }) =>
        `${account} was on its way from ${from} to ${to}: fleet resume carries it on.`,
    ),
    ...plan.closedClaims.map(({ account, host, epoch, moveId }) =>
      moveId !== undefined
        ? `${host} has revoked its claim on ${account}, which still runs there: it will be stopped.`
        : `${host} closes its claim on ${account} at epoch ${epoch}: whatever still runs ` +
          `there is stopped; what ${account} remembers goes on from the last sweep.`,
    ),
    ...conduct.map(describeConduct),
    ...(forgotten.length === 0
      ? []
      : [
          `${forgotten.join(', ')} no longer count as lost: say it again (fleet failover ` +
            'HOST) if they are.',
        ]),
    ...(isOld ? ['This ledger is new or an old copy; after this, the hosts obey it.'] : []),
  ];
  const table = formatTable(
    ['ACCOUNT', 'LEDGER', 'HOSTS SAY', 'EPOCH', 'WHY'],
    rows,
    'The ledger agrees with the hosts.',
  );
  return `${table}\n${chalk.dim(notes.join('\n'))}`;
}

const describeConduct = ({
  account,
  isPaused,
  script,
  missingScript,
}: Adoption['conduct'][number]): string => {
  const missing =
    missingScript === null
      ? ''
      : `; its script ${missingScript} is in none of your folders: put it back, then fleet ` +
        `accounts set-script ${account} ${missingScript}`;
  return (
    `${account} on its host: ${isPaused ? 'paused' : 'not paused'}, ` +
    `${script === null ? "the inventory's script" : `script ${script}`}${missing}.`
  );
};

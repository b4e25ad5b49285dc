import { FleetError } from '../../../model/errors.ts';
import type { Adoption } from '../../../workflows/custody/adoption.ts';

/** Nothing would be written. */
export const isAdopted = ({ plan, isOld, missing, replaced }: Adoption): boolean =>
  !isOld &&
  missing.length === 0 &&
  replaced.length === 0 &&
  plan.endedMoves.length === 0 &&
  plan.foundMoves.length === 0 &&
  plan.closedClaims.length === 0 &&
  plan.accounts.every(({ isChanged }) => !isChanged);

/** Hosts that were not heard, and what cannot be decided. */
export const adoptionErrors = ({ plan, hosts, missing }: Adoption): FleetError[] => [
  ...missing.map(missingError),
  ...hosts.flatMap(({ problem }) => (problem === null ? [] : [problem])),
  ...plan.problems.map(({ account, host, text, hint }) => {
    const about = { ...(account === null ? {} : { account }), ...(host === null ? {} : { host }) };
    return new FleetError('claim-refused', account === null ? text : `${account}: ${text}`, {
      ...about,
      hint,
    });
  }),
];

/** The plan for programs. */
export const adoptionData = ({
  plan,
  hosts,
  takenOver,
  forgotten,
  isOld,
  conduct,
  missing,
  without,
  replaced,
}: Adoption): Record<string, unknown> => ({
  isOld,
  hosts: hosts.map(({ host, problem }) => ({
    host: host.name,
    answered: problem === null,
    code: problem?.code ?? null,
  })),
  takenOver,
  forgotten,
  missing,
  without,
  replaced,
  accounts: plan.accounts.map(({ account, before, after, epoch, isChanged, isNew, reason }) => ({
    account,
    before,
    after,
    epoch,
    isChanged,
    isNew,
    reason,
  })),
  conduct,
  endedMoves: plan.endedMoves,
  closedClaims: plan.closedClaims.map(({ account, host, epoch }) => ({ account, host, epoch })),
  foundMoves: plan.foundMoves.map(({ id, account, from, to }) => ({ id, account, from, to })),
});
const missingError = ({ name, knownBy }: Adoption['missing'][number]): FleetError =>
  new FleetError(
    'survey-incomplete',
    `${knownBy.join(', ')} remember ${name}, which neither the inventory nor the ledger ` +
      'has: it may be running accounts',
    {
      host: name,
      hint:
        'put it back into the inventory and run this again; if it runs nothing any more: ' +
        `fleet adopt --without ${name}`,
    },
  );

import type { RebootPlan } from '../../../workflows/hosts/plan-reboots.ts';
import type { RebootOutcome } from '../../../workflows/hosts/reboot-hosts.ts';

export const question = ({ reboots, isRolling }: RebootPlan): string =>
  `Reboot ${reboots.map(({ host }) => host.name).join(', ')}` +
  `${isRolling && reboots.length > 1 ? ', one after the other' : ''}?`;

/** The plan for programs. */
export const planData = ({
  reboots,
  withinMs,
  isRolling,
}: RebootPlan): Record<string, unknown> => ({
  withinMs,
  isRolling,
  hosts: reboots.map(({ host, accounts, others }) => ({
    host: host.name,
    accounts: accounts.map(({ name }) => name),
    notOnline: others.map(({ name }) => name),
  })),
});

export const outcomeData = ({ problem, ...outcome }: RebootOutcome): Record<string, unknown> => ({
  ...outcome,
  code: problem?.code ?? null,
});

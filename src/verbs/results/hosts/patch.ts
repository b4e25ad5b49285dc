import type { PatchOutcome, PatchPlan } from '../../../workflows/moves/patch-hosts.ts';

export const question = ({ patches, wishes }: PatchPlan): string =>
  `Upgrade ${patches.map(({ host }) => host.name).join(', ')}` +
  `${wishes.reboot ? ', and reboot those that need it' : ''}?`;

/** The plan for programs. */
export const planData = ({ patches, wishes }: PatchPlan): Record<string, unknown> => ({
  ...wishes,
  hosts: patches.map(({ host, ...patch }) => ({ host: host.name, ...patch })),
});

export const outcomeData = ({ problem, ...outcome }: PatchOutcome): Record<string, unknown> => ({
  ...outcome,
  code: problem?.code ?? null,
});

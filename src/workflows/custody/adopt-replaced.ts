import { FleetError } from '../../model/errors.ts';
import { isForeign } from '../../ownership/adopt-claims.ts';
import type { AdoptionDoubt } from '../../ownership/adoption-plan.ts';
import { judgeAll } from '../../ownership/host-identity.ts';
import type { FleetContext } from '../context.ts';
import { listMachines, replacedHint, replacedText } from '../hosts/host-identity.ts';
import type { AskedHost } from './adoption.ts';

/**
 * Hosts that are other machines than those to which their accounts were given, as the ledger or
 * their own claims have it, by name; without those whose former machine the operator has declared
 * to be gone.
 */
export async function doubtsOf(
  context: FleetContext,
  hosts: readonly AskedHost[],
  replaced: readonly string[],
): Promise<Map<string, AdoptionDoubt>> {
  const heard = hosts.flatMap(({ host, survey }) =>
    survey === null ? [] : [{ name: host.name as string, survey }],
  );
  const faults = judgeAll(
    heard.map(({ name, survey }) => ({ name, instanceId: survey.instanceId, machineId: null })),
    await listMachines(context),
  );
  return new Map(
    heard.flatMap(({ name, survey }): [string, AdoptionDoubt][] => {
      const isOther =
        faults.get(name)?.kind === 'replaced' ||
        survey.accounts.some((account) => isForeign({ survey, account }));
      if (!isOther || replaced.includes(name)) return [];
      return [[name, { text: replacedText(name, survey.changed ?? ''), hint: replacedHint(name) }]];
    }),
  );
}

/** A statement about a host that nobody doubts is a mistake in its name. Errors: `usage`. */
export async function refuseNeedless(
  context: FleetContext,
  hosts: readonly AskedHost[],
  replaced: readonly string[],
): Promise<void> {
  const doubts = replaced.length === 0 ? new Map() : await doubtsOf(context, hosts, []);
  const needless = replaced.filter((name) => !doubts.has(name));
  if (needless.length === 0) return;
  throw new FleetError(
    'usage',
    `--replaced: ${needless.join(', ')} did not answer as another machine than before`,
    {
      hint:
        'name only hosts that fleet sweep or fleet adopt call another machine, while they ' +
        'answer',
    },
  );
}

import { listAccounts } from '../../ledger/queries/accounts.ts';
import { recordEvent } from '../../ledger/queries/events.ts';
import { forgetHost } from '../../ledger/queries/hosts.ts';
import { listOpenMoves } from '../../ledger/queries/moves.ts';
import { FleetError } from '../../model/errors.ts';
import type { HostSpec } from '../../model/inventory.ts';
import { type Caller, compileProgram } from '../../steps/program.ts';
import { type UninstallOptions, uninstallSteps } from '../../steps/uninstall.ts';
import type { FleetContext } from '../context.ts';
import type { HostInitOutcome } from './init.ts';
import type { HostInitPlan } from './init-plan.ts';

/** Programs that leave hosts as fleet found them; run like those of `fleet init`. Pure. */
export function planUninstall(
  hosts: readonly HostSpec[],
  options: UninstallOptions & {
    readonly check: boolean;
    readonly library: string;
    readonly caller?: Caller;
  },
): HostInitPlan[] {
  const steps = uninstallSteps(options);
  const program = compileProgram(steps, {
    mode: options.check ? 'check' : 'apply',
    diff: false,
    library: options.library,
    ...(options.caller === undefined ? {} : { caller: options.caller }),
  });
  return hosts.map((host) => ({
    host,
    steps: steps.map(({ id, title }) => ({ id, title })),
    program,
  }));
}

/**
 * Refuses hosts that own accounts, or take part in a move, as far as this ledger knows; each host
 * says the same of its own claims afterwards.
 * Error `claim-refused`, one problem per host.
 */
export async function refuseOwners(
  context: FleetContext,
  hosts: readonly HostSpec[],
): Promise<void> {
  const { db } = context.ledger;
  const [accounts, moves] = await Promise.all([listAccounts(db), listOpenMoves(db)]);
  const problems = hosts.flatMap(({ name }) => {
    const owned = accounts.filter(({ host }) => host === name).map((account) => account.name);
    const moving = moves
      .filter(({ from_host, to_host }) => from_host === name || to_host === name)
      .map(({ account }) => account);
    const all = [...new Set([...owned, ...moving])];
    return all.length === 0 ? [] : [`${name}: ${all.join(', ')}`];
  });
  if (problems.length === 0) return;
  throw new FleetError('claim-refused', 'these hosts still own accounts', {
    hint:
      'remove the accounts first (fleet accounts remove), or move them to other hosts; ' +
      'nothing was changed',
    problems,
  });
}

/** Takes hosts that were left clean out of the ledger: they cannot own anything any more. */
export async function recordUninstalled(
  context: FleetContext,
  outcomes: readonly Pick<HostInitOutcome, 'host' | 'error'>[],
): Promise<void> {
  const { db } = context.ledger;
  for (const { host, error } of outcomes) {
    if (error !== null) continue;
    await forgetHost(db, host);
    await recordEvent(db, { at: context.now(), kind: 'host-uninstalled', host });
  }
}

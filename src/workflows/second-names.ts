import { plainAddress, sameDestinations } from '../inventory/rules/same-address.ts';
import { FleetError } from '../model/errors.ts';
import type { HostSpec, Inventory } from '../model/inventory.ts';
import type { SshContext } from '../remote/config/ssh-context.ts';
import type { SshTarget } from '../remote/config/ssh-target.ts';

/** A name, and where the ssh config leads it. */
export interface LedName {
  readonly name: string;
  readonly target: SshTarget;
}

/** The way counts, too: behind another jump host the same private address is another machine. */
const placeOf = ({ target: { jumps, ...end } }: LedName): string =>
  [...jumps, end].map(({ address, port }) => `${plainAddress(address)} ${port}`).join(' > ');

/** Where the ssh config says so; '' where it says nothing of it. */
const sourceOf = ({ target: { sources } }: LedName): string => {
  const source = sources.get('hostname') ?? sources.get('port');
  return source === undefined ? '' : ` (${source})`;
};

/** Where a ProxyCommand leads, only that command knows. */
const isKnown = ({ target: { jumps, ...end } }: LedName): boolean =>
  [...jumps, end].every(({ openSsh }) => openSsh?.isProxied !== true);

/** Names that lead to the machine of one above them, each with a sentence about it. Pure. */
export const secondNames = (led: readonly LedName[]): readonly (readonly [string, string])[] =>
  sameDestinations(led.filter(isKnown), placeOf).map(({ one, first }) => {
    const { address, port } = one.target;
    const end = `${address} port ${port}${sourceOf(one)}`;
    return [one.name, `leads to ${end}, as ${first.name} does${sourceOf(first)}`];
  });

/**
 * One sentence for each host that the ssh config leads to the same machine as one above it. The
 * inventory alone cannot show them: `Host a` and `Host b` may have one HostName.
 */
export async function secondNameProblems(
  hosts: readonly HostSpec[],
  ssh: Pick<SshContext, 'resolve'>,
): Promise<readonly string[]> {
  const led: LedName[] = [];
  for (const host of hosts) {
    try {
      led.push({ name: host.name, target: await ssh.resolve(host) });
    } catch (error) {
      // Its own contact says what is wrong there.
      if (!(error instanceof FleetError)) throw error;
    }
  }
  const advice = 'one machine has one name; take one of the two out, or correct an address';
  return secondNames(led).map(([name, text]) => `hosts.${name}: ${text}: ${advice}`);
}

/**
 * Before a host is asked anything. Errors: `inventory`, with every one of
 * {@link secondNameProblems}.
 */
export async function refuseSecondNames(
  { path, hosts }: Pick<Inventory, 'path' | 'hosts'>,
  ssh: Pick<SshContext, 'resolve'>,
): Promise<void> {
  const problems = await secondNameProblems(hosts, ssh);
  if (problems.length === 0) return;
  const what = problems.length === 1 ? 'a mistake' : `${problems.length} mistakes`;
  throw new FleetError('inventory', `${path} has ${what}`, {
    hint: 'Correct the inventory, or HostName and Port in the ssh config.',
    problems: problems.slice(0, 100),
  });
}

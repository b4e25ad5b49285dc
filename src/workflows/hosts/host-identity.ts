import { listAccounts } from '../../ledger/queries/accounts.ts';
import { listForgottenHosts, listHosts } from '../../ledger/queries/hosts.ts';
import { listOpenMoves } from '../../ledger/queries/moves.ts';
import type { HostRow } from '../../ledger/schema.ts';
import { FleetError } from '../../model/errors.ts';
import {
  type HeardMachine,
  type IdentityFault,
  judgeAll,
  type KnownMachine,
} from '../../ownership/host-identity.ts';
import { mayBeGranted } from '../../ownership/phases.ts';
import type { FleetContext } from '../context.ts';

/** Every machine that the ledger knows, those that were forgotten too. */
export async function listMachines({
  inventory,
  ledger,
}: Pick<FleetContext, 'inventory' | 'ledger'>): Promise<KnownMachine[]> {
  const listed = new Set<string>(inventory.hosts.map(({ name }) => name));
  const rows = await listHosts(ledger.db);
  const names = new Set(rows.map(({ name }) => name));
  const placed = (await listAccounts(ledger.db)).map(({ host }) => host);
  // A grant whose answer was lost may have been heard by the machine that had the name then.
  const arriving = (await listOpenMoves(ledger.db))
    .filter(mayBeGranted)
    .map(({ to_host }) => to_host);
  const owners = new Set([...placed, ...arriving]);
  const forgotten = (await listForgottenHosts(ledger.db)).filter(({ name }) => !names.has(name));
  return [
    ...rows.map(({ name, instance_id, machine_id }) => ({
      name,
      instanceId: instance_id,
      machineId: machine_id,
      isListed: listed.has(name),
      isOwner: owners.has(name),
    })),
    ...forgotten.map(({ name, instance_id }) => ({
      name,
      instanceId: instance_id,
      machineId: null,
      isListed: listed.has(name),
    })),
  ];
}

/** Says what is wrong with the names, and what puts it right. Code `host-foreign`. */
export function identityError(host: string, fault: IdentityFault): FleetError {
  const { kind, other } = fault;
  const fail = (message: string, hint: string): FleetError =>
    new FleetError('host-foreign', message, { host, hint });
  if (kind === 'duplicate')
    return fail(
      `${host} and ${other} are one machine under two names`,
      'take one of them out of the inventory, the one without accounts (fleet status), ' +
        `then: fleet hosts forget ${host} (or ${other}); or correct the address of one`,
    );
  if (kind === 'renamed')
    return fail(`${host} is the machine that the ledger has as ${other}`, renameHint(host, other));
  if (kind === 'misnamed')
    return fail(
      `${host} answers as ${other}, which the inventory has as well`,
      `does the address of ${host} lead to ${other}? Correct it, or take one of the two ` +
        `names out. If ${host} is a copy of its disk: reinstall ${host}`,
    );
  if (kind === 'replaced') return fail(replacedText(host, fault.changed), replacedHint(host));
  if (kind === 'clone')
    return fail(
      `${host} is a copy of ${other}: another machine with the same machine id`,
      'give it an identity of its own, on the copy: rm /etc/machine-id ' +
        '/etc/ssh/ssh_host_*; systemd-machine-id-setup; ssh-keygen -A; reboot; then here: ' +
        'fleet hosts trust ' +
        `${host} --replace`,
    );
  return fail(
    `${host} has the machine id of ${other}: it is the same machine, or a copy of it`,
    `the same: take one of the two names out of the inventory. A copy: on ${host}, rm ` +
      '/etc/machine-id /etc/ssh/ssh_host_*; systemd-machine-id-setup; ssh-keygen -A; reboot; ' +
      `then here: fleet hosts trust ${host} --replace`,
  );
}

/** `changed`: in the host's own words; '' where it says nothing. */
export const replacedText = (host: string, changed: string): string =>
  `${host} is another machine than the one that its accounts were given ` +
  `to${changed === '' ? '' : ` (${changed})`}`;

export const replacedHint = (host: string): string =>
  'a copy, or a new machine, while the old one may still run: switch one of them off. The ' +
  'same machine with other hardware, or the old one runs nothing any more: fleet adopt ' +
  `--replaced ${host}`;

export const renameHint = (now: string, before: string): string =>
  `when you renamed it in the inventory: fleet hosts rename ${before} ${now}; otherwise ` +
  `correct the address of ${now}`;

/**
 * Judges machines one after the other, as they answer: those that answered before in this command
 * count as well.
 */
export function identityJudge(
  machines: readonly KnownMachine[],
): (heard: HeardMachine) => IdentityFault | null {
  const heardBefore = new Map<string, HeardMachine>();
  return (heard) => {
    heardBefore.set(heard.name, heard);
    return judgeAll([...heardBefore.values()], machines).get(heard.name) ?? null;
  };
}

/**
 * The name in a host's own settings, as {@link judgeAll} compares it: not of another fleet, and not
 * the one before a rename that it has not heard of.
 */
export function toldNameIn(
  fleet: string,
  config: { readonly fleet: string; readonly host: string } | undefined,
  row: HostRow | undefined,
): string | null {
  return config === undefined || config.fleet !== fleet || config.host === row?.told_name
    ? null
    : config.host;
}

/**
 * Hosts that only the ledger has and that answer under another name of the inventory: the current
 * name by the former one.
 */
export async function renamedHosts(
  context: Pick<FleetContext, 'inventory' | 'ledger'>,
): Promise<Map<string, string>> {
  const machines = await listMachines(context);
  const now = machines.filter(({ isListed }) => isListed);
  return new Map(
    now.flatMap((machine) => {
      const fault = judgeAll([machine], machines).get(machine.name);
      return fault?.kind === 'renamed' ? [[fault.other, machine.name] as const] : [];
    }),
  );
}

/** What to do about a host that owns accounts and is not in the inventory. */
export const strayHint = (name: string, now: string | undefined): string =>
  now === undefined
    ? `put ${name} back into the inventory, or: fleet failover ${name} --destroyed`
    : renameHint(now, name);

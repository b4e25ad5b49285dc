import type { HostSpec, Inventory } from '../../../model/inventory.ts';
import type { SecretReference } from '../../../model/secret-reference.ts';
import type { NewInventory, WrittenInventory } from '../../../workflows/new/write-inventory.ts';

/** How `fleet new` ended. */
export type NewEnd =
  | { readonly kind: 'plan'; readonly text: string; readonly notRead: readonly string[] }
  /** `isElsewhere`: not in this folder under its usual name. */
  | ({ readonly kind: 'written'; readonly isElsewhere: boolean } & NewInventory & WrittenInventory);

type WrittenEnd = Extract<NewEnd, { kind: 'written' }>;

/** Environment variables that have to be set, and what each is for. */
export function variablesOf({
  hosts,
  accountDefaults,
  vaultKey,
}: Inventory): ReadonlyMap<string, string> {
  const uses = new Map<string, string[]>();
  const use = (reference: SecretReference | number | null, what: string): void => {
    if (typeof reference === 'number' || reference?.kind !== 'env') return;
    uses.set(reference.target, [...(uses.get(reference.target) ?? []), what]);
  };
  use(vaultKey, "the vault's key");
  use(accountDefaults.telegram.apiId, 'api_id from https://my.telegram.org');
  use(accountDefaults.telegram.apiHash, 'api_hash from https://my.telegram.org');
  const secrets = (kind: 'password' | 'passphrase' | 'sudoPassword', what: string): void => {
    const owners = Map.groupBy(hosts, ({ ssh }) =>
      ssh[kind]?.kind === 'env' ? ssh[kind].target : '',
    );
    for (const [, [first, ...more]] of owners)
      if (first !== undefined) use(first.ssh[kind], `${what} of ${namesOf(first, more)}`);
  };
  secrets('password', 'login password');
  secrets('passphrase', 'passphrase of the private key');
  secrets('sudoPassword', 'password for sudo');
  return new Map([...uses].map(([name, what]) => [name, what.join(', ')]));
}

const namesOf = (first: HostSpec, more: readonly HostSpec[]): string =>
  more.length === 0 ? first.name : `${first.name} and ${more.length} more`;

/** The command that comes next. */
export const nextAfterNew = ({
  path,
  isElsewhere,
}: Pick<WrittenEnd, 'path' | 'isElsewhere'>): string =>
  isElsewhere ? `fleet -i ${path} hosts trust` : 'fleet hosts trust';

/** The end for programs. */
export function newData(end: NewEnd): Readonly<Record<string, unknown>> {
  if (end.kind === 'plan') return { dryRun: true, text: end.text, notRead: end.notRead };
  const { inventory, key, notRead } = end;
  return {
    inventory: inventory.path,
    fleet: inventory.fleet,
    hosts: inventory.hosts.map(({ name }) => name),
    vaultKey: key === null ? null : { path: key.path, recipient: key.recipient, isNew: key.isNew },
    variables: Object.fromEntries(variablesOf(inventory)),
    notRead,
    next: nextAfterNew(end),
  };
}

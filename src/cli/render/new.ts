import { formatSecretReference } from '../../inventory/secret-reference.ts';
import type { HostSpec, Inventory, SecretReference } from '../../model/inventory.ts';
import type { NewInventory, WrittenInventory } from '../../workflows/new/write-inventory.ts';

export type ShownNew = NewInventory & WrittenInventory & { readonly isElsewhere: boolean };

/** Environment variables that have to be set, and what each is for. */
export function variablesOf({ hosts, accountDefaults, vaultKey }: Inventory): ReadonlyMap<string, string> {
  const uses = new Map<string, string[]>();
  const use = (reference: SecretReference | number | null, what: string): void => {
    if (typeof reference === 'number' || reference?.kind !== 'env') return;
    uses.set(reference.target, [...(uses.get(reference.target) ?? []), what]);
  };
  use(vaultKey, "the vault's key");
  use(accountDefaults.telegram.apiId, 'api_id from https://my.telegram.org');
  use(accountDefaults.telegram.apiHash, 'api_hash from https://my.telegram.org');
  const secrets = (kind: 'password' | 'passphrase' | 'sudoPassword', what: string): void => {
    const owners = Map.groupBy(hosts, ({ ssh }) => (ssh[kind]?.kind === 'env' ? ssh[kind].target : ''));
    for (const [, [first, ...more]] of owners) if (first !== undefined) use(first.ssh[kind], `${what} of ${namesOf(first, more)}`);
  };
  secrets('password', 'login password');
  secrets('passphrase', 'passphrase of the private key');
  secrets('sudoPassword', 'password for sudo');
  return new Map([...uses].map(([name, what]) => [name, what.join(', ')]));
}

const namesOf = (first: HostSpec, more: readonly HostSpec[]): string =>
  more.length === 0 ? first.name : `${first.name} and ${more.length} more`;

const nextCommand = ({ path, isElsewhere }: ShownNew): string => (isElsewhere ? `fleet -i ${path} hosts trust` : 'fleet hosts trust');

export function formatNew(shown: ShownNew): string {
  const { path, inventory, key, notRead } = shown;
  const variables = [...variablesOf(inventory)];
  const keyLines =
    key === null
      ? [`The vault's key is ${formatSecretReference(inventory.vaultKey)}: put the output of age-keygen there.`]
      : [
          `${key.path} ${key.isNew ? 'made: the key of the vault, which will hold the sessions' : 'was there already: it is the key of the vault'}.`,
          'Keep a copy of it elsewhere, in your password manager or on paper: without it no session can be read.',
        ];
  return [
    `${path} written: ${inventory.hosts.length === 1 ? '1 host' : `${inventory.hosts.length} hosts`}${inventory.hosts.length > 8 ? '' : ` (${inventory.hosts.map(({ name }) => name).join(', ')})`}.`,
    ...keyLines,
    ...(variables.length === 0
      ? []
      : [
          '',
          'Set before you go on (export NAME=...), or write file:PATH or exec:COMMAND instead:',
          ...variables.map(([name, what]) => `  ${name}  ${what}`),
        ]),
    ...(notRead.length === 0 ? [] : ['', 'Not read:', ...notRead.map((note) => `  ${note}`)]),
    '',
    `Next: ${nextCommand(shown)}`,
  ].join('\n');
}

export const newData = (shown: ShownNew): Readonly<Record<string, unknown>> => ({
  inventory: shown.inventory.path,
  fleet: shown.inventory.fleet,
  hosts: shown.inventory.hosts.map(({ name }) => name),
  vaultKey: shown.key === null ? null : { path: shown.key.path, recipient: shown.key.recipient, isNew: shown.key.isNew },
  variables: Object.fromEntries(variablesOf(shown.inventory)),
  notRead: shown.notRead,
  next: nextCommand(shown),
});

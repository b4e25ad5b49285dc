import { formatSecretReference } from '../../../inventory/schema/secret-reference.ts';
import { type NewEnd, nextAfterNew, variablesOf } from '../../../verbs/results/setup/new.ts';

type WrittenEnd = Extract<NewEnd, { kind: 'written' }>;

export function formatNew(shown: WrittenEnd): string {
  const { path, inventory, key, notRead } = shown;
  const variables = [...variablesOf(inventory)].filter(([name]) => !process.env[name]);
  const keyLines =
    key === null
      ? [
          `The vault's key is ${formatSecretReference(inventory.vaultKey)}: put the output ` +
            'of age-keygen there.',
        ]
      : [
          `${key.path} ` +
            `${key.isNew ? 'created: the vault key, which encrypts the sessions' : 'existed already: the vault key'}` +
            '.',
          'Keep a copy of the key elsewhere, in a password manager or on paper: without ' +
            'it nobody can read the sessions.',
        ];
  return [
    `${path} written: ` +
      `${inventory.hosts.length === 1 ? '1 host' : `${inventory.hosts.length} hosts`}` +
      `${inventory.hosts.length > 8 ? '' : ` (${inventory.hosts.map(({ name }) => name).join(', ')})`}` +
      '.',
    ...keyLines,
    ...(variables.length === 0
      ? []
      : [
          '',
          'Set these before you continue (export NAME=...), or write file:PATH or ' +
            'exec:COMMAND instead:',
          ...variables.map(([name, what]) => `  ${name}  ${what}`),
        ]),
    ...(notRead.length === 0 ? [] : ['', 'Not read:', ...notRead.map((note) => `  ${note}`)]),
    '',
    `Next: ${nextAfterNew(shown)}`,
  ].join('\n');
}

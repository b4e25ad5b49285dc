import { dirname } from 'node:path';
import type { Command } from 'commander';
import { resolvePath } from '../../inventory/resolve-path.ts';
import { FleetError } from '../../model/errors.ts';
import { homeDirectory } from '../../surroundings/operator.ts';
import { confirm } from '../confirm.ts';
import { loadInventoryOf, withLock } from '../open-context.ts';
import { setAction } from '../run-command.ts';

/** `fleet vault create-key` and `rotate-key`. */
export function registerVault(program: Command): void {
  const vault = program.command('vault').description('the encrypted store of sessions');
  setAction(vault.command('create-key').description('make the key that the inventory names as vault.key (once)'), async ({ options }) => {
    const inventory = await loadInventoryOf(options);
    const { kind, target } = inventory.vaultKey;
    if (kind !== 'file') {
      throw new FleetError('usage', `vault.key is ${kind}:${target}, not a file that fleet could make`, {
        hint: 'put the output of age-keygen there, or use file:PATH',
      });
    }
    const { makeVaultKey } = await import('../../vault/provide-vault-key.ts');
    const { path, recipient } = await makeVaultKey(resolvePath(target, dirname(inventory.path), homeDirectory()), inventory.paths.vault);
    return {
      data: { path, recipient },
      text: `${path} created. Keep a copy elsewhere: without it no session can be read.\nPublic key: ${recipient}`,
    };
  });
  registerRotate(vault);
}

function registerRotate(vault: Command): void {
  const command = vault
    .command('rotate-key')
    .description(
      'write the vault anew with a new key; killed anywhere, the same command goes on; the former key is kept for older backups',
    );
  setAction(command, async ({ options, signal }) =>
    withLock('vault rotate-key', options, signal, async (context) => {
      const { rotateVaultKey } = await import('../../workflows/rotate-vault-key.ts');
      const { formatRotated } = await import('../render/vault.ts');
      const { kind, target } = context.inventory.vaultKey;
      const path = kind === 'file' ? resolvePath(target, dirname(context.inventory.path), homeDirectory()) : null;
      await confirm(
        'Write every record of the vault anew, with a new key? Copies of the former key open only older backups from then on',
        options,
      );
      const rotated = await rotateVaultKey(context, path);
      return { data: { ...rotated }, text: formatRotated(rotated) };
    }),
  );
}

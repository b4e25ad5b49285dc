import { dirname } from 'node:path';
import type { Command } from 'commander';
import { resolvePath } from '../../inventory/resolve-path.ts';
import { FleetError } from '../../model/errors.ts';
import { homeDirectory } from '../../surroundings/operator.ts';
import { loadInventoryOf } from '../open-context.ts';
import { setAction } from '../run-command.ts';

/** `fleet vault create-key`. */
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
}

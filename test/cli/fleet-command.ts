import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { type CommandResult, tryCommand } from '../lab/run-command.ts';

export const program = fileURLToPath(new URL('../../bin/fleet', import.meta.url));

/** Two hosts at addresses that nobody has; nothing here may ever connect. */
export const inventory = `version: 1
fleet: shop
vault: { path: vault, key: file:vault.key }
telegram: { api_id: 1, api_hash: env:API_HASH }
hosts: { web-1: { address: 192.0.2.1 }, web-2: { address: 192.0.2.2 } }
`;

/** What the tests' own terminal says is none of the command's business. */
const unset = ['FLEET_INVENTORY', 'FLEET_DEBUG', 'SSH_AUTH_SOCK', 'FORCE_COLOR'];

/**
 * A folder of an operator. `fleet` runs the command there, without a terminal; the folder is
 * written as DIR in what it prints.
 */
export interface Folder {
  readonly path: string;
  readonly fleet: (
    args: readonly string[],
    env?: Readonly<Record<string, string>>,
  ) => Promise<CommandResult>;
}

/** Removed when the test has ended. `text` null: without an inventory. */
export async function makeFolder(text: string | null = inventory): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), 'fleet-cli-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  if (text !== null) await writeFile(join(path, 'inventory.yaml'), text);
  const plain = (said: string): string => said.replaceAll(path, 'DIR');
  const fleet: Folder['fleet'] = async (args, env = {}) => {
    const surroundings = { HOME: path, COLUMNS: '80', ...env };
    const argv = [
      'env',
      ...unset.filter((name) => !(name in env)).flatMap((name) => ['-u', name]),
      program,
      ...args,
    ];
    const { code, stdout, stderr } = await tryCommand(argv, { cwd: path, env: surroundings });
    return { code, stdout: plain(stdout), stderr: plain(stderr) };
  };
  return { path, fleet };
}

import { dirname, join } from 'node:path';
import { FleetError } from '../../model/errors.ts';
import type { Inventory } from '../../model/inventory.ts';
import { packageRoot } from '../../release/package-root.ts';
import type { SshContext } from '../../remote/config/ssh-context.ts';
import { readScript } from '../../scripts/read-script.ts';
import { scriptFolders } from '../answers/answer-behaviour.ts';
import { readProfile } from '../init/read-profile.ts';
import { secondNameProblems } from '../second-names.ts';

/** What was looked at, all of it sound. */
export interface ValidConfig {
  readonly hosts: number;
  readonly groups: number;
  /** Accounts that the inventory names. */
  readonly accounts: number;
  readonly profiles: readonly string[];
  readonly scripts: readonly string[];
  /**
   * Settings that count as something else than they say, one sentence each, and the directives of
   * the ssh config that fleet ignores.
   */
  readonly notes: readonly string[];
}

async function mistakeOf(act: () => Promise<unknown>): Promise<readonly string[]> {
  try {
    await act();
    return [];
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    return error.problems.length === 0 ? [error.message] : error.problems;
  }
}

/** Scripts of accounts that answer somewhere; one that answers nowhere needs none. */
const scriptsOf = ({ accounts, accountDefaults }: Inventory): readonly string[] =>
  [
    ...new Set(
      [...accounts, accountDefaults].flatMap(({ chats, script }) =>
        chats.length === 0 || script === null ? [] : [script],
      ),
    ),
  ].sort();

/**
 * Everything that an inventory names on this machine and that can be judged without asking a host,
 * reading a secret or writing anything: profiles, scripts, and
 * what the ssh config says of each host. Error `inventory`: every mistake at once.
 */
export async function validateConfig(inventory: Inventory, ssh: SshContext): Promise<ValidConfig> {
  const profiles = [...new Set(inventory.hosts.map(({ profile }) => profile))].sort();
  const folders = [dirname(inventory.path), join(packageRoot(), 'templates')];
  const scripts = scriptsOf(inventory);
  const notes = new Set(inventory.raised);
  const found = await Promise.all([
    ...profiles.map((name) => mistakeOf(() => readProfile(folders, name))),
    ...scripts.map((name) => mistakeOf(() => readScript(scriptFolders(inventory), name))),
    ...inventory.hosts.map((host) =>
      mistakeOf(async () => {
        for (const warning of (await ssh.target(host)).warnings)
          notes.add(`${host.name}: ${warning}`);
      }),
    ),
  ]);
  const problems = [...found.flat(), ...(await secondNameProblems(inventory.hosts, ssh))];
  if (problems.length > 0)
    throw new FleetError(
      'inventory',
      `${inventory.path} names ${problems.length === 1 ? 'something' : 'things'} with ` +
        `${problems.length === 1 ? 'a mistake' : `${problems.length} mistakes`}`,
      {
        hint: 'Correct them; the inventory itself is sound.',
        problems: problems.slice(0, 100),
      },
    );
  const groups = new Set(inventory.hosts.flatMap((host) => host.groups)).size;
  return {
    hosts: inventory.hosts.length,
    groups,
    accounts: inventory.accounts.length,
    profiles,
    scripts,
    notes: [...notes],
  };
}

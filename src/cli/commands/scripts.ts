import type { Command } from 'commander';
import { FleetError } from '../../model/errors.ts';
import type { Inventory } from '../../model/inventory.ts';
import type { GlobalOptions } from '../global-options.ts';
import { loadInventoryOf } from '../open-context.ts';
import { setAction } from '../run-command.ts';

/** The inventory, or null where there is none to be read and none was named: scripts can be tried without one. */
async function inventoryIfAny(options: GlobalOptions): Promise<Inventory | null> {
  try {
    return await loadInventoryOf(options);
  } catch (error) {
    if (error instanceof FleetError && error.problems.length === 0 && options.inventory === undefined) return null;
    throw error;
  }
}

const collect = (name: string, before: readonly string[]): string[] => [...before, name];

/** `fleet scripts`: what accounts say, and why. */
export function registerScripts(program: Command): void {
  const scripts = program.command('scripts').description('what accounts say and when: list, show, test, push');
  setAction<object>(scripts.command('list').description('your scripts and fleet’s own'), async ({ options }) => {
    const [{ listAllScripts }, render] = await Promise.all([import('../../workflows/test-script.ts'), import('../render/scripts.ts')]);
    const found = await listAllScripts(await inventoryIfAny(options));
    const errors = found.flatMap(({ error }) => error ?? []);
    return { data: render.scriptsData(found), text: render.formatScripts(found), errors };
  });
  setAction<object>(
    scripts.command('show').description('a script, checked; SCRIPT is a name or a file').argument('<script>'),
    async ({ options, args: [name = ''] }) => {
      const { openScript } = await import('../../workflows/test-script.ts');
      const { path, text, script, description } = await openScript(await inventoryIfAny(options), name);
      return { data: { path, description, script }, text: text.trimEnd() };
    },
  );
  const test = scripts
    .command('test')
    .description('replays a talk without any network: what would be answered, and why not')
    .argument('<script>', 'a name or a file')
    .argument('<transcript>', 'a file: YAML, or one JSON message a line')
    .option('--account <account>', 'as this account of the inventory; several share the group (repeatable)', collect, []);
  setAction<{ readonly account: readonly string[] }>(test, async ({ options, args: [name = '', path = ''] }) => {
    const [{ testScript }, render] = await Promise.all([import('../../workflows/test-script.ts'), import('../render/scripts.ts')]);
    const result = await testScript(await inventoryIfAny(options), name, path, options.account);
    return { data: render.scriptTestData(result), text: render.formatScriptTest(result) };
  });
}

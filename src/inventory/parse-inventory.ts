import { FleetError } from '../model/errors.ts';
import type { Inventory } from '../model/inventory.ts';
import { homeDirectory } from '../surroundings/operator.ts';
import { assembleInventory } from './assemble.ts';
import { problemsOfIssues, rejected } from './rules/problems.ts';
import { referenceProblems } from './rules/references.ts';
import { sameAddresses } from './rules/same-address.ts';
import { type Problem, parseYamlDocument, type YamlDocument } from './rules/yaml-document.ts';
import { type InventoryYaml, inventorySchema } from './schema/schema.ts';

const hint = 'Correct them; inventory.example.yaml documents every key.';

const validated = (
  text: string,
  path: string,
): { readonly data: InventoryYaml; readonly document: YamlDocument } => {
  const document = parseYamlDocument(text);
  // Without data there is nothing more to say than what is wrong with the YAML.
  if (document.value === undefined) throw rejected(document.problems, path, hint);
  if (document.value === null)
    throw new FleetError('inventory', `${path} is empty`, {
      hint: 'Start from a copy of inventory.example.yaml.',
      problems: [`${path}:1:1 the file is empty`],
    });
  const parsed = inventorySchema.safeParse(document.value);
  const problems = [
    ...document.problems,
    ...problemsOfIssues(parsed.error?.issues ?? [], document, inventorySchema),
    ...referenceProblems(document),
  ];
  if (problems.length > 0 || !parsed.success) throw rejected(problems, path, hint);
  return { data: parsed.data, document };
};

/**
 * The inventory that `text` describes: validated, defaults applied, paths absolute. Reads nothing
 * but `text`.
 * `path` names the file in messages and is where relative paths start; `home` is what `~` stands
 * for (default: the user's home folder).
 * Throws `inventory` with every mistake at once in `problems`, in the order of the file, as
 * `path:line:column key.path: what is wrong`.
 */
export const parseInventory = (
  text: string,
  { path, home = homeDirectory() }: { readonly path: string; readonly home?: string },
): Inventory => {
  const { data, document } = validated(text, path);
  const inventory = assembleInventory(data, path, home);
  const problems = sameAddresses(inventory.hosts).map(({ one: host, first }): Problem => {
    const at = ['hosts', host.name, ...(host.ssh.address === null ? [] : ['address'])];
    const text =
      `this is the address of ${first.name}, too: one machine has one name; take one of the ` +
      'two out, or correct an address';
    return {
      position: document.locate(at, host.ssh.address === null ? 'key' : 'value'),
      path: at,
      text,
    };
  });
  if (problems.length > 0) throw rejected(problems, path, hint);
  return inventory;
};

import { FleetError } from '../model/errors.ts';
import type { Inventory } from '../model/inventory.ts';
import { homeDirectory } from '../surroundings/operator.ts';
import { assembleInventory } from './assemble.ts';
import { problemsOfIssues, rejected } from './rules/problems.ts';
import { referenceProblems } from './rules/references.ts';
import { parseYamlDocument } from './rules/yaml-document.ts';
import { type InventoryYaml, inventorySchema } from './schema/schema.ts';

const hint = 'Correct them; inventory.example.yaml documents every key.';

const validated = (text: string, path: string): InventoryYaml => {
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
  return parsed.data;
};

/**
 * The inventory that `text` describes: validated, defaults applied, paths absolute. Reads nothing but `text`.
 * `path` names the file in messages and is where relative paths start; `home` is what `~` stands for (default: the user's home folder).
 * Throws `inventory` with every mistake at once in `problems`, in the order of the file, as `path:line:column key.path: what is wrong`.
 */
export const parseInventory = (
  text: string,
  { path, home = homeDirectory() }: { readonly path: string; readonly home?: string },
): Inventory => assembleInventory(validated(text, path), path, home);

import { homedir } from 'node:os';
import { FleetError } from '../model/errors.ts';
import type { Inventory } from '../model/inventory.ts';
import { assembleInventory } from './assemble.ts';
import { formatKeyPath, problemsOfIssues } from './problems.ts';
import { referenceProblems } from './references.ts';
import { type InventoryYaml, inventorySchema } from './schema.ts';
import { type Problem, parseYamlDocument } from './yaml-document.ts';

const maxProblems = 100;

const formatProblem = (problem: Problem, path: string): string => {
  const key = formatKeyPath(problem.path);
  return `${path}:${problem.position.line}:${problem.position.column} ${key === '' ? '' : `${key}: `}${problem.text}`;
};

const byPosition = (left: Problem, right: Problem): number =>
  left.position.line - right.position.line || left.position.column - right.position.column;

const rejected = (problems: readonly Problem[], path: string): FleetError => {
  // Two rules may find the same mistake in one value.
  const lines = [...new Set(problems.toSorted(byPosition).map((problem) => formatProblem(problem, path)))];
  const shown = lines.length > maxProblems ? [...lines.slice(0, maxProblems), `and ${lines.length - maxProblems} more`] : lines;
  return new FleetError('inventory', `${path} has ${lines.length === 1 ? 'a mistake' : `${lines.length} mistakes`}`, {
    hint: 'Correct them; inventory.example.yaml documents every key.',
    problems: shown,
  });
};

const validated = (text: string, path: string): InventoryYaml => {
  const document = parseYamlDocument(text);
  // Without data there is nothing more to say than what is wrong with the YAML.
  if (document.value === undefined) throw rejected(document.problems, path);
  if (document.value === null)
    throw new FleetError('inventory', `${path} is empty`, {
      hint: 'Start from a copy of inventory.example.yaml.',
      problems: [`${path}:1:1 the file is empty`],
    });
  const parsed = inventorySchema.safeParse(document.value);
  const problems = [...document.problems, ...problemsOfIssues(parsed.error?.issues ?? [], document), ...referenceProblems(document)];
  if (problems.length > 0 || !parsed.success) throw rejected(problems, path);
  return parsed.data;
};

/**
 * The inventory that `text` describes: validated, defaults applied, paths absolute. Reads nothing but `text`.
 * `path` names the file in messages and is where relative paths start; `home` is what `~` stands for (default: the user's home folder).
 * Throws `inventory` with every mistake at once in `problems`, in the order of the file, as `path:line:column key.path: what is wrong`.
 */
export const parseInventory = (text: string, { path, home = homedir() }: { readonly path: string; readonly home?: string }): Inventory =>
  assembleInventory(validated(text, path), path, home);

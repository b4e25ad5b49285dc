import { readFileSync, writeFileSync } from 'node:fs';
import { isMap, isScalar, isSeq, parseDocument } from 'yaml';
import { z } from 'zod';
import { inventorySchema } from '../src/inventory/schema/schema.ts';

/**
 * A key wherever it may be written: hosts, groups and `defaults` share theirs, and so do accounts
 * and `account_defaults`.
 */
export const canonicalKey = (path: readonly string[]): string => {
  const [first = '', ...rest] = path;
  const named = first === 'hosts' || first === 'groups' || first === 'accounts';
  const inner = named ? rest.slice(1) : rest;
  if (inner.length === 0) return named && rest.length > 0 ? `${first}.*` : first;
  if (inner[0] === 'ssh' || inner[0] === 'telegram') return inner.join('.');
  if (inner[0] === 'limits' || inner[0] === 'location') return inner.join('.');
  if (inner[0] === 'chats' && inner.length > 1) return 'chats.*';
  if (inner[0] === 'labels' && inner.length > 1) return 'labels.*';
  if (first === 'placement' && inner[0] === 'strategy_by_label' && inner.length > 1)
    return 'placement.strategy_by_label.*';
  if (first === 'alerts' && (inner[0] === 'channels' || inner[0] === 'rules') && inner.length > 1)
    return ['alerts', inner[0], '*', ...inner.slice(2)].join('.');
  const owner =
    first === 'hosts' || first === 'groups' || first === 'defaults'
      ? 'host'
      : first === 'accounts' || first === 'account_defaults'
        ? 'account'
        : first;
  return `${owner}.${inner.join('.')}`;
};

/**
 * Comment lines in front of a key as one text, without the lead of a section that stands apart by
 * an empty line.
 */
const commentText = (comment: string | null | undefined): string =>
  (comment ?? '')
    .split(/\n\s*\n/)
    .at(-1)
    ?.split('\n')
    .map((line) => line.trim())
    .join(' ')
    .trim() ?? '';

/**
 * Every key in the example, canonical, with the comment that explains it (empty where it was
 * explained before).
 */
export const documentedKeys = (example: string): ReadonlyMap<string, string> => {
  const keys = new Map<string, string>();
  const walk = (node: unknown, path: readonly string[]): void => {
    if (isSeq(node)) for (const item of node.items) walk(item, path);
    if (!isMap(node)) return;
    for (const [index, pair] of node.items.entries()) {
      if (!isScalar(pair.key)) continue;
      // The parser gives the comment in front of the first key to the mapping.
      const comment = commentText(
        pair.key.commentBefore ?? (index === 0 ? node.commentBefore : undefined),
      );
      const inner = [...path, String(pair.key.value)];
      const key = canonicalKey(inner);
      if (!keys.get(key)) keys.set(key, comment);
      walk(pair.value, inner);
    }
  };
  walk(parseDocument(example).contents, []);
  return keys;
};

type JsonSchema = z.core.JSONSchema.JSONSchema;

/**
 * Calls `visit` for every key that the schema allows; names that the operator chooses appear as
 * `*`.
 */
export const visitSchema = (
  schema: JsonSchema,
  visit: (path: readonly string[], schema: JsonSchema) => void,
  path: readonly string[] = [],
): void => {
  const enter = (inner: JsonSchema, name: string): void => {
    visit([...path, name], inner);
    visitSchema(inner, visit, [...path, name]);
  };
  for (const [name, inner] of Object.entries(schema.properties ?? {}))
    if (typeof inner === 'object') enter(inner, name);
  if (typeof schema.additionalProperties === 'object') enter(schema.additionalProperties, '*');
  for (const branch of schema.anyOf ?? []) visitSchema(branch, visit, path);
};

/** How wide the project's formatter lets a line be. */
const columns = 100;

/**
 * The JSON Schema of the inventory, as text of the file; explanations come from the comments of the
 * example.
 */
export const generateSchema = (example: string): string => {
  const schema = z.toJSONSchema(inventorySchema, { io: 'input' });
  const comments = documentedKeys(example);
  visitSchema(schema, (path, inner) => {
    const comment = path.at(-1) === '*' ? '' : comments.get(canonicalKey(path));
    if (comment) inner.description = comment;
  });
  const text = JSON.stringify({ title: 'fleet inventory', ...schema }, null, 2);
  // Lists of words on one line where it holds them, as the project's formatter has them.
  const listOfWords = /^( *)(.*)\[\s+("[\w-]+"(?:,\s+"[\w-]+")*)\s+\](,?)$/gm;
  const lists = text.replace(listOfWords, (whole, indent, before, words: string, comma) => {
    const line = `${indent}${before}[${words.replace(/,\s+/g, ', ')}]${comma}`;
    return line.length <= columns ? line : whole;
  });
  return `${lists}\n`;
};

if (import.meta.main) {
  const example = readFileSync(new URL('../inventory.example.yaml', import.meta.url), 'utf8');
  writeFileSync(
    new URL('../templates/inventory.schema.json', import.meta.url),
    generateSchema(example),
  );
}

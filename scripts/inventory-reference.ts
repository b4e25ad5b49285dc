/**
 * `node scripts/inventory-reference.ts`: writes docs/inventory.md from the schema and the example.
 * A
 * test fails where that was forgotten. Since when a key exists is kept in the document itself.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { isMap, isScalar, isSeq, parseDocument } from 'yaml';
import * as z from 'zod';
import { inventorySchema } from '../src/inventory/schema/schema.ts';
import { canonicalKey, documentedKeys } from './generate-schema.ts';

/** A key of the inventory that takes a value. */
export interface ReferenceKey {
  /** As the headings of errors have it, with `*` for names that the operator chooses. */
  readonly key: string;
  /** The mappings that may have it: `defaults`, `groups.*`, `hosts.*`. */
  readonly places: readonly string[];
  /** What is allowed: the end of the sentence "must be ...". */
  readonly allowed: string;
  readonly what: string;
  /** null: the key is required, or has no default. */
  readonly byDefault: string | null;
  readonly isRequired: boolean;
  /** Its value in the example, on one line. */
  readonly example: string;
}

const schemaUnder = (schema: z.core.$ZodType): z.core.$ZodType => {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable)
    return schemaUnder(schema.unwrap());
  return schema instanceof z.ZodPipe ? schemaUnder(schema.in) : schema;
};

/** What the schema says to somebody who wrote something else. */
function allowedBy(schema: z.core.$ZodType): string {
  const type = schemaUnder(schema);
  const { error, checks } = type._zod.def;
  const own =
    error ?? checks?.map((check) => check._zod.def.error).find((each) => each !== undefined);
  const said = own?.({ code: 'custom', input: undefined, path: [] } as never);
  const text = typeof said === 'string' ? said : (said?.message ?? '');
  return type instanceof z.ZodArray ? `a list; each entry: ${allowedBy(type.element)}` : text;
}

type Visit = (path: readonly string[], schema: z.core.$ZodType) => void;

/** Calls `visit` for each key that takes a value and not keys of its own. */
function visitLeaves(schema: z.core.$ZodType, visit: Visit, path: readonly string[] = []): void {
  const type = schemaUnder(schema);
  if (type instanceof z.ZodObject)
    for (const [name, inner] of Object.entries(type.shape))
      visitLeaves(inner, visit, [...path, name]);
  else if (type instanceof z.ZodRecord && path.length > 0 && isMapping(type.valueType))
    visitLeaves(type.valueType, visit, [...path, '*']);
  else if (type instanceof z.ZodUnion && type.options.some(isMapping)) {
    visit(path, type);
    for (const option of type.options.filter(isMapping)) visitLeaves(option, visit, path);
  } else visit(path, type);
}

function isMapping(schema: z.core.$ZodType): boolean {
  const type = schemaUnder(schema);
  return (
    type instanceof z.ZodObject || (type instanceof z.ZodUnion && type.options.some(isMapping))
  );
}

/** Values of the example by canonical key, each on one line; the first one of several. */
function exampleValues(example: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  const walk = (node: unknown, path: readonly string[]): void => {
    if (!isMap(node)) return;
    for (const pair of node.items) {
      if (!isScalar(pair.key)) continue;
      const inner = [...path, String(pair.key.value)];
      const key = canonicalKey(inner);
      if (!values.has(key)) values.set(key, onOneLine(pair.value));
      walk(pair.value, inner);
    }
  };
  walk(parseDocument(example).contents, []);
  return values;
}

function onOneLine(node: unknown): string {
  if (isScalar(node))
    return node.source !== undefined && node.type === 'QUOTE_DOUBLE'
      ? JSON.stringify(node.value)
      : String(node.value);
  if (isSeq(node)) return `[${node.items.map(onOneLine).join(', ')}]`;
  if (!isMap(node)) return '';
  return (
    '{ ' +
    `${node.items.map(({ key, value }) => `${onOneLine(key)}: ${onOneLine(value)}`).join(', ')}` +
    ' }'
  );
}

/** A comment of the example in parts. */
function explained(comment: string): Pick<ReferenceKey, 'what' | 'byDefault' | 'isRequired'> {
  const byDefault = /(?:^|\s)Defaults?: (.*)$/.exec(comment)?.[1]?.replace(/\.$/, '') ?? null;
  const what = comment.replace(/(?:^|\s)Defaults?: .*$/, '').replace(/\s*\bRequired\.$/, '');
  return { what: what.trim(), byDefault, isRequired: /\bRequired\.$/.test(comment) };
}

/** Every key that takes a value, in the order of the schema. */
export function referenceKeys(example: string): readonly ReferenceKey[] {
  const comments = documentedKeys(example);
  const values = exampleValues(example);
  const found = new Map<string, ReferenceKey>();
  visitLeaves(inventorySchema, (path, schema) => {
    const key = canonicalKey(path);
    const own = key.split('.').filter((part) => part !== 'host' && part !== 'account').length;
    const place = path.slice(0, -Math.max(1, key.includes('*') ? 1 : own)).join('.');
    const before = found.get(key);
    found.set(key, {
      ...{
        key,
        allowed: allowedBy(schema),
        example: values.get(key) ?? '',
        ...explained(comments.get(key) ?? ''),
      },
      places: [...new Set([...(before?.places ?? []), place])],
    });
  });
  return [...found.values()];
}

/** Words of a paragraph in lines of at most 100 columns, each after `indent`. */
function wrapped(text: string, indent = ''): string {
  const lines: string[] = [];
  // Code stays on one line where it fits on one.
  for (const word of text.match(/(?:`[^`]{1,90}`|[^\s`]|`)+/g) ?? []) {
    const line = lines.at(-1);
    if (line === undefined || line.length + 1 + word.length > 100) lines.push(`${indent}${word}`);
    else lines[lines.length - 1] = `${line} ${word}`;
  }
  return lines.join('\n');
}

/** Headings of the document, in its order, with the keys that begin with one of these. */
const sections: readonly {
  readonly title: string;
  readonly lead: string;
  readonly of: readonly string[];
}[] = [
  {
    title: 'The fleet',
    lead: 'Said once, at the top of the file.',
    of: [
      'version',
      'fleet',
      'vault',
      'ledger',
      'postgres',
      'concurrency',
      'runtime_mirror',
      'scripts',
      'answer_slot',
      'egress',
    ],
  },
  {
    title: 'How hosts are reached',
    lead:
      'In `ssh:` for all hosts, in `ssh:` of a group or of a host for those. ' +
      '[ssh.md](ssh.md) says what of your ssh config counts beside it.',
    of: ['ssh'],
  },
  {
    title: 'Hosts',
    lead:
      'In `defaults:` for all hosts, in `groups:` and in `hosts:`. A host counts before its ' +
      'groups, a later group before an earlier one, `defaults` last. Labels and limits are ' +
      'joined key by key; everything else is replaced.',
    of: ['host'],
  },
  {
    title: 'Places',
    lead:
      'Where a host stands or an account belongs: the name of a city or an airport code, or ' +
      'a mapping with these keys.',
    of: ['location'],
  },
  {
    title: 'Limits',
    lead:
      'What one account may use on a host. In `limits:` of `defaults`, a group, a host, ' +
      '`account_defaults` or an account; the account counts before the host.',
    of: ['limits'],
  },
  {
    title: 'Accounts',
    lead: 'In `account_defaults:` for all accounts, in `accounts:` for one.',
    of: ['account', 'chats'],
  },
  {
    title: 'Telegram',
    lead: 'In `telegram:` for all accounts, in `telegram:` of one account for that one.',
    of: ['telegram'],
  },
  {
    title: 'The model',
    lead: 'In `model:`. [scripts.md](scripts.md) says what it is asked.',
    of: ['model'],
  },
  { title: 'Placement', lead: 'In `placement:`.', of: ['placement'] },
  { title: 'Rebalancing', lead: 'In `rebalance:`.', of: ['rebalance'] },
  { title: 'Failover', lead: 'In `failover:`.', of: ['failover'] },
  {
    title: 'Holds and waits',
    lead: 'In `hold:`. [exclusivity.md](exclusivity.md) says why they are there.',
    of: ['hold'],
  },
  { title: 'Sweeps', lead: 'In `sweep:`.', of: ['sweep'] },
  {
    title: 'Alerts',
    lead:
      'In `alerts:`; `*` is a name that you choose. [alerts.md](alerts.md) has measures, ' +
      'rules and templates.',
    of: ['alerts'],
  },
];

const introduction = `# The inventory

Every key of \`inventory.yaml\`: what it means, what it may be, its default, an example, and the
version that brought it. Made from the schema that fleet itself uses, by
\`node scripts/inventory-reference.ts\`.

[inventory.example.yaml](../inventory.example.yaml) is a whole file to copy from;
\`fleet config validate\` names every mistake with its line; \`fleet config show\` says which settings
are in effect, and why.

Durations have a unit (\`500ms\`, \`30s\`, \`10m\`, \`6h\`, \`7d\`), sizes too (\`64K\`, \`512M\`, \`1.5G\`;
1 K is 1,024 bytes). Relative paths start at the folder of the inventory, \`~\` is your home folder. A
secret is never written down but referred to: \`env:NAME\`, \`file:PATH\` or \`exec:COMMAND\`.
`;

const firstPart = (key: string): string => key.split('.')[0] ?? '';

/** `all`: the places that other keys of the section have. */
function entry(each: ReferenceKey, since: string, all: number): string {
  const name = shownName(each.key);
  const places = each.places.map((place) =>
    place === '' ? 'the top of the file' : `\`${place}\``,
  );
  const facts = [
    `${each.isRequired ? 'Required: ' : 'Value: '}${each.allowed}.`,
    ...(each.byDefault === null ? [] : [`Default: ${each.byDefault}.`]),
    ...(places.length < all ? [`Only in ${places.join(' and ')}.`] : []),
    ...(each.example === '' ? [] : [`Example: \`${name.split('.').at(-1)}: ${each.example}\`.`]),
    `Since ${since}.`,
  ];
  const what = each.what === '' ? '' : `${wrapped(each.what.replace(/[^.:]$/, '$&.'), '  ')}\n`;
  return `- **\`${name}\`**\n${what}${wrapped(facts.join(' '), '  ')}\n`;
}

const shownName = (key: string): string => key.replace(/^(?:host|account)\./, '');

/** Stands for a version that has no number yet; whoever makes a release replaces it. */
const nextVersion = 'the next version';
const sincePattern =
  /^- \*\*`([^`]+)`\*\*\n(?: {2}.*\n)*?(?: {2}.*)?\bSince\s+(\d+\.\d+\.\d+)\.$/gm;

/**
 * The text of docs/inventory.md. \`former\`: what it says today, of which since when keys exist is
 * kept.
 */
export function inventoryReference(example: string, former: string): string {
  const keys = referenceKeys(example);
  const known = new Set<string>();
  const parts = sections.map(({ title, lead, of }) => {
    const part = former.split(`\n## ${title}\n`)[1]?.split('\n## ')[0] ?? '';
    const since = new Map(
      [...part.matchAll(sincePattern)].map(([, name = '', version = '']) => [name, version]),
    );
    const own = keys.filter(({ key }) => of.includes(firstPart(key)));
    for (const { key } of own) known.add(key);
    const places = Math.max(...own.map((each) => each.places.length));
    const entries = own.map((each) =>
      entry(each, since.get(shownName(each.key)) ?? nextVersion, places),
    );
    return `\n## ${title}\n\n${wrapped(lead)}\n\n${entries.join('')}`;
  });
  const left = keys.filter(({ key }) => !known.has(key));
  if (left.length > 0)
    throw new Error(
      `docs/inventory.md has no section for ${left.map(({ key }) => key).join(', ')}`,
    );
  return `${introduction}${parts.join('')}`;
}

if (import.meta.main) {
  const path = new URL('../docs/inventory.md', import.meta.url);
  const example = readFileSync(new URL('../inventory.example.yaml', import.meta.url), 'utf8');
  writeFileSync(path, inventoryReference(example, readFileSync(path, 'utf8')));
}

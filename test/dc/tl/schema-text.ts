import { TlError } from './bytes.ts';

/** How one value is written. `bare`: without its constructor id in front. */
export type TlType =
  | {
      readonly kind:
        | 'int'
        | 'long'
        | 'double'
        | 'string'
        | 'bytes'
        | 'flags'
        | 'true'
        | 'bool'
        | 'query';
    }
  | { readonly kind: 'fixed'; readonly length: 16 | 32 }
  | { readonly kind: 'vector'; readonly bare: boolean; readonly item: TlType }
  | { readonly kind: 'object'; readonly name: string }
  | { readonly kind: 'constructor'; readonly name: string };

export interface TlField {
  readonly name: string;
  readonly type: TlType;
  /** Present only when this bit of that flags field is set. */
  readonly condition: { readonly flags: string; readonly bit: number } | null;
}

/** One line of a schema: a constructor, or a function with its result type. */
export interface TlCombinator {
  /** As in the text, e.g. `updates.getState`. */
  readonly name: string;
  /** Unsigned 32 bit. */
  readonly id: number;
  readonly fields: readonly TlField[];
  readonly result: TlType;
  /** The abstract type's name, e.g. `updates.State`. */
  readonly resultName: string;
  readonly isFunction: boolean;
}

/** Everything that one layer can say. */
export interface TlSchema {
  readonly byId: ReadonlyMap<number, TlCombinator>;
  readonly byName: ReadonlyMap<string, TlCombinator>;
  /** The mtproto schema declares binary fields as `string`: read them as bytes. */
  readonly stringsAreBinary: boolean;
}

const NUMBERED = /^(?!vector#)[\w.]+#/;
const LINE = /^(?<name>[\w.]+)#(?<id>[0-9a-f]{1,8})(?<fields>(?:\s+[^=]*)?)=\s*(?<result>[^;]+);$/;
const FIELD = /^(?<name>\w+):(?:(?<flags>\w+)\.(?<bit>\d+)\?)?(?<type>\S+)$/;
const SIMPLE: Readonly<Record<string, TlType>> = {
  int: { kind: 'int' },
  long: { kind: 'long' },
  double: { kind: 'double' },
  string: { kind: 'string' },
  bytes: { kind: 'bytes' },
  '#': { kind: 'flags' },
  true: { kind: 'true' },
  Bool: { kind: 'bool' },
  '!X': { kind: 'query' },
  X: { kind: 'query' },
  int128: { kind: 'fixed', length: 16 },
  int256: { kind: 'fixed', length: 32 },
};

/**
 * Parses one or more schema texts into one schema. Lines without an id (never sent by themselves)
 * and the definition of `vector`
 * (written by hand in the codec) are left out. Later texts win over earlier ones. Throws TlError
 * naming a line that it cannot read.
 */
export function parseSchema(
  texts: readonly string[],
  options: { readonly stringsAreBinary: boolean },
): TlSchema {
  const byId = new Map<number, TlCombinator>();
  const byName = new Map<string, TlCombinator>();
  for (const combinator of texts.flatMap(parseText)) {
    byId.set(combinator.id, combinator);
    byName.set(combinator.name, combinator);
  }
  return { byId, byName, stringsAreBinary: options.stringsAreBinary };
}

function parseText(text: string): TlCombinator[] {
  let isFunction = false;
  const found: TlCombinator[] = [];
  for (const line of text.split('\n').map((raw) => raw.trim())) {
    if (line.startsWith('---')) isFunction = line === '---functions---';
    else if (NUMBERED.test(line)) found.push(parseLine(line, isFunction));
  }
  return found;
}

function parseLine(line: string, isFunction: boolean): TlCombinator {
  const groups = LINE.exec(line)?.groups;
  const { name, id, fields, result } = groups ?? {};
  if (name === undefined || id === undefined || result === undefined)
    throw new TlError(`not a schema line: ${line}`);
  const words = (fields ?? '').split(/\s+/).filter((word) => word !== '' && !word.startsWith('{'));
  return {
    name,
    id: Number.parseInt(id, 16),
    fields: words.map((word) => parseField(word, line)),
    result: parseType(result.trim()),
    resultName: result.trim(),
    isFunction,
  };
}

function parseField(word: string, line: string): TlField {
  const { name, flags, bit, type } = FIELD.exec(word)?.groups ?? {};
  if (name === undefined || type === undefined)
    throw new TlError(`not a field: ${word} in ${line}`);
  return {
    name,
    type: parseType(type),
    condition: flags === undefined ? null : { flags, bit: Number(bit) },
  };
}

function parseType(text: string): TlType {
  const simple = SIMPLE[text];
  if (simple !== undefined) return simple;
  const vector = /^(?<box>[Vv])ector\s*<?\s*(?<item>[^>]+(?:<.*>)?)>?$/.exec(text)?.groups;
  if (vector?.item !== undefined)
    return { kind: 'vector', bare: vector.box === 'v', item: parseType(vector.item.trim()) };
  const lastPart = text.slice(text.lastIndexOf('.') + 1);
  const isBare = lastPart.charAt(0) === lastPart.charAt(0).toLowerCase();
  return { kind: isBare ? 'constructor' : 'object', name: text };
}

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { crc32 } from 'node:zlib';
import * as z from 'zod';

/**
 * One layer of Telegram's API. `text`: TL as the library's engine reads it, types first, then
 * `---functions---` and the methods.
 */
export interface TelegramLayer {
  readonly layer: number;
  readonly text: string;
  /**
   * Names that the data has and Telegram does not: their id is not the one that follows from their
   * line.
   */
  readonly foreign: readonly string[];
}

const modifiers = z
  .object({ predicate: z.string().optional(), isVector: z.boolean().optional() })
  .optional();
const layerShape = z.object({
  l: z.int().positive(),
  e: z.array(
    z.object({
      kind: z.enum(['class', 'method']),
      name: z.string(),
      id: z.int().nonnegative(),
      type: z.string(),
      typeModifiers: modifiers,
      generics: z.array(z.object({ name: z.string(), type: z.string() })).optional(),
      arguments: z.array(
        z.object({ name: z.string(), type: z.string(), typeModifiers: modifiers }),
      ),
    }),
  ),
});

type Entry = z.infer<typeof layerShape>['e'][number];

/**
 * The layer of the pinned `@mtcute/core`, newer than the one inside the library. Reads 2 MB and
 * takes some 50 ms.
 */
export const currentLayer = (): TelegramLayer =>
  layerOf(
    JSON.parse(
      readFileSync(
        createRequire(import.meta.url).resolve('@mtcute/core/tl/api-schema.json'),
        'utf8',
      ),
    ),
  );

/**
 * Pure. `data`: mtcute's JSON of a layer, which merges several public sources. Telegram derives
 * each id from the line itself (CRC-32), so a line that was
 * put together wrongly, or that the data has changed, is found out; it is left out and named.
 * Throws where the data has another shape.
 */
export const layerOf = (data: unknown): TelegramLayer => {
  const { l: layer, e: entries } = layerShape.parse(data);
  const [own, foreign] = [
    entries.filter(isTelegrams),
    entries.filter((entry) => !isTelegrams(entry)),
  ];
  const lines = (kind: Entry['kind']): string[] =>
    own.filter((entry) => entry.kind === kind).map((entry) => `${lineOf(entry, true)};`);
  return {
    layer,
    text: [...lines('class'), '---functions---', ...lines('method'), ''].join('\n'),
    foreign: foreign.map(({ name }) => name),
  };
};

const lineOf = (
  { name, id, generics = [], arguments: fields, type, typeModifiers }: Entry,
  isNumbered: boolean,
): string =>
  [
    isNumbered ? `${name}#${id.toString(16)}` : name,
    ...generics.map((one) => `{${one.name}:${one.type}}`),
    ...fields.map((field) => {
      const { predicate } = field.typeModifiers ?? {};
      return (
        `${field.name}:${predicate === undefined ? '' : `${predicate}?`}` +
        `${typeOf(field.type, field.typeModifiers)}`
      );
    }),
    `= ${typeOf(type, typeModifiers)}`,
  ].join(' ');

/** `int53` is the data's word for a number of 64 bits that fits into JavaScript's. */
const typeOf = (name: string, is: Entry['typeModifiers']): string => {
  const item = name === 'int53' ? 'long' : name;
  return is?.isVector ? `Vector<${item}>` : item;
};

/**
 * As TL counts: bytes are strings, brackets do not count, and neither do flags that are only there
 * or not.
 */
const isTelegrams = (entry: Entry): boolean =>
  entry.id ===
  crc32(
    lineOf(entry, false)
      .replace(/([:?])bytes(?= )/g, '$1string')
      .replace(/ \w+:\w+\.\d+\?true(?= )/g, '')
      .replace(/</g, ' ')
      .replace(/[>{}]/g, ''),
  );

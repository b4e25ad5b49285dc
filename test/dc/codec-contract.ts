import fc from 'fast-check';
import { BinaryReader } from 'telegram/extensions/BinaryReader.js';
import { describe, expect, test } from 'vitest';
import { decodeObject, encodeObject, type TlObject, type TlValue } from './tl/codec.ts';
import type { TlCombinator, TlSchema, TlType } from './tl/schema-text.ts';

type Types = ReadonlyMap<string, readonly TlCombinator[]>;

/**
 * A value of a type. From `depth` 0 on the shortest constructor is taken, so that recursion ends.
 */
function arbitraryOf(types: Types, type: TlType, depth: number): fc.Arbitrary<TlValue> {
  switch (type.kind) {
    case 'int':
      return fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
    case 'long':
      return fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    case 'double':
      return fc.double({ noNaN: true });
    case 'string':
      return fc.string({ unit: 'grapheme', maxLength: 300 });
    case 'bytes':
      return fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
    case 'fixed':
      return fc
        .uint8Array({ minLength: type.length, maxLength: type.length })
        .map((bytes) => Buffer.from(bytes));
    case 'bool':
      return fc.boolean();
    case 'true':
      return fc.constant(true);
    case 'vector':
      return fc.array(arbitraryOf(types, type.item, depth - 1), { maxLength: depth > 0 ? 2 : 0 });
    case 'object': {
      const choices = types.get(type.name) ?? [];
      const shortest = [...choices].sort(
        (a, b) => requiredObjects(a) - requiredObjects(b),
      )[0] as TlCombinator;
      return (depth > 0 ? fc.constantFrom(...choices) : fc.constant(shortest)).chain((chosen) =>
        objectOf(types, chosen, depth - 1),
      );
    }
    default:
      throw new Error(`no value of ${type.kind}`);
  }
}

function requiredObjects(combinator: TlCombinator): number {
  return combinator.fields.filter(
    (field) => field.condition === null && field.type.kind === 'object',
  ).length;
}

/** Fields that share a flag are there together. */
function objectOf(types: Types, combinator: TlCombinator, depth: number): fc.Arbitrary<TlObject> {
  const fields = combinator.fields.filter((field) => field.type.kind !== 'flags');
  const groups = Map.groupBy(fields, ({ condition }) =>
    condition === null ? '' : `${condition.flags}.${condition.bit}`,
  );
  const parts = [...groups].map(([group, members]) => {
    const values = fc.record(
      Object.fromEntries(
        members.map((field) => [field.name, arbitraryOf(types, field.type, depth)]),
      ),
    );
    return group === '' ? values : fc.option(values, { nil: {} });
  });
  return fc
    .tuple(...parts)
    .map((records) => Object.assign({ _: combinator.name }, ...records) as TlObject);
}

/**
 * `Bool` and `true` are no objects in memory, neither here nor in GramJS; the other two no client
 * knows.
 */
const noObjects = ['Bool', 'True', 'Error', 'Null'];

/** Any object or request of a schema. */
export function anyObjectOf(schema: TlSchema): fc.Arbitrary<TlObject> {
  const all = [...schema.byId.values()];
  const types = Map.groupBy(
    all.filter(({ isFunction }) => !isFunction),
    ({ resultName }) => resultName,
  );
  const writable = all.filter(
    ({ resultName, fields }) =>
      !noObjects.includes(resultName) && fields.every(({ type }) => type.kind !== 'query'),
  );
  return fc.constantFrom(...writable).chain((combinator) => objectOf(types, combinator, 1));
}

/**
 * The codec against itself and against the client library, which has to have read the text of the
 * same layer.
 */
export function codecContract(api: TlSchema): void {
  const anyObject = anyObjectOf(api);

  describe('codec, by any object', () => {
    test('any object survives', () => {
      fc.assert(
        fc.property(
          anyObject,
          (value) => void expect(decodeObject(api, encodeObject(api, value))).toEqual(value),
        ),
        { numRuns: 1000 },
      );
    });

    test('GramJS reads what is written here and writes the same bytes', () => {
      const objects = anyObject.filter((value) => !isBeyondGramJs(value));
      fc.assert(
        fc.property(objects, (value) => {
          const bytes = encodeObject(api, value);
          const read = new BinaryReader(bytes).tgReadObject() as { getBytes(): Buffer };
          expect(read.getBytes().toString('hex')).toBe(bytes.toString('hex'));
        }),
        { numRuns: 500 },
      );
    });
  });
}

/**
 * What GramJS does not write as it was: -0, and messages, whose class there is richer and changes
 * ids and peers.
 */
function isBeyondGramJs(value: TlValue): boolean {
  if (typeof value !== 'object' || value instanceof Uint8Array) return Object.is(value, -0);
  if ('_' in value && /^message(Service|Empty)?$/.test(String(value._))) return true;
  return Object.values(value).some((item) => isBeyondGramJs(item as TlValue));
}

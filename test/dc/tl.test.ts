import fc from 'fast-check';
import { Api } from 'telegram';
import { BinaryReader } from 'telegram/extensions/BinaryReader.js';
import { LAYER } from 'telegram/tl/AllTLObjects.js';
import { describe, expect, test } from 'vitest';
import { TlError, TlReader, TlWriter } from './tl/bytes.ts';
import { decodeObject, decodeValue, encodeObject, encodeValue, type TlObject, type TlValue } from './tl/codec.ts';
import { parseSchema, type TlCombinator, type TlSchema, type TlType } from './tl/schema-text.ts';
import { CLIENT_LAYER, loadSchemas } from './tl/schemas.ts';

interface ClientClass {
  readonly CONSTRUCTOR_ID: number;
  readonly className: string;
}

const schemas = loadSchemas([]);
const api = schemas.api(CLIENT_LAYER) as TlSchema;
const constructorsByType = Map.groupBy(
  [...api.byId.values()].filter((combinator) => !combinator.isFunction),
  (combinator) => combinator.resultName,
);

/** A value of a type. From `depth` 0 on the shortest constructor is taken, so that recursion ends. */
function arbitraryOf(type: TlType, depth: number): fc.Arbitrary<TlValue> {
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
      return fc.uint8Array({ minLength: type.length, maxLength: type.length }).map((bytes) => Buffer.from(bytes));
    case 'bool':
      return fc.boolean();
    case 'true':
      return fc.constant(true);
    case 'vector':
      return fc.array(arbitraryOf(type.item, depth - 1), { maxLength: depth > 0 ? 2 : 0 });
    case 'object': {
      const choices = constructorsByType.get(type.name) ?? [];
      const shortest = [...choices].sort((a, b) => requiredObjects(a) - requiredObjects(b))[0] as TlCombinator;
      return (depth > 0 ? fc.constantFrom(...choices) : fc.constant(shortest)).chain((chosen) => objectOf(chosen, depth - 1));
    }
    default:
      throw new Error(`no value of ${type.kind}`);
  }
}

function requiredObjects(combinator: TlCombinator): number {
  return combinator.fields.filter((field) => field.condition === null && field.type.kind === 'object').length;
}

/** Fields that share a flag are there together. */
function objectOf(combinator: TlCombinator, depth: number): fc.Arbitrary<TlObject> {
  const fields = combinator.fields.filter((field) => field.type.kind !== 'flags');
  const groups = Map.groupBy(fields, ({ condition }) => (condition === null ? '' : `${condition.flags}.${condition.bit}`));
  const parts = [...groups].map(([group, members]) => {
    const values = fc.record(Object.fromEntries(members.map((field) => [field.name, arbitraryOf(field.type, depth)])));
    return group === '' ? values : fc.option(values, { nil: {} });
  });
  return fc.tuple(...parts).map((records) => Object.assign({ _: combinator.name }, ...records) as TlObject);
}

/** `Bool` and `true` are no objects in memory, neither here nor in GramJS; the other two no client knows. */
const NO_OBJECTS = ['Bool', 'True', 'Error', 'Null'];
const writable = [...api.byId.values()].filter(
  (combinator) => !NO_OBJECTS.includes(combinator.resultName) && combinator.fields.every((field) => field.type.kind !== 'query'),
);
const anyObject = fc.constantFrom(...writable).chain((combinator) => objectOf(combinator, 1));

describe('schema text', () => {
  test('the layer is the one that the installed client declares', () => expect(CLIENT_LAYER).toBe(LAYER));

  test('every constructor that the client knows has the same id here', () => {
    const classes = Object.values(Api).flatMap((entry) => ('CONSTRUCTOR_ID' in entry ? [entry] : Object.values(entry))) as ClientClass[];
    const missing = classes.filter(({ CONSTRUCTOR_ID: id }) => !api.byId.has(id >>> 0) && !schemas.protocol.byId.has(id >>> 0));
    expect(classes.length).toBeGreaterThan(2000);
    // Written without an id in the schema: parts of a TLS greeting, never sent as TL.
    expect(missing.filter(({ className }) => !className.startsWith('Tls'))).toEqual([]);
  });

  test('comments, vectors and lines without id are left out; short ids and sections are read', () => {
    const text =
      '// note#1 x:int = X;\nvector#1cb5c415 {t:Type} # [ t ] = Vector t;\nbare = Bare;\nfoo#1f id:long = Foo;\n---functions---\nget#2 = Vector<Foo>;';
    const schema = parseSchema([text], { stringsAreBinary: false });
    expect([...schema.byId.keys()]).toEqual([0x1f, 2]);
    expect(schema.byName.get('get')).toMatchObject({ isFunction: true, result: { kind: 'vector', bare: false } });
  });

  test.each(['foo#1 = ', 'foo#1 x = Foo;', 'foo#1 x:int'])('refuses %s', (line) =>
    expect(() => parseSchema([line], { stringsAreBinary: false })).toThrow(TlError),
  );
});

describe('codec', () => {
  test('any object survives', () => {
    fc.assert(
      fc.property(anyObject, (value) => void expect(decodeObject(api, encodeObject(api, value))).toEqual(value)),
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

  test('cut short or followed by garbage is a TlError, never anything else', () => {
    fc.assert(
      fc.property(anyObject, fc.nat(), (value, at) => {
        const bytes = encodeObject(api, value);
        expect(() => decodeObject(api, bytes.subarray(0, at % bytes.length))).toThrow(TlError);
        expect(() => decodeObject(api, Buffer.concat([bytes, Buffer.alloc(4)]))).toThrow(TlError);
      }),
    );
  });

  test('random bytes are read or refused with a TlError', () => {
    fc.assert(
      fc.property(fc.constantFrom(...api.byId.keys()), fc.uint8Array({ maxLength: 400 }), (id, rest) => {
        const writer = new TlWriter();
        writer.int(id);
        writer.raw(rest);
        try {
          decodeObject(api, writer.finish());
        } catch (error) {
          expect(error).toBeInstanceOf(TlError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('fields that share a flag are all written', () => {
    const bot = decodeObject(api, encodeObject(api, { _: 'user', bot: true, id: 5n }));
    expect(bot).toEqual({ _: 'user', bot: true, id: 5n, bot_info_version: 0 });
  });

  test('missing fields are zero, a missing object is an error', () => {
    const state = decodeObject(api, encodeObject(api, { _: 'updates.state', pts: 5 }));
    expect(state).toEqual({ _: 'updates.state', pts: 5, qts: 0, date: 0, seq: 0, unread_count: 0 });
    expect(() => encodeObject(api, { _: 'updateNewChannelMessage' })).toThrow('updateNewChannelMessage.message');
  });

  test.each([
    [{ _: 'nearestDc', country: 5 }, 'nearestDc.country'],
    [{ _: 'nearestDc', this_dc: '2' }, 'nearestDc.this_dc'],
    [{ _: 'nearestDc', this_dc: 2 ** 40 }, 'no 32 bit integer'],
    [{ _: 'noSuchThing' }, 'noSuchThing'],
  ] as [TlObject, string][])('%j is refused and named', (value, message) => expect(() => encodeObject(api, value)).toThrow(message));

  test('results that are no objects', () => {
    const ints = api.byName.get('stories.getPeerMaxIDs')?.result as TlType;
    expect(decodeValue(api, ints, encodeValue(api, ints, [1, -2, 3]))).toEqual([1, -2, 3]);
    const bool = api.byName.get('account.updateStatus')?.result as TlType;
    expect(encodeValue(api, bool, true).toString('hex')).toBe('b5757299');
  });

  test('strings of every length class are padded to words', () => {
    for (const length of [0, 1, 2, 3, 252, 253, 254, 255, 256, 70_000]) {
      const writer = new TlWriter();
      writer.bytes(Buffer.alloc(length, 7));
      const bytes = writer.finish();
      expect(bytes.length % 4).toBe(0);
      expect(new TlReader(bytes).bytes()).toEqual(Buffer.alloc(length, 7));
    }
  });
});

/** What GramJS does not write as it was: -0, and messages, whose class there is richer and changes ids and peers. */
function isBeyondGramJs(value: TlValue): boolean {
  if (typeof value !== 'object' || value instanceof Uint8Array) return Object.is(value, -0);
  if ('_' in value && /^message(Service|Empty)?$/.test(String(value._))) return true;
  return Object.values(value).some((item) => isBeyondGramJs(item as TlValue));
}

import fc from 'fast-check';
import { Api } from 'telegram';
import { LAYER } from 'telegram/tl/AllTLObjects.js';
import { describe, expect, test } from 'vitest';
import { anyObjectOf, codecContract } from './codec-contract.ts';
import { TlError, TlReader, TlWriter } from './tl/bytes.ts';
import { decodeObject, decodeValue, encodeObject, encodeValue, type TlObject } from './tl/codec.ts';
import { parseSchema, type TlSchema, type TlType } from './tl/schema-text.ts';
import { CLIENT_LAYER, loadSchemas } from './tl/schemas.ts';

interface ClientClass {
  readonly CONSTRUCTOR_ID: number;
  readonly className: string;
}

const schemas = loadSchemas([]);
const api = schemas.api(CLIENT_LAYER) as TlSchema;
const anyObject = anyObjectOf(api);

describe('schema text', () => {
  test('the layer is the one that the installed client declares', () =>
    expect(CLIENT_LAYER).toBe(LAYER));

  test('every constructor that the client knows has the same id here', () => {
    const classes = Object.values(Api).flatMap((entry) =>
      'CONSTRUCTOR_ID' in entry ? [entry] : Object.values(entry),
    ) as ClientClass[];
    const missing = classes.filter(
      ({ CONSTRUCTOR_ID: id }) => !api.byId.has(id >>> 0) && !schemas.protocol.byId.has(id >>> 0),
    );
    expect(classes.length).toBeGreaterThan(2000);
    // Written without an id in the schema: parts of a TLS greeting, never sent as TL.
    expect(missing.filter(({ className }) => !className.startsWith('Tls'))).toEqual([]);
  });

  test('comments, vectors and lines without id are left out; short ids and sections are read', () => {
    const text =
      '// note#1 x:int = X;\nvector#1cb5c415 {t:Type} # [ t ] = Vector t;\nbare = ' +
      'Bare;\nfoo#1f id:long = Foo;\n---functions---\nget#2 = Vector<Foo>;';
    const schema = parseSchema([text], { stringsAreBinary: false });
    expect([...schema.byId.keys()]).toEqual([0x1f, 2]);
    expect(schema.byName.get('get')).toMatchObject({
      isFunction: true,
      result: { kind: 'vector', bare: false },
    });
  });

  test.each(['foo#1 = ', 'foo#1 x = Foo;', 'foo#1 x:int'])('refuses %s', (line) =>
    expect(() => parseSchema([line], { stringsAreBinary: false })).toThrow(TlError),
  );
});

codecContract(api);

describe('codec', () => {
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
      fc.property(
        fc.constantFrom(...api.byId.keys()),
        fc.uint8Array({ maxLength: 400 }),
        (id, rest) => {
          const writer = new TlWriter();
          writer.int(id);
          writer.raw(rest);
          try {
            decodeObject(api, writer.finish());
          } catch (error) {
            expect(error).toBeInstanceOf(TlError);
          }
        },
      ),
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
    expect(() => encodeObject(api, { _: 'updateNewChannelMessage' })).toThrow(
      'updateNewChannelMessage.message',
    );
  });

  test.each([
    [{ _: 'nearestDc', country: 5 }, 'nearestDc.country'],
    [{ _: 'nearestDc', this_dc: '2' }, 'nearestDc.this_dc'],
    [{ _: 'nearestDc', this_dc: 2 ** 40 }, 'no 32 bit integer'],
    [{ _: 'noSuchThing' }, 'noSuchThing'],
  ] as [TlObject, string][])('%j is refused and named', (value, message) =>
    expect(() => encodeObject(api, value)).toThrow(message),
  );

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

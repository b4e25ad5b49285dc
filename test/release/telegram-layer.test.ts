import { createRequire } from 'node:module';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { workerSource } from '../../src/release/lean-telegram.ts';
import { currentLayer, layerOf } from '../../src/release/telegram-layer.ts';
import { parseSchema, type TlCombinator } from '../dc/tl/schema-text.ts';
import { CLIENT_LAYER } from '../dc/tl/schemas.ts';

const load = createRequire(import.meta.url);
const published: string = load('telegram/tl/apiTl.js');
const data = load('@mtcute/core/tl/api-schema.json') as { l: number; e: Record<string, unknown>[] };
const current = currentLayer();
const [older, newer] = [published, current.text].map((text) =>
  parseSchema([text], { stringsAreBinary: false }),
);
const source = workerSource('.');
const named = new Set(
  [...source.matchAll(/\bApi\.((?:\w+\.)?\w+)/g)].map((match) =>
    (match[1] as string).toLowerCase(),
  ),
);
const namedIn = (schema: typeof newer): Map<string, TlCombinator> =>
  new Map(
    [...(schema?.byName.values() ?? [])]
      .filter(({ name }) => named.has(name.toLowerCase()))
      .map((one) => [one.name, one]),
  );

it('is newer than the one that the library was published with, and nearly all of the data is in it', () => {
  expect(current.layer).toBeGreaterThan(CLIENT_LAYER);
  expect(newer?.byName.size).toBeGreaterThan(2_300);
  // What mtcute adds of its own.
  expect(current.foreign).toEqual([
    'inputPeerPhotoFileLocationLegacy',
    'inputStickerSetThumbLegacy',
    'mtcute.customMethod',
  ]);
});

it('says the same of every id that the library knows, too', () => {
  const both = [...(older?.byId.values() ?? [])].flatMap((one) => {
    const other = newer?.byId.get(one.id);
    return other === undefined ? [] : [[one, other] as const];
  });
  expect(both.length).toBeGreaterThan(1_700);
  for (const [one, other] of both) {
    // Flags that are only there or not are no part of an id: newer layers have more of them.
    const must = ({ fields }: TlCombinator) => fields.filter(({ type }) => type.kind !== 'true');
    expect({ ...other, fields: must(other) }).toEqual({ ...one, fields: must(one) });
    const flags = (combinator: TlCombinator) =>
      combinator.fields.filter(({ type }) => type.kind === 'true');
    expect(flags(other)).toEqual(expect.arrayContaining(flags(one)));
  }
});

it('has everything that the worker names, with the fields that it was written for', () => {
  // What the engine and TypeScript know, and the schema does not.
  const others = /^(?:api\.)?(?:type\w+|\w+\.type\w+|request|anyrequest|pingdelaydisconnect)$/;
  const found = new Set([...namedIn(newer).keys()].map((name) => name.toLowerCase()));
  expect([...named].filter((name) => !found.has(name) && !others.test(name))).toEqual([]);
  const words = new Set(source.match(/\w+/g));
  const camel = (name: string) =>
    name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
  const changes = [...namedIn(older)].flatMap(([name, { fields, result }]) => {
    const now = namedIn(newer).get(name);
    const used = fields.filter(
      (field) => words.has(camel(field.name)) && field.type.kind !== 'flags',
    );
    const lost = used.filter(
      ({ name: field, type }) =>
        !now?.fields.some(
          (one) => one.name === field && JSON.stringify(one.type) === JSON.stringify(type),
        ),
    );
    return [
      ...lost.map((field) => `${name}.${field.name}`),
      ...(JSON.stringify(now?.result) === JSON.stringify(result) ? [] : [name]),
    ];
  });
  expect(changes).toEqual([]);
});

it('every method of the worker sends nothing new that Telegram would miss', () => {
  const must = ({ fields }: TlCombinator) =>
    fields.filter(({ condition, type }) => condition === null && type.kind !== 'flags');
  const asked = [...namedIn(newer).values()].filter(
    ({ isFunction, resultName, name }) => isFunction || /^input/.test(name) || !resultName,
  );
  for (const combinator of asked) {
    const before = older?.byName.get(combinator.name);
    expect({ name: combinator.name, must: must(combinator) }).toEqual({
      name: combinator.name,
      must: before && must(before),
    });
  }
});

it('leaves out and names a line that the data tells wrongly', () => {
  fc.assert(
    fc.property(
      fc.nat(data.e.length - 1),
      fc.constantFrom('name', 'type', 'field', 'missing', 'more'),
      (index, what) => {
        const entry = structuredClone(data.e[index]) as {
          name: string;
          type: string;
          arguments: { name: string; type: string }[];
        };
        const plain = entry.arguments.filter(({ type }) => type !== 'true');
        if (what === 'name') entry.name += 'x';
        if (what === 'type') entry.type += 'X';
        if (what === 'more') entry.arguments.push({ name: 'more', type: 'int' });
        const [first] = plain;
        if (what === 'field' && first !== undefined)
          first.type = first.type === 'int' ? 'double' : 'int';
        if (what === 'missing' && first !== undefined)
          entry.arguments.splice(entry.arguments.indexOf(first), 1);
        if ((what === 'field' || what === 'missing') && first === undefined) return;
        expect(layerOf({ l: 1, e: [entry] }).foreign).toEqual([entry.name]);
      },
    ),
    { numRuns: 500 },
  );
});

it.each([[null], [{}], [{ l: 0, e: [] }], [{ l: 1, e: [{ name: 'x' }] }]])(
  '%j is no layer',
  (wrong) => expect(() => layerOf(wrong)).toThrow(),
);

/**
 * A verb's fields as a schema of zod, for callers that have JSON. Apart from the fields, so that a
 * start of the command line does not load zod.
 */
import * as z from 'zod';
import type { Field } from './input.ts';
import type { Verb } from './verb.ts';

/** Characters of one text, at most. */
const longestText = 4096;

function numberOf({ of, range }: Field): z.ZodNumber {
  const { min, max, aboveMin = false } = range ?? { min: 0, max: Number.MAX_SAFE_INTEGER };
  const number = of === 'number' ? z.number() : z.int();
  return (aboveMin ? number.gt(min) : number.min(min)).max(max);
}

function schemaOfValue(field: Field): z.ZodType {
  const { of, choices } = field;
  if (of === 'flag') return z.boolean();
  if (choices !== undefined) return z.enum(choices);
  if (of === 'count' || of === 'number' || of === 'duration') return numberOf(field);
  return z.string().min(1).max(longestText);
}

const unitOf = ({ of }: Field): readonly string[] => (of === 'duration' ? ['milliseconds'] : []);

/**
 * A field with what it means; `x-fleet` says what its values stand for, so that a caller can offer
 * them.
 */
function propertyOf(field: Field): z.ZodType {
  const { of, words, isMany, isOptional, place, start } = field;
  const value = schemaOfValue(field);
  const many = z.array(value).max(10_000);
  const whole = isMany === true ? (isOptional ? many : many.min(1)) : value;
  const description = [...(words === undefined ? [] : [words]), ...unitOf(field)].join('; ');
  const described = whole.meta({ ...(description === '' ? {} : { description }), 'x-fleet': of });
  if (of === 'flag') return described.default(false);
  if (start !== undefined) return described.default(start);
  if (isMany === true && (isOptional || place === 'option')) return described.default([]);
  return isOptional ? described.optional() : described;
}

/** The whole input of a verb. Values that do not go together are refused by the verb itself. */
export function inputSchemaOf({ input }: Pick<Verb, 'input'>): z.ZodObject {
  const fields = Object.entries(input).map(([name, field]) => [name, propertyOf(field)] as const);
  const limit = z.array(z.string().min(1).max(longestText)).max(10_000).default([]);
  return z.strictObject({
    ...Object.fromEntries(fields),
    limit: limit.meta({
      description: 'only these hosts: names, globs, groups, label=value, !exclusion',
      'x-fleet': 'pattern',
    }),
  });
}

/** The same as JSON Schema (draft 2020-12). */
export const jsonSchemaOf = (verb: Pick<Verb, 'input'>): Readonly<Record<string, unknown>> =>
  z.toJSONSchema(inputSchemaOf(verb), { io: 'input' });

import * as z from 'zod';
import { parseSecretReference, secretReferenceForm } from './secret-reference.ts';
import { parseDuration, parseSize, unitPatterns } from './units.ts';

// What the schema of the inventory is made of. Every leaf carries in `error` what is allowed, as the end of the sentence "must be ...": the words that the operator reads.

export const mapping = <Shape extends z.core.$ZodLooseShape>(shape: Shape) => z.strictObject(shape, { error: 'a mapping of keys' });

/** A mapping that may be left empty (`web-1:` with nothing after it). */
export const emptyable = <Shape extends z.core.$ZodLooseShape>(shape: Shape) => mapping(shape).nullable();

export const matching = (pattern: RegExp, error: string) => z.string({ error }).regex(pattern, { error });

export const named = (pattern: RegExp, error: string) => z.string().regex(pattern, { error });

export const whole = (least: number, most: number) => {
  const error = `a whole number from ${least} to ${most}`;
  return z.int({ error }).min(least, { error }).max(most, { error });
};

export const decimal = (least: number, most: number, unit = '') => {
  const error = `a number from ${least} to ${most}${unit}`;
  return z.number({ error }).min(least, { error }).max(most, { error });
};

const quantity = (pattern: RegExp, parse: (text: string) => number | null, least: string, most: string, kind: string) => {
  const error = `${kind}, from ${least} to ${most}`;
  const [lowest, highest] = [parse(least) ?? 0, parse(most) ?? 0];
  const within = (text: string): boolean => {
    const value = parse(text);
    return value === null || (value >= lowest && value <= highest);
  };
  return matching(pattern, error)
    .refine(within, { error })
    .transform((text) => parse(text) ?? lowest);
};

export const duration = (least: string, most: string) =>
  quantity(unitPatterns.duration, parseDuration, least, most, 'a duration such as 30s, 10m or 6h');
export const size = (least: string, most: string) => quantity(unitPatterns.size, parseSize, least, most, 'a size such as 200M or 1.5G');
export const flag = () => z.boolean({ error: 'true or false' });
export const oneOf = <const Values extends readonly string[]>(values: Values) => z.enum(values, { error: `one of ${values.join(', ')}` });
export const listOf = <Item extends z.ZodType>(item: Item) => z.array(item, { error: 'a list, for example [a, b]' });

const secretForm = `a secret reference (${secretReferenceForm}); the secret itself is never written into the inventory`;

/** `env:NAME`, `file:PATH` or `exec:COMMAND`. */
export const secret = () =>
  matching(/^(?:env|file|exec):/, secretForm)
    .refine((text) => parseSecretReference(text) !== null, { error: secretForm })
    .transform((text) => parseSecretReference(text) ?? z.NEVER);

export const path = () => matching(/^[^\0]+$/, 'a path; a relative one starts at the folder of the inventory, ~ is your home');
export const word = (what: string) =>
  matching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, `${what}: letters, digits, "-", "_" and ".", at most 63`);

import * as z from 'zod';
import { parseSecretReference, secretReferenceForm } from './secret-reference.ts';
import { parseDuration, parseSize, unitPatterns } from './units.ts';

// A command validates each document once: compiling validators first (half of the time that `fleet
// status` took) never pays.
z.config({ jitless: true });

/**
 * Keys whose values are never repeated in a message: somebody may have written the secret itself.
 */
export const secretKeys: ReadonlySet<string> = new Set([
  ...['key', 'api_id', 'api_hash', 'api_key', 'password', 'passphrase', 'sudo_password'],
  ...['url', 'heartbeat', 'authorization', 'sign_key', 'token'],
]);

// What the schema of the inventory is made of. Every leaf carries in `error` what is allowed, as
// the end of the sentence "must be ...": the words that the operator reads.

export const mapping = <Shape extends z.core.$ZodLooseShape>(shape: Shape) =>
  z.strictObject(shape, { error: 'a mapping of keys' });

/** A mapping that may be left empty (`web-1:` with nothing after it). */
export const emptyable = <Shape extends z.core.$ZodLooseShape>(shape: Shape) =>
  mapping(shape).nullable();

export const matching = (pattern: RegExp, error: string) =>
  z.string({ error }).regex(pattern, { error });

export const named = (pattern: RegExp, error: string) => z.string().regex(pattern, { error });

export const whole = (least: number, most: number) => {
  const error = `a whole number from ${least} to ${most}`;
  return z.int({ error }).min(least, { error }).max(most, { error });
};

export const decimal = (least: number, most: number, unit = '') => {
  const error = `a number from ${least} to ${most}${unit}`;
  return z.number({ error }).min(least, { error }).max(most, { error });
};

const quantity = (
  pattern: RegExp,
  parse: (text: string) => number | null,
  least: string,
  most: string,
  kind: string,
) => {
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
export const size = (least: string, most: string) =>
  quantity(unitPatterns.size, parseSize, least, most, 'a size such as 200M or 1.5G');
export const flag = () => z.boolean({ error: 'true or false' });
export const oneOf = <const Values extends readonly string[]>(values: Values) =>
  z.enum(values, { error: `one of ${values.join(', ')}` });
export const listOf = <Item extends z.ZodType>(item: Item) =>
  z.array(item, { error: 'a list, for example [a, b]' });

const secretForm =
  `a secret reference (${secretReferenceForm}); the secret itself is never written into the ` +
  'inventory';

/** `env:NAME`, `file:PATH` or `exec:COMMAND`. */
export const secret = () =>
  matching(/^(?:env|file|exec):/, secretForm)
    .refine((text) => parseSecretReference(text) !== null, { error: secretForm })
    .transform((text) => parseSecretReference(text) ?? z.NEVER);

export const path = () =>
  matching(
    /^[^\0]+$/,
    'a path; a relative one starts at the folder of the inventory, ~ is your home',
  );
export const ledgerPlace = () =>
  matching(
    /^(?!postgres(?:ql)?:)[^\0]+$|^postgres(?:ql)?:\/\/[\w.%-]{1,63}@(?:(?:[\w.-]{1,253}|\[[\da-fA-F:.]{2,45}\])(?::\d{1,5})?\/[\w.%-]{1,63}|\/[\w.%-]{1,63}\?host=\/[\w./-]{1,90}(?:&port=\d{1,5})?)$/,
    'a path, postgres://USER@SERVER/DATABASE without a password, or ' +
      'postgres://USER@/DATABASE?host=/FOLDER for a unix socket',
  );
export const word = (what: string) =>
  matching(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
    `${what}: letters, digits, "-", "_" and ".", at most 63`,
  );

const unwrapped = (schema: z.core.$ZodType): z.core.$ZodType => {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable)
    return unwrapped(schema.unwrap());
  if (schema instanceof z.ZodUnion)
    return schema.options.find((option) => option instanceof z.ZodObject) ?? schema;
  return schema;
};

const below = (schema: z.core.$ZodType, segment: string | number): z.core.$ZodType | undefined => {
  if (schema instanceof z.ZodObject) return schema.shape[segment];
  if (schema instanceof z.ZodRecord) return schema.valueType;
  return schema instanceof z.ZodArray ? schema.element : undefined;
};

/**
 * Keys that `root` allows in the mapping at `path`, each with the keys of its own mapping, if it
 * has one.
 */
export const keysAt = (
  root: z.core.$ZodType,
  path: readonly (string | number)[],
): ReadonlyMap<string, readonly string[]> => {
  let schema: z.core.$ZodType | undefined = root;
  for (const segment of path)
    schema = schema === undefined ? undefined : below(unwrapped(schema), segment);
  const object = schema === undefined ? undefined : unwrapped(schema);
  if (!(object instanceof z.ZodObject)) return new Map();
  const inner = (each: z.core.$ZodType): readonly string[] => {
    const type = unwrapped(each);
    return type instanceof z.ZodObject ? Object.keys(type.shape) : [];
  };
  return new Map(Object.entries(object.shape).map(([key, each]) => [key, inner(each)]));
};

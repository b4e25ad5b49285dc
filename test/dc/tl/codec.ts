import { TlError, TlReader, TlWriter } from './bytes.ts';
import type { TlCombinator, TlField, TlSchema, TlType } from './schema-text.ts';

/**
 * A value in memory: `long` is bigint, other numbers are number, `bytes` and fixed-length integers
 * are Buffers, vectors are
 * arrays, `Bool` and `true` flags are booleans, everything else an object whose `_` is the
 * constructor's name.
 */
export type TlValue =
  | number
  | bigint
  | string
  | boolean
  | Uint8Array
  | TlObject
  | readonly TlValue[]
  | undefined;

export interface TlObject {
  readonly _: string;
  readonly [field: string]: TlValue;
}

const VECTOR_ID = 0x1cb5c415;
const BOOL_TRUE_ID = 0x997275b5;
const BOOL_FALSE_ID = 0xbc799737;

/**
 * Writes one boxed object or call. Missing fields become 0, '' or []; a missing object is an error,
 * since nothing is its zero.
 */
export function encodeObject(schema: TlSchema, value: TlObject): Buffer {
  const writer = new TlWriter();
  writeBoxed(schema, writer, value);
  return writer.finish();
}

/**
 * Writes a value of a known type, as the result of a call needs it (`Bool`, `Vector<User>`,
 * `updates.State`...).
 */
export function encodeValue(schema: TlSchema, type: TlType, value: TlValue): Buffer {
  const writer = new TlWriter();
  writeValue(schema, writer, type, value, 'result');
  return writer.finish();
}

/** Reads one boxed object or call; what follows it stays in the reader. */
export function readObject(schema: TlSchema, reader: TlReader): TlObject {
  const id = reader.uint();
  const combinator = schema.byId.get(id);
  if (combinator === undefined)
    throw new TlError(`constructor ${id.toString(16).padStart(8, '0')} is not in the schema`);
  return readFields(schema, reader, combinator);
}

/** Reads exactly one boxed object; bytes left over are an error. */
export function decodeObject(schema: TlSchema, bytes: Uint8Array): TlObject {
  const reader = new TlReader(bytes);
  const value = readObject(schema, reader);
  if (reader.remaining > 0) throw new TlError(`${reader.remaining} bytes follow ${value._}`);
  return value;
}

/** Reads a value of a known type, the counterpart of {@link encodeValue}. */
export function decodeValue(schema: TlSchema, type: TlType, bytes: Uint8Array): TlValue {
  const reader = new TlReader(bytes);
  const value = readValue(schema, reader, type);
  if (reader.remaining > 0) throw new TlError(`${reader.remaining} bytes follow the value`);
  return value;
}

/** Name of an object that no client can read: a constructor of a layer to come. */
export const UNREADABLE = 'unreadable';
const UNREADABLE_ID = 0x0badc0de;

function writeBoxed(schema: TlSchema, writer: TlWriter, value: TlObject): void {
  if (value._ === UNREADABLE) {
    writer.int(UNREADABLE_ID);
    return;
  }
  const combinator = schema.byName.get(value._);
  if (combinator === undefined) throw new TlError(`${value._} is not in the schema`);
  writer.int(combinator.id);
  writeFields(schema, writer, combinator, value);
}

function writeFields(
  schema: TlSchema,
  writer: TlWriter,
  combinator: TlCombinator,
  value: TlObject,
): void {
  const flags = flagsOf(combinator, value);
  for (const field of combinator.fields) {
    const where = `${combinator.name}.${field.name}`;
    if (field.type.kind === 'flags') writer.int(flags.get(field.name) ?? 0);
    else if (isSet(flags, field)) writeValue(schema, writer, field.type, value[field.name], where);
  }
}

/** Several fields may share a bit: one of them with a value sets it, and all are written. */
function flagsOf(combinator: TlCombinator, value: TlObject): Map<string, number> {
  const flags = new Map<string, number>();
  for (const { condition, name, type } of combinator.fields) {
    const content = value[name];
    const isGiven = type.kind === 'true' ? content === true : content !== undefined;
    if (condition !== null && isGiven)
      flags.set(condition.flags, ((flags.get(condition.flags) ?? 0) | (1 << condition.bit)) >>> 0);
  }
  return flags;
}

function isSet(flags: ReadonlyMap<string, number>, { condition }: TlField): boolean {
  return condition === null || ((flags.get(condition.flags) ?? 0) & (1 << condition.bit)) !== 0;
}

function writeValue(
  schema: TlSchema,
  writer: TlWriter,
  type: TlType,
  value: TlValue,
  where: string,
): void {
  switch (type.kind) {
    case 'int':
    case 'flags':
      writer.int(typed(value ?? 0, 'number', where));
      break;
    case 'double':
      writer.double(typed(value ?? 0, 'number', where));
      break;
    case 'long':
      writer.long(typed(value ?? 0n, 'bigint', where));
      break;
    case 'bool':
      writer.int(typed(value ?? false, 'boolean', where) ? BOOL_TRUE_ID : BOOL_FALSE_ID);
      break;
    case 'true':
      break;
    case 'string':
    case 'bytes':
      writer.bytes(value === undefined ? Buffer.alloc(0) : binary(value, where));
      break;
    case 'fixed':
      writer.raw(fixed(value, type.length, where));
      break;
    case 'vector':
      writeVector(schema, writer, type, value ?? [], where);
      break;
    case 'constructor':
      writeFields(schema, writer, namedCombinator(schema, type.name), object(value, where));
      break;
    case 'object':
      writeBoxed(schema, writer, object(value, where));
      break;
    case 'query':
      writeQuery(schema, writer, value, where);
      break;
  }
}

function writeQuery(schema: TlSchema, writer: TlWriter, value: TlValue, where: string): void {
  if (value instanceof Uint8Array) writer.raw(value);
  else writeBoxed(schema, writer, object(value, where));
}

function writeVector(
  schema: TlSchema,
  writer: TlWriter,
  type: TlType & { kind: 'vector' },
  value: TlValue,
  where: string,
): void {
  if (!Array.isArray(value)) throw new TlError(`${where}: expected a vector`);
  if (!type.bare) writer.int(VECTOR_ID);
  writer.int(value.length);
  for (const [index, item] of value.entries())
    writeValue(schema, writer, type.item, item as TlValue, `${where}[${index}]`);
}

function readFields(schema: TlSchema, reader: TlReader, combinator: TlCombinator): TlObject {
  const flags = new Map<string, number>();
  const value: Record<string, TlValue> = {};
  for (const field of combinator.fields) {
    if (field.type.kind === 'flags') {
      flags.set(field.name, reader.uint());
      continue;
    }
    if (isSet(flags, field)) value[field.name] = readValue(schema, reader, field.type);
  }
  return { _: combinator.name, ...value };
}

function readValue(schema: TlSchema, reader: TlReader, type: TlType): TlValue {
  switch (type.kind) {
    case 'int':
      return reader.int();
    case 'flags':
      return reader.uint();
    case 'double':
      return reader.double();
    case 'long':
      return reader.long();
    case 'bool':
      return readBool(reader);
    case 'true':
      return true;
    case 'string':
      return schema.stringsAreBinary
        ? Buffer.from(reader.bytes())
        : reader.bytes().toString('utf8');
    case 'bytes':
      return Buffer.from(reader.bytes());
    case 'fixed':
      return Buffer.from(reader.raw(type.length));
    case 'vector':
      return readVector(schema, reader, type);
    case 'constructor':
      return readFields(schema, reader, namedCombinator(schema, type.name));
    case 'object':
      return readObject(schema, reader);
    case 'query':
      return reader.rest();
  }
}

function readBool(reader: TlReader): boolean {
  const id = reader.uint();
  if (id !== BOOL_TRUE_ID && id !== BOOL_FALSE_ID)
    throw new TlError(`${id.toString(16)} is no Bool`);
  return id === BOOL_TRUE_ID;
}

function readVector(
  schema: TlSchema,
  reader: TlReader,
  type: TlType & { kind: 'vector' },
): TlValue[] {
  if (!type.bare && reader.uint() !== VECTOR_ID) throw new TlError('expected a vector');
  const count = reader.uint();
  // Every item takes at least four bytes: a wrong count must not allocate memory.
  if (count > reader.remaining / 4)
    throw new TlError(`a vector of ${count} items in ${reader.remaining} bytes`);
  return Array.from({ length: count }, () => readValue(schema, reader, type.item));
}

function namedCombinator(schema: TlSchema, name: string): TlCombinator {
  const combinator = schema.byName.get(name);
  if (combinator === undefined) throw new TlError(`${name} is not in the schema`);
  return combinator;
}

interface Primitive {
  number: number;
  bigint: bigint;
  boolean: boolean;
}

function typed<K extends keyof Primitive>(value: TlValue, kind: K, where: string): Primitive[K] {
  if (typeof value !== kind) throw new TlError(`${where}: expected ${kind}, got ${typeof value}`);
  return value as unknown as Primitive[K];
}

function binary(value: TlValue, where: string): Uint8Array {
  if (typeof value === 'string') return Buffer.from(value, 'utf8');
  if (value instanceof Uint8Array) return value;
  throw new TlError(`${where}: expected text or bytes`);
}

function fixed(value: TlValue, length: number, where: string): Uint8Array {
  if (value === undefined) return Buffer.alloc(length);
  if (value instanceof Uint8Array && value.length === length) return value;
  throw new TlError(`${where}: expected ${length} bytes`);
}

function object(value: TlValue, where: string): TlObject {
  if (typeof value === 'object' && '_' in value && typeof value._ === 'string')
    return value as TlObject;
  throw new TlError(`${where}: expected an object`);
}

/** A query string as the input of a verb. Pure. */
import type { Field, Fields } from '../../verbs/input.ts';
import { pageSize } from '../pages.ts';
import { refusal } from '../problem.ts';

/** Values as they were sent: one, or several of the same name. */
export type Query = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface Asked {
  readonly input: Readonly<Record<string, unknown>>;
  readonly cursor: string | undefined;
  readonly size: number;
}

/**
 * What a text stands for; one that stands for nothing stays as it is, and is refused with its name.
 */
function readValue(text: string, { of }: Field): unknown {
  if (of === 'flag') return text === 'true' || text === '' ? true : text === 'false' ? false : text;
  if (of !== 'count' && of !== 'number' && of !== 'duration') return text;
  return /^\d{1,15}(?:\.\d{1,15})?$/.test(text) ? Number(text) : text;
}

function sizeOf(text: string | undefined): number {
  if (text === undefined) return pageSize.default;
  const size = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (size >= 1 && size <= pageSize.max) return size;
  throw refusal(
    400,
    'cursor',
    `page must be from 1 to ${pageSize.max}.`,
    `For example page=${pageSize.default}.`,
  );
}

const firstOf = (value: Query[string]): string | undefined =>
  typeof value === 'string' ? value : value?.[0];

/** Errors: 400 `cursor`. */
export function askedIn(query: Query, fields: Fields): Asked {
  const { cursor, page, ...rest } = query;
  const given = Object.entries(rest).filter(([, value]) => value !== undefined);
  const input = given.map(([name, value]): [string, unknown] => {
    const texts = [value ?? []].flat();
    if (name === 'limit') return [name, texts];
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (field === undefined) return [name, value];
    const values = texts.map((text) => readValue(text, field));
    return [name, field.isMany === true ? values : values.length === 1 ? values[0] : values];
  });
  return { input: Object.fromEntries(input), cursor: firstOf(cursor), size: sizeOf(firstOf(page)) };
}

/** The same input under one name, whatever the order in which it came. */
export const canonical = (input: Readonly<Record<string, unknown>>): string =>
  JSON.stringify(Object.entries(input).toSorted(([a], [b]) => (a < b ? -1 : 1)));

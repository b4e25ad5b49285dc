import type { z } from 'zod';
import { FleetError } from '../../model/errors.ts';
import { keysAt, secretKeys } from '../schema/schema-leaves.ts';
import { nearest } from './nearest.ts';
import type { KeyPath, Problem, YamlDocument } from './yaml-document.ts';

/**
 * `hosts.web-1.groups[0]`; a name with other characters is put in brackets: `hosts["eu.web"].zone`.
 */
export const formatKeyPath = (path: KeyPath): string =>
  path.reduce<string>((text, segment) => {
    if (typeof segment === 'number') return `${text}[${segment}]`;
    if (!/^[\w-]{1,64}$/.test(segment)) return `${text}[${JSON.stringify(segment.slice(0, 64))}]`;
    return text === '' ? segment : `${text}.${segment}`;
  }, '');

const valueAt = (value: unknown, path: KeyPath): unknown =>
  path.reduce<unknown>(
    (inner, segment) =>
      typeof inner === 'object' && inner !== null && Object.hasOwn(inner, segment)
        ? Reflect.get(inner, segment)
        : undefined,
    value,
  );

/**
 * What stands there. Where a mapping or a list is wanted the text is not repeated: a secret with a
 * colon missing looks like that.
 */
const described = (value: unknown, scalarWanted: boolean): string => {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  if (!scalarWanted) return typeof value === 'string' ? 'text' : `a ${typeof value}`;
  // A password that was typed into an address is not repeated.
  const text =
    typeof value === 'string'
      ? JSON.stringify(value.replace(/[^\s/@:]*:[^\s/@][^\s@]*@/g, '***@'))
      : String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
};

/** ` (did you mean "x"?)`, or nothing where `candidate` is null. */
export const didYouMean = (candidate: string | null): string =>
  candidate === null ? '' : ` (did you mean "${candidate}"?)`;

const unknownKeyText = (key: string, path: KeyPath, schema: z.core.$ZodType): string => {
  if (key === '<<')
    return 'merge keys are not supported: use defaults and groups to share settings';
  const known = keysAt(schema, path);
  const near = nearest(key, known.keys());
  if (near !== null) return `unknown key${didYouMean(near)}`;
  const parent = [...known].find(([, inner]) => inner.includes(key))?.[0];
  if (parent !== undefined) return `unknown key here: it belongs under "${parent}"`;
  return `unknown key; allowed here: ${[...known.keys()].join(', ')}`;
};

const wrongValueText = (issue: z.core.$ZodIssue, value: unknown, path: KeyPath): string => {
  if (value === undefined) return `this key is missing; it must be ${issue.message}`;
  if (value === null) return `this key has no value; it must be ${issue.message}`;
  // A list item belongs to the last key above it.
  const key = path.findLast((segment) => typeof segment === 'string');
  if (secretKeys.has(String(key))) return `must be ${issue.message}`;
  const scalarWanted =
    issue.code !== 'invalid_type' || !['object', 'record', 'array'].includes(issue.expected);
  const near =
    issue.code === 'invalid_value' && typeof value === 'string'
      ? nearest(value, issue.values.map(String))
      : null;
  return `must be ${issue.message}, not ${described(value, scalarWanted)}${didYouMean(near)}`;
};

/**
 * The issues of the branch of a union that the operator was writing; empty when no branch is meant
 * more than another.
 */
const meantBranch = (issue: z.core.$ZodIssueInvalidUnion): readonly z.core.$ZodIssue[] =>
  issue.errors.find((branch) =>
    branch.some((each) => each.path.length > 0 || each.code === 'unrecognized_keys'),
  ) ?? [];

const keyPath = (path: readonly PropertyKey[]): KeyPath =>
  path.map((segment) => (typeof segment === 'number' ? segment : String(segment)));

/**
 * Every mistake that zod found in the data of `document` by `schema`, in the operator's words.
 * Values of secret keys are not repeated.
 */
export const problemsOfIssues = (
  issues: readonly z.core.$ZodIssue[],
  document: YamlDocument,
  schema: z.core.$ZodType,
  above: KeyPath = [],
): readonly Problem[] =>
  issues.flatMap((issue): readonly Problem[] => {
    const path = [...above, ...keyPath(issue.path)];
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => {
        const inner = [...path, key];
        return {
          position: document.locate(inner, 'key'),
          path: inner,
          text: unknownKeyText(key, path, schema),
        };
      });
    if (issue.code === 'invalid_union' && meantBranch(issue).length > 0)
      return problemsOfIssues(meantBranch(issue), document, schema, path);
    if (issue.code === 'invalid_key')
      return [
        {
          position: document.locate(path, 'key'),
          path,
          text: `bad name: ${issue.issues[0]?.message ?? 'not allowed'}`,
        },
      ];
    return [
      {
        position: document.locate(path, 'value'),
        path,
        text: wrongValueText(issue, valueAt(document.value, path), path),
      },
    ];
  });

const maxProblems = 100;

const formatProblem = (problem: Problem, path: string): string => {
  const key = formatKeyPath(problem.path);
  return (
    `${path}:${problem.position.line}:${problem.position.column} ` +
    `${key === '' ? '' : `${key}: `}${problem.text}`
  );
};

const byPosition = (left: Problem, right: Problem): number =>
  left.position.line - right.position.line || left.position.column - right.position.column;

/**
 * The error for the file at `path`, with every mistake at once in the order of the file, as
 * `path:line:column key.path: what is wrong`. `hint` says what to do.
 */
export const rejected = (problems: readonly Problem[], path: string, hint: string): FleetError => {
  // Two rules may find the same mistake in one value.
  const lines = [
    ...new Set(problems.toSorted(byPosition).map((problem) => formatProblem(problem, path))),
  ];
  const shown =
    lines.length > maxProblems
      ? [...lines.slice(0, maxProblems), `and ${lines.length - maxProblems} more`]
      : lines;
  return new FleetError(
    'inventory',
    `${path} has ${lines.length === 1 ? 'a mistake' : `${lines.length} mistakes`}`,
    {
      hint,
      problems: shown,
    },
  );
};

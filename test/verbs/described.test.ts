/**
 * What programs are told of verbs: input, effects and route, from the same fields as the command
 * line.
 */
import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { buildProgram } from '../../src/cli/program.ts';
import { inputOf } from '../../src/cli/verb-options.ts';
import { inputSchemaOf, jsonSchemaOf } from '../../src/verbs/input-schema.ts';
import { verbs } from '../../src/verbs/registry.ts';
import { effectsOf, routeOf } from '../../src/verbs/route.ts';
import type { Verb } from '../../src/verbs/verb.ts';

/** Words as a shell parts them, up to a redirection. */
const wordsOf = (line: string): string[] =>
  [...line.replace(/ > .*$/, '').matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    ([, single, double, plain]) => single ?? double ?? plain ?? '',
  );

/** What the command line makes of `fleet WORDS`; null where the words are those of another verb. */
function typed(verb: Verb, words: readonly string[]): unknown {
  const program = buildProgram();
  const found = verb.name
    .split(' ')
    .reduce<Command | undefined>(
      (parent, word) => parent?.commands.find((each) => each.name() === word),
      program,
    );
  if (found === undefined) throw new Error(`there is no command ${verb.name}`);
  let input: unknown = null;
  found.action(() => {
    input = inputOf(verb, {
      args: found.args,
      options: { ...(found.optsWithGlobals() as object), signal: new AbortController().signal },
    } as never);
  });
  const others = (command: Command): Command[] => [command, ...command.commands.flatMap(others)];
  for (const other of others(program))
    if (other !== found && other.commands.length === 0) other.action(() => undefined);
  program.parse(words, { from: 'user' });
  return input;
}

const asJson = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe.each(verbs.map((verb) => [verb.name, verb] as const))('%s', (name, verb) => {
  test('takes as JSON what its examples say on the command line, and nothing else', () => {
    const inputs = verb.examples
      .map(([line]) => typed(verb, wordsOf(line)))
      .filter((input) => input !== null);
    expect(inputs.length).toBeGreaterThan(0);
    const schema = inputSchemaOf(verb);
    for (const input of inputs) expect(asJson(schema.parse(asJson(input)))).toEqual(asJson(input));
    for (const input of inputs)
      expect(schema.safeParse({ ...(asJson(input) as object), surprise: 1 }).success).toBe(false);
  });

  test('has a JSON schema that explains each option, and a route unless it is about its own terminal', () => {
    const { type, properties, additionalProperties } = jsonSchemaOf(verb) as {
      type: string;
      properties: Record<string, { description?: string; 'x-fleet'?: string }>;
      additionalProperties: boolean;
    };
    expect({ type, additionalProperties, keys: Object.keys(properties) }).toEqual({
      ...{
        type: 'object',
        additionalProperties: false,
        keys: [...Object.keys(verb.input), 'limit'],
      },
    });
    for (const [key, field] of Object.entries(verb.input)) {
      expect([key, properties[key]?.['x-fleet']]).toEqual([key, field.of]);
      if (field.place === 'option') expect(properties[key]?.description).toContain(field.words);
    }
    const route = routeOf(verb);
    if (verb.isLocal) return void expect(route).toBeNull();
    expect(route?.path).toBe(`/v1/${name.replaceAll(' ', '/')}`);
    // Whatever changes something is never a GET, and what may plan does plan first.
    expect(route?.method).toBe(effectsOf(verb) === 'nothing' ? 'GET' : 'POST');
    expect(route?.steps).toBe(verb.kind === 'change' ? 'plan-then-apply' : 'direct');
  });
});

test('no two verbs share a route, and values out of range are refused as on the command line', () => {
  const paths = verbs.flatMap((verb) => routeOf(verb)?.path ?? []);
  expect(new Set(paths).size).toBe(paths.length);
  const parse = (name: string, input: object) => {
    const verb = verbs.find((each) => each.name === name);
    if (verb === undefined) throw new Error(`there is no verb ${name}`);
    return inputSchemaOf(verb).safeParse(input).success;
  };
  expect(
    [{ lines: 1 }, { lines: 0 }, { lines: 1.5 }, { lines: '3' }].map((input) =>
      parse('events', input),
    ),
  ).toEqual([true, false, false, false]);
  expect([{ scale: 1.5 }, { scale: 0 }].map((input) => parse('simulate', input))).toEqual([
    true,
    false,
  ]);
  expect(
    [
      { all: true, strategy: 'even' },
      { all: true, strategy: 'luck' },
    ].map((input) => parse('allocate', input)),
  ).toEqual([true, false]);
  expect(
    [{ accounts: ['anna'] }, { accounts: [] }, {}].map((input) => parse('accounts stop', input)),
  ).toEqual([true, false, false]);
});

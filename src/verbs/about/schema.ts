import { FleetError } from '../../model/errors.ts';
import { argument } from '../input.ts';
import { defineErrand, type Verb } from '../verb.ts';

/**
 * `fleet schema`: the verbs as programs see them. `all`: called when it runs, because this verb is
 * one of them.
 */
export const schemaVerb = (all: () => readonly Verb[]) =>
  defineErrand({
    name: 'schema',
    group: 'about',
    summary:
      'describe commands and events for programs: input as JSON Schema, effects, API route, ' +
      'kinds of events',
    input: { command: argument({ isMany: true, isOptional: true }) },
    examples: [
      ['schema', 'every command, and every kind of event'],
      ['schema accounts stop', 'one of them'],
    ],
    files: [],
    effects: 'nothing',
    async run(_, { command }) {
      const [{ jsonSchemaOf }, { effectsOf, routeOf }, { describeEvents }] = await Promise.all([
        import('../input-schema.ts'),
        import('../route.ts'),
        import('../../model/events/event.ts'),
      ]);
      const verbs = chosen(all(), command.join(' ')).map((verb) => ({
        ...{ name: verb.name, summary: verb.summary, group: verb.group, effects: effectsOf(verb) },
        ...{ route: routeOf(verb), input: jsonSchemaOf(verb) },
      }));
      return command.length === 0 ? { verbs, events: describeEvents() } : { verbs };
    },
    toJson: (found) => found,
  });

/** Those called so, or in that group of words; all where nothing is named. Errors: `usage`. */
function chosen(verbs: readonly Verb[], name: string): readonly Verb[] {
  const found = verbs.filter(
    (verb) => name === '' || verb.name === name || verb.name.startsWith(`${name} `),
  );
  if (found.length > 0) return found;
  throw new FleetError('usage', `there is no command ${name}`, {
    hint: 'fleet --help lists them, fleet schema describes them all',
  });
}

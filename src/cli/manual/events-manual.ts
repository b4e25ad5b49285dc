import { describeEvents, sentenceOf } from '../../model/events/event.ts';

type Schema = Readonly<Record<string, unknown>>;

/** A value that a reader recognises in a sentence: the name of the field, or a plain number. */
function exampleOf(name: string, { type, anyOf, enum: choices }: Schema): unknown {
  if (Array.isArray(anyOf)) return exampleOf(name, anyOf[0] as Schema);
  if (Array.isArray(choices)) return choices[0];
  if (type === 'boolean') return false;
  if (type === 'integer') return name.endsWith('Ms') ? 90_000 : 7;
  return type === 'array' ? [name.toUpperCase()] : name.toUpperCase();
}

const subjects = {
  host: 'a host',
  account: 'an account',
  both: 'an account on a host',
  fleet: 'the fleet',
};

function rowOf({ kind, about, data }: ReturnType<typeof describeEvents>[number]): string {
  const properties = Object.entries(data.properties as Readonly<Record<string, Schema>>);
  const values = Object.fromEntries(
    properties.map(([name, schema]) => [name, exampleOf(name, schema)]),
  );
  // Made by the schema of its own kind.
  const sentence = sentenceOf({ kind, ...values } as never);
  const names = properties.map(([name]) => `\`${name}\``).join(', ');
  const cells = [`\`${kind}\``, subjects[about], names, sentence.replaceAll('|', '\\|')];
  return `| ${cells.join(' | ')} |`;
}

/** docs/events.md: every kind of event with its values and its sentence. */
export function eventsMarkdown(): string {
  return `${[
    '# Events',
    'What `fleet events` shows and what the ledger keeps for ever. Made from ' +
      '`src/model/events/event-kinds.ts` by `npm run generate:commands`.',
    'In `fleet events --json` each event has `id`, `at`, `kind`, `host`, `account` (null where it is ' +
      'about none), `data` (the values of its kind) and `text` (its sentence). An event that this ' +
      'fleet cannot read, of a newer fleet or of one before 2026-11-30, has `data: null` and its ' +
      'words as `text`. `fleet schema` has the values of every kind as JSON Schema. Times and ' +
      'durations are milliseconds.',
    [
      '| kind | about | values | sentence |',
      '| --- | --- | --- | --- |',
      ...describeEvents().map(rowOf),
    ].join('\n'),
  ].join('\n\n')}\n`;
}

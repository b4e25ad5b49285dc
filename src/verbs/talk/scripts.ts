import { argument, option } from '../input.ts';
import { scriptsData, scriptTestData } from '../results/talk/scripts.ts';
import { defineErrand } from '../verb.ts';
import { inventoryIfAny } from './inventory-if-any.ts';

/** `fleet scripts list`. */
export const listScripts = defineErrand({
  name: 'scripts list',
  group: 'talk',
  summary: 'your scripts and fleet’s own',
  input: {},
  examples: [
    ['scripts list', 'which there are, and who uses them'],
    ['scripts list --json', 'for programs'],
  ],
  files: ['inventory', 'scripts'],
  effects: 'nothing',
  async run(desk) {
    const { listAllScripts } = await import('../../workflows/answers/test-script.ts');
    return listAllScripts(await inventoryIfAny(desk));
  },
  toJson: scriptsData,
  problems: (found) => found.flatMap(({ error }) => error ?? []),
});

/** `fleet scripts show`. */
export const showScript = defineErrand({
  name: 'scripts show',
  group: 'talk',
  summary: 'a script, checked; SCRIPT is a name or a file',
  input: { script: argument({ of: 'script' }) },
  examples: [
    ['scripts show welcome', 'one of your scripts, or of fleet’s own'],
    ['scripts show scripts/new.yaml', 'a file: all its mistakes at once'],
  ],
  files: ['inventory', 'scripts'],
  effects: 'nothing',
  async run(desk, { script }) {
    const { openScript } = await import('../../workflows/answers/test-script.ts');
    return openScript(await inventoryIfAny(desk), script);
  },
  toJson: ({ path, description, script }) => ({ path, description, script }),
});

/** `fleet scripts test`. */
export const testScript = defineErrand({
  name: 'scripts test',
  group: 'talk',
  summary: 'replay a conversation offline: what would be answered, and why not',
  input: {
    script: argument({ of: 'script', words: 'a name or a file' }),
    transcript: argument({ of: 'file', words: 'a file: YAML, or one JSON message a line' }),
    account: option({
      ...{ of: 'account', among: 'inventory', shown: 'account', isMany: true },
      words: 'as this account of the inventory; several share the group (repeatable)',
    }),
  },
  examples: [
    ['scripts test welcome talk.yaml', 'what would be answered to which message, and why not'],
    [
      'scripts test welcome talk.yaml --account anna --account bert',
      'with both of them in the group',
    ],
  ],
  files: ['inventory', 'scripts'],
  effects: 'nothing',
  async run(desk, { script, transcript, account }) {
    const workflow = await import('../../workflows/answers/test-script.ts');
    return workflow.testScript(await inventoryIfAny(desk), script, transcript, account);
  },
  toJson: scriptTestData,
});

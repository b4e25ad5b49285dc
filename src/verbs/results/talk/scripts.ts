import type { ListedScript, ScriptTest } from '../../../workflows/answers/test-script.ts';

export const scriptsData = (scripts: readonly ListedScript[]): Record<string, unknown> => ({
  scripts: scripts.map(({ name, folder, script, error, accounts }) => ({
    name,
    folder,
    description: script?.description ?? null,
    rules: script?.script.rules.length ?? null,
    asksModel: script?.script.rules.some(({ answer }) => answer.kind === 'model') ?? null,
    accounts,
    problems: error?.problems ?? [],
  })),
});

export const scriptTestData = ({
  script,
  accounts,
  transcript,
  events,
}: ScriptTest): Record<string, unknown> => ({
  script: script.name,
  accounts,
  chatId: transcript.chatId,
  events: events.map(({ event, outcomes }) => ({ event, outcomes })),
  answers: events.reduce(
    (sum, { outcomes }) => sum + outcomes.filter(({ sentAtMs }) => sentAtMs !== null).length,
    0,
  ),
});

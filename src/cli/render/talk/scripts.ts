import { silenceReasons } from '../../../../hostside/protocol/silence.ts';
import type { ReplayedEvent } from '../../../scripts/replay.ts';
import type { ListedScript, ScriptTest } from '../../../workflows/answers/test-script.ts';
import { chalk } from '../../style.ts';
import { formatTable } from '../table.ts';

export const formatScripts = (scripts: readonly ListedScript[]): string =>
  formatTable(
    ['SCRIPT', 'RULES', 'ACCOUNTS', 'WHAT IT DOES'],
    scripts.map(({ name, script, accounts, error }) => [
      name,
      String(script?.script.rules.length ?? '-'),
      String(accounts.length),
      script === null ? chalk.red(error?.message ?? 'cannot be read') : (script.description ?? ''),
    ]),
    'no scripts',
  );

const clock = (atMs: number): string => new Date(atMs).toISOString().slice(11, 19);

const whatHappened = (event: ReplayedEvent['event']): string => {
  if (event.kind === 'joined')
    return `${event.users.map(({ firstName }) => firstName).join(', ')} joined`;
  const text = event.text === '' ? '(no text)' : event.text.replace(/\s+/g, ' ');
  return (
    `${event.sender?.firstName ?? 'the group'}: ` +
    `${text.length > 90 ? `${text.slice(0, 89)}…` : text}${event.isEdit ? ' (edited)' : ''}`
  );
};

const formatOutcome = (outcome: ReplayedEvent['outcomes'][number], isAlone: boolean): string => {
  const who = isAlone ? '' : `${outcome.account}: `;
  const rule = outcome.rule === null ? '' : chalk.dim(` [${outcome.rule}]`);
  if (outcome.sentAtMs === null) {
    const reason = outcome.reason ?? 'no-rule';
    return `          ${chalk.dim(`${who}silent, ${reason}: ${silenceReasons[reason]}`)}${rule}`;
  }
  const asked = outcome.model;
  const said =
    asked === null
      ? (outcome.text ?? '').replace(/\n+/g, ' / ')
      : `would ask the model with ${asked.messages} messages, ${asked.tokens} tokens`;
  return `${clock(outcome.sentAtMs)}  ${chalk.green(`${who}→ ${said}`)}${rule}`;
};

export const formatScriptTest = ({ events, accounts }: ScriptTest): string => {
  const answers = events.flatMap(({ outcomes }) =>
    outcomes.filter(({ sentAtMs }) => sentAtMs !== null),
  );
  const lines = events.flatMap(({ event, outcomes }) => [
    `${clock(event.sentAtMs)}  ${whatHappened(event)}`,
    ...outcomes.map((outcome) => formatOutcome(outcome, accounts.length === 1)),
  ]);
  const models = answers.filter(({ model }) => model !== null).length;
  return [
    ...lines,
    '',
    `${events.length} events, ${answers.length} ` +
      `answers${models > 0 ? `, ${models} of them by the model` : ''}.`,
  ].join('\n');
};

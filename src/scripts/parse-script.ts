import type {
  Answer,
  Conditions,
  OptOut,
  Rule,
  Script,
  Trigger,
  WorkingHours,
} from '../../hostside/protocol/behaviour.ts';
import { problemsOfIssues, rejected } from '../inventory/rules/problems.ts';
import { parseYamlDocument } from '../inventory/rules/yaml-document.ts';
import { standardDisclosure, standardOptOut } from './defaults.ts';
import { parseDays, parseSpans, type RuleYaml, type ScriptYaml, scriptSchema } from './schema.ts';
import { scriptProblems } from './script-rules.ts';

/** A script and what belongs to it but is not the account's business. */
export interface ParsedScript {
  readonly script: Script;
  readonly description: string | null;
  /** What the model is told before everything else; empty: nothing. */
  readonly systemPrompt: string;
}

const triggerOf = (on: RuleYaml['on']): Trigger => {
  if (typeof on === 'string') return { kind: on };
  if (on.keyword !== undefined)
    return { kind: 'keyword', words: typeof on.keyword === 'string' ? [on.keyword] : on.keyword };
  return on.pattern === undefined
    ? { kind: 'command', name: on.command ?? '' }
    : { kind: 'pattern', source: on.pattern };
};

const conditionsOf = (when: NonNullable<RuleYaml['when']>): Conditions => ({
  chats: when.chats ?? [],
  senders: when.senders ?? [],
  languages: when.languages ?? [],
  probability: when.probability ?? 1,
});

const answerOf = ({ say, ask_model: ask }: RuleYaml): Answer => {
  if (say !== undefined) return { kind: 'text', texts: typeof say === 'string' ? [say] : say };
  if (ask === undefined) return { kind: 'none' };
  if (typeof ask === 'object')
    return {
      kind: 'model',
      instructions: ask.instructions ?? null,
      allowsLinks: ask.links ?? false,
    };
  return { kind: 'model', instructions: ask === true ? null : ask, allowsLinks: false };
};

const ruleOf = (rule: RuleYaml, index: number): Rule => ({
  name: rule.name ?? `rule-${index + 1}`,
  trigger: triggerOf(rule.on),
  conditions: conditionsOf(rule.when ?? {}),
  answer: answerOf(rule),
});

const hoursOf = (hours: ScriptYaml['hours']): WorkingHours | null =>
  hours === undefined
    ? null
    : {
        timeZone: hours.time_zone,
        spans: Object.entries(hours.days).flatMap(([days, spans]) =>
          (parseDays(days) ?? []).flatMap((day) =>
            (parseSpans(spans) ?? []).map(({ from, to }) => ({ day, from, to })),
          ),
        ),
        holidays: hours.holidays ?? [],
      };

const optOutOf = (own: ScriptYaml['opt_out']): OptOut => {
  if (own === 'off') return { words: [], backWords: [], answer: null };
  return {
    words: own?.words ?? standardOptOut.words,
    backWords: own?.back_words ?? standardOptOut.backWords,
    answer: own?.answer === 'off' ? null : (own?.answer ?? standardOptOut.answer),
  };
};

const delayOf = ({
  least = 2_000,
  most,
  typing = true,
}: NonNullable<ScriptYaml['delay']>): Script['delay'] => ({
  leastMs: least,
  mostMs: Math.max(least, most ?? 6_000),
  isTyping: typing,
});

const scriptOf = (name: string, yaml: ScriptYaml): Script => ({
  name,
  rules: yaml.rules.map(ruleOf),
  hours: hoursOf(yaml.hours),
  delay: delayOf(yaml.delay ?? {}),
  optOut: optOutOf(yaml.opt_out),
  disclosure: yaml.disclosure === 'off' ? null : (yaml.disclosure ?? standardDisclosure),
  handover:
    yaml.handover === undefined
      ? null
      : {
          words: yaml.handover.words,
          answer: yaml.handover.answer,
          silentMs: yaml.handover.silent ?? 86_400_000,
        },
  answersBots: yaml.answers_bots ?? false,
  answersFleet: yaml.answers_fleet ?? false,
  staleAfterMs: yaml.stale_after ?? 300_000,
});

const hint =
  'Correct them; docs/scripts.md documents every key, and fleet scripts show welcome is ' +
  'an example.';

/**
 * The script `name` that `text` describes, defaults applied. Reads nothing but `text`; `path` names
 * the file in messages. Throws `inventory` with every mistake at once, in the order of the file, as
 * `path:line:column key: what is wrong`.
 */
export const parseScript = (name: string, text: string, path: string): ParsedScript => {
  const document = parseYamlDocument(text);
  if (document.value === undefined) throw rejected(document.problems, path, hint);
  const parsed = scriptSchema.safeParse(document.value ?? {});
  const problems = [
    ...document.problems,
    ...problemsOfIssues(parsed.error?.issues ?? [], document, scriptSchema),
    ...scriptProblems(document),
  ];
  if (problems.length > 0 || !parsed.success) throw rejected(problems, path, hint);
  return {
    script: scriptOf(name, parsed.data),
    description: parsed.data.description ?? null,
    systemPrompt: parsed.data.system_prompt ?? '',
  };
};

/** A verb as a command: confirmation, and text. */
import { type Command, Option } from 'commander';
import type { Desk, Proposal } from '../verbs/desk.ts';
import type { Outcome } from '../verbs/outcome.ts';
import { runVerb } from '../verbs/run-verb.ts';
import type { Verb } from '../verbs/verb.ts';
import { deskFor } from './cli-desk.ts';
import { describe } from './manual/help.ts';
import { durationOption } from './option-values.ts';
import { type CommandResult, printResult } from './output.ts';
import { type Invocation, setAction } from './run-command.ts';
import { isOutputPlain } from './terminal.ts';
import { textOf } from './texts.ts';
import { isPrinted, usageError } from './usage-error.ts';
import { argumentOf, fieldsAt, type Input, inputOf, optionOf } from './verb-options.ts';
import type { TextCircumstances, VerbText } from './verb-text.ts';
import { watchInLines, watchOnTerminal } from './watch.ts';

interface CommandOptions {
  /** ms between two looks. */
  readonly watch?: number;
}

function textIn(
  text: VerbText,
  { plan, result, isPlanOnly }: Outcome,
  about: TextCircumstances<Input>,
): string | Promise<string> {
  if ('result' in text) return text.result(result, about);
  return isPlanOnly ? (text.plan?.(plan, about) ?? '') : text.done(result, plan, about);
}

/** One call of a verb. */
class Call {
  readonly #verb: Verb;
  readonly #text: VerbText;
  readonly #options: Invocation<CommandOptions>['options'];
  readonly #input: Input;

  constructor(verb: Verb, text: VerbText, invocation: Invocation<CommandOptions>) {
    this.#verb = verb;
    this.#text = text;
    this.#options = invocation.options;
    this.#input = inputOf(verb, invocation);
  }

  async run(): Promise<CommandResult> {
    const watch = this.#watch();
    const outcome = await runVerb(
      this.#verb,
      this.#input,
      deskFor(this.#options, (proposal, isAsked) => this.#propose(proposal, isAsked), watch),
    );
    return watch === null
      ? this.#resultOf(outcome)
      : { data: {}, text: '', endsBySignal: true, isShown: true };
  }

  #about(input: Input, lines = Number.POSITIVE_INFINITY): TextCircumstances<Input> {
    const { yes: isAgreed, signal } = this.#options;
    return { input, nowMs: Date.now(), isAgreed, isInterrupted: signal.aborted, lines };
  }

  #propose({ plan, input }: Proposal, isAsked: boolean): string {
    const text = this.#text;
    if (text.proposal !== undefined) return text.proposal(plan, this.#about(input));
    return isAsked && !('result' in text) ? (text.plan?.(plan, this.#about(input)) ?? '') : '';
  }

  async #resultOf(outcome: Outcome): Promise<CommandResult> {
    const { data, errors, exitCode, input } = outcome;
    const text = this.#text;
    return {
      ...{
        data,
        errors,
        text: this.#options.json ? '' : await textIn(text, outcome, this.#about(input)),
      },
      ...{ isPaged: this.#verb.kind === 'look' || this.#verb.effects === 'nothing' },
      ...(exitCode === undefined ? {} : { exitCode }),
      ...('result' in text && text.isRaw !== undefined
        ? { isRaw: text.isRaw(this.#input) || isOutputPlain() }
        : {}),
      ...('result' in text && text.endsBySignal?.(this.#input) === true
        ? { endsBySignal: true }
        : {}),
    };
  }

  /** How it is repeated; null: it is not. */
  #watch(): Desk['watch'] {
    const text = this.#text;
    const { json, signal } = this.#options;
    // Trials have a --watch of their own.
    const watch = this.#verb.isWatchable === true ? this.#options.watch : undefined;
    const intervalMs = watch ?? ('result' in text ? (text.watches?.(this.#input) ?? null) : null);
    if (intervalMs === null) return null;
    if (process.stdout.isTTY && !json) {
      return (look) =>
        watchOnTerminal(intervalMs, look, async (outcome, lines) =>
          textIn(text, outcome, this.#about(outcome.input, lines)),
        );
    }
    if (watch === undefined) return null;
    const print = async (outcome: Outcome): Promise<void> =>
      printResult(this.#verb.name, { json, pager: false }, await this.#resultOf(outcome));
    return (look) => watchInLines(intervalMs, signal, look, print);
  }
}

const watchOption = new Option('--watch [duration]', 'repeat until Ctrl-C; default: every 2s')
  .argParser(
    durationOption('--watch', { min: 500, max: 3_600_000, words: 'from 0.5 s to 1 hour' }, '5s'),
  )
  .preset('2s');

/** The command of the verb, with its parents. */
export function addVerb(
  program: Command,
  verb: Verb,
  parents: Readonly<Record<string, string>>,
): void {
  const words = verb.name.split(' ');
  const name = words.pop() ?? '';
  const parent = words.reduce((command, word) => {
    const known = command.commands.find((each) => each.name() === word);
    return known ?? command.command(word).description(parents[word] ?? '');
  }, program);
  const command = parent
    .command(name, { isDefault: verb.isDefault === true })
    .description(verb.summary);
  const alias = verb.alias ?? (name === 'list' ? 'ls' : undefined);
  if (alias !== undefined) command.alias(alias);
  for (const [key, field] of fieldsAt(verb, 'argument'))
    command.addArgument(argumentOf(key, field));
  for (const [key, field] of fieldsAt(verb, 'option')) command.addOption(optionOf(key, field));
  if ('dryRun' in verb.input)
    command.addOption(new Option('--check', 'the same as --dry-run').hideHelp());
  if (verb.isWatchable === true) command.addOption(watchOption);
  command.exitOverride((error) => {
    throw isPrinted(error) ? error : usageError(error, verb);
  });
  describe(command, verb);
  setAction<CommandOptions>(command, async (invocation) =>
    new Call(verb, await textOf(verb), invocation).run(),
  );
}

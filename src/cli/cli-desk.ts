import type { Desk, Proposal } from '../verbs/desk.ts';
import type { GlobalOptions } from './global-options.ts';
import { startProgress } from './progress/progress.ts';
import { canAsk, confirm, passphrasePrompt } from './prompts/confirm.ts';
import { showDisplayNames } from './render/account-names.ts';
import { isOutputPlain, printErr, printOut, printRaw } from './terminal.ts';

/**
 * A terminal, or what stands in its place, as the desk of a verb. `propose`: the plan for people;
 * empty: it is not shown.
 */
export function deskFor(
  options: GlobalOptions,
  propose: (proposal: Proposal, isAsked: boolean) => string = () => '',
  watch: Desk['watch'] = null,
): Desk {
  return {
    inventory: options.inventory,
    waitMs: options.wait,
    signal: options.signal,
    startProgress: () => startProgress(options),
    note: options.quiet ? () => undefined : printErr,
    learnNames: showDisplayNames,
    askPassphrase: passphrasePrompt(options),
    isAgreed: options.yes,
    canAsk: canAsk(options),
    agree: async (question, proposal) => {
      const text = options.json || proposal === null ? '' : propose(proposal, question !== null);
      if (text !== '') printErr(text);
      if (question !== null) await confirm(question, options);
    },
    openNewQuestions: async () =>
      (await import('./prompts/new-questions.ts')).newQuestions(options.signal),
    openLoginPrompts: async (given, readSecret) =>
      (await import('./prompts/login-prompts.ts')).loginPrompts(given, options, readSecret),
    line: options.json
      ? null
      : (text, isRaw) => (isRaw || isOutputPlain() ? printRaw : printOut)(text),
    watch,
  };
}

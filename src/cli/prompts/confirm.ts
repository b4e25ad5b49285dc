import { FleetError } from '../../model/errors.ts';
import { visible, visibleLine } from '../../model/visible.ts';
import type { GlobalOptions } from '../global-options.ts';

const unchanged = (): FleetError =>
  new FleetError('interrupted', 'nothing was changed', { hint: 'run it again when you are ready' });

/**
 * Asks on the terminal. Errors: `usage` without a terminal and without `--yes`; `interrupted` when
 * the answer is no or Ctrl-C, and, with `--yes` too, when Ctrl-C
 * came while the plan was made: what hosts were not asked then is missing in it.
 */
export async function confirm(
  question: string,
  options: Pick<GlobalOptions, 'yes' | 'json' | 'signal'>,
): Promise<void> {
  if (options.signal.aborted) throw unchanged();
  if (options.yes) return;
  if (options.json || !process.stdin.isTTY || !process.stderr.isTTY) {
    throw new FleetError('usage', 'confirmation needed: there is no terminal to ask on', {
      hint: 'read what it would do, above or with --dry-run; when it is right, add --yes',
    });
  }
  const prompts = await import('@inquirer/prompts');
  const isWanted = await prompts
    .confirm(
      { message: visible(question), default: false },
      { output: process.stderr, signal: options.signal },
    )
    .catch(() => false);
  if (!isWanted) throw unchanged();
}

/** Whether a person can be asked. */
export const canAsk = ({ json }: Pick<GlobalOptions, 'json'>): boolean =>
  !json && process.stdin.isTTY === true && process.stderr.isTTY === true;

/** One answer on the terminal; `isSecret`: not a letter of it is shown. Errors: `interrupted`. */
export async function ask(
  question: string,
  signal: AbortSignal,
  isSecret: boolean,
): Promise<string> {
  const { input, password } = await import('@inquirer/prompts');
  const [message, context] = [visibleLine(question), { output: process.stderr, signal }];
  return (isSecret ? password({ message, mask: '*' }, context) : input({ message }, context)).catch(
    () => {
      throw new FleetError('interrupted', 'there was no answer', {
        hint: 'run it again when you are ready: it continues where it stopped',
      });
    },
  );
}

const unanswered = (): FleetError =>
  new FleetError('interrupted', 'there was no answer, and nothing was changed', {
    hint: 'run it again when you are ready',
  });

/**
 * One answer on the terminal, asked again while `mistakeIn` names one. `fallback`: what Enter
 * means. Errors: `interrupted`.
 */
export async function askFor(
  question: string,
  signal: AbortSignal,
  {
    fallback,
    mistakeIn,
  }: { readonly fallback: string; readonly mistakeIn: (text: string) => string | null },
): Promise<string> {
  const { input } = await import('@inquirer/prompts');
  const validate = (text: string): true | string => {
    const mistake = mistakeIn(text.trim());
    return mistake === null ? true : visibleLine(mistake);
  };
  const asked = {
    message: visibleLine(question),
    validate,
    ...(fallback === '' ? {} : { default: fallback }),
  };
  const answer = await input(asked, { output: process.stderr, signal }).catch(() => {
    throw unanswered();
  });
  return answer.trim();
}

/** One of several, chosen with the arrow keys. Errors: `interrupted`. */
export async function choose<T extends string>(
  question: string,
  signal: AbortSignal,
  choices: readonly { readonly value: T; readonly name: string }[],
): Promise<T> {
  const { select } = await import('@inquirer/prompts');
  const shown = choices.map(({ value, name }) => ({ value, name: visibleLine(name) }));
  return select(
    { message: visibleLine(question), choices: shown },
    { output: process.stderr, signal },
  ).catch(() => {
    throw unanswered();
  });
}

/**
 * How to ask for the passphrase of a key, hidden, on the terminal; null where there is no terminal
 * to ask on.
 */
export function passphrasePrompt({
  json,
  signal,
}: Pick<GlobalOptions, 'json' | 'signal'>):
  | ((keyFile: string, again: boolean) => Promise<string>)
  | null {
  if (json || !process.stdin.isTTY || !process.stderr.isTTY) return null;
  return async (keyFile, again) => {
    const { password } = await import('@inquirer/prompts');
    const message = `${again ? 'Wrong passphrase. ' : ''}Passphrase of ${visibleLine(keyFile)}`;
    return password({ message }, { output: process.stderr, signal }).catch(() => {
      throw new FleetError('interrupted', 'no passphrase was given', {
        hint: 'add the key to ssh-agent, or set passphrase in the inventory',
      });
    });
  };
}

/**
 * Looks that are repeated: on a terminal's second screen, so that what was there before is there
 * again afterwards; elsewhere one after the other.
 */
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Outcome } from '../verbs/outcome.ts';
import { chalk } from './style.ts';
import { foldedOut, screen } from './terminal.ts';

const endings = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

type Look = () => Promise<Outcome>;

/** Ctrl-C came before the first look had ended. */
const nothing: Outcome = {
  input: { limit: [] },
  plan: null,
  result: null,
  isPlanOnly: false,
  data: {},
  errors: [],
};

/** Most lines that are shown; what does not fit is counted. */
function fitted(text: string, height: number): string {
  const lines = text.split('\n');
  if (lines.length <= height) return text;
  const shown = lines.slice(0, Math.max(1, height - 1));
  return [...shown, chalk.dim(`... and ${lines.length - shown.length} more lines`)].join('\n');
}

/**
 * Until Ctrl-C, which is how it ends and no failure; a terminal that is gone ends it, too. Returns
 * the last outcome.
 */
export async function watchOnTerminal(
  intervalMs: number,
  look: Look,
  textOf: (outcome: Outcome, lines: number) => Promise<string>,
): Promise<Outcome> {
  const stop = new AbortController();
  const end = (): void => stop.abort();
  const stopped = once(stop.signal, 'abort');
  // Ctrl-C is no failure here: fleet's own answer to it, an error and code 130, is left out.
  const others = endings.map((name) => [name, process.listeners(name)] as const);
  for (const name of endings) process.removeAllListeners(name).on(name, end);
  process.stdout.once('error', end);
  screen.enter();
  let last = nothing;
  try {
    while (!stop.signal.aborted) {
      // A host that does not answer is not waited for by somebody who wants to leave.
      const outcome = await Promise.race([look(), stopped.then(() => null)]);
      if (outcome === null) break;
      last = outcome;
      const lines = screen.rows() - 1;
      screen.draw(fitted(foldedOut(await textOf(outcome, lines)), lines));
      await sleep(intervalMs, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  } finally {
    screen.leave();
    process.stdout.off('error', end);
    for (const [name, listeners] of others) {
      process.off(name, end);
      for (const listener of listeners) process.on(name, listener);
    }
  }
  return last;
}

/**
 * Without a terminal: each look is printed after the one before, until Ctrl-C; one that it cuts off
 * is not. Returns the last outcome.
 */
export async function watchInLines(
  intervalMs: number,
  signal: AbortSignal,
  look: Look,
  print: (outcome: Outcome) => Promise<void>,
): Promise<Outcome> {
  let last = nothing;
  while (!signal.aborted) {
    const outcome = await look().catch((error: unknown) => {
      if (signal.aborted) return null;
      throw error;
    });
    if (outcome === null || signal.aborted) break;
    last = outcome;
    await print(outcome);
    await sleep(intervalMs, undefined, { signal }).catch(() => undefined);
  }
  return last;
}

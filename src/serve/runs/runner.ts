/** The process that runs verbs for a server: one at a time, and told by it what to do. */
import { FleetError } from '../../model/errors.ts';
import type { Verb } from '../../verbs/verb.ts';
import { offersOf } from '../offers.ts';
import { problemOf } from '../problem.ts';
import { keptInventory } from './kept-inventory.ts';
import type { FromRunner, RunRequest, ToRunner } from './protocol.ts';
import { runRequest } from './run-request.ts';

const stopped = (): FleetError =>
  new FleetError('interrupted', 'the server is being stopped: nothing was changed', {
    hint: 'send it again when the server is back',
  });

/** Of a fault of ours: where it happened, for the log. */
const logOf = (error: unknown): string | null =>
  error instanceof FleetError
    ? null
    : error instanceof Error
      ? (error.stack ?? null)
      : String(error);

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Ends when the server is gone; what is under way ends between two acts and is recorded. */
export async function serveRuns(verbs: readonly Verb[]): Promise<void> {
  const offers = offersOf(verbs);
  const stop = new AbortController();
  const readInventory = keptInventory();
  const say = (message: FromRunner): void => {
    if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
  };
  let go: () => void = () => undefined;
  const run = async (inventory: string, request: RunRequest): Promise<void> => {
    const ready = (): Promise<void> =>
      new Promise((resolve, reject) => {
        go = resolve;
        stop.signal.addEventListener('abort', () => reject(stopped()), { once: true });
        say({ kind: 'ready' });
      });
    const progress = (text: string): void => say({ kind: 'progress', text: text.slice(0, 500) });
    try {
      const about = { inventory, readInventory, signal: stop.signal, progress, ready };
      say({ kind: 'done', answer: await runRequest(offers, request, about) });
    } catch (error) {
      say({ kind: 'failed', problem: problemOf(error), log: logOf(error) });
    }
  };
  process.on('message', (message) => {
    const told = message as ToRunner;
    if (told.kind === 'run') void run(told.inventory, told.request);
    else if (told.kind === 'go') go();
    else stop.abort();
  });
  for (const signal of signals) process.on(signal, () => stop.abort());
  await new Promise((resolve) => process.once('disconnect', resolve));
  stop.abort();
}

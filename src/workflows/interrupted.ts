import type { MoveRow } from '../ledger/schema.ts';
import { FleetError } from '../model/errors.ts';

/**
 * Whether Ctrl-C came before every host was asked: then one that is missing was not silent, and
 * nothing follows from it.
 */
export const wasCut = (problems: Iterable<FleetError | null>): boolean =>
  [...problems].some((problem) => problem?.code === 'interrupted');

/**
 * What an interrupted command says of an account that it was about to start, and what goes on with
 * it.
 */
export function interruptedMove({
  account,
  to_host,
  phase,
}: Pick<MoveRow, 'account' | 'to_host' | 'phase'>): FleetError {
  const [text, hint] =
    phase === 'planned'
      ? [
          `${account} was not placed on ${to_host}: interrupted before it was begun`,
          'run the command again',
        ]
      : phase === 'granted'
        ? [
            `${account} was given to ${to_host}; interrupted before it was seen online`,
            'the next fleet sweep looks after it',
          ]
        : [
            `${account} was not started on ${to_host} yet: interrupted, its move is open ` +
              `(${phase})`,
            'the next fleet sweep goes on with it',
          ];
  return new FleetError('interrupted', text, { account, host: to_host, hint });
}

/**
 * What `looking` gives, which connects to the host or only reads there, unless Ctrl-C comes before:
 * then nothing was done. Errors: `interrupted`, and those of `looking`.
 */
export async function unlessInterrupted<T>(
  signal: AbortSignal,
  host: string,
  looking: Promise<T>,
): Promise<T> {
  const ended = new AbortController();
  const interrupted = new Promise<never>((_, reject) => {
    const stop = (): void =>
      reject(
        new FleetError('interrupted', `${host}: interrupted before anything was done there`, {
          hint: 'run it again when you are ready',
          host,
        }),
      );
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true, signal: ended.signal });
  });
  try {
    return await Promise.race([interrupted, looking]);
  } finally {
    ended.abort();
  }
}

/**
 * Asks again and again, one request at a time: what is on its way is waited for, however often the
 * fleet changes meanwhile, so that a slow answer comes, too.
 */
export interface Asker {
  /** Asks now, or once more after the request that is on its way. */
  again(): void;
  /** Nothing is heard of it any more. */
  close(): void;
}

export interface AskerOptions<Answer> {
  readonly ask: (signal: AbortSignal) => Promise<Answer>;
  readonly got: (answer: Answer) => void;
  readonly failed: (cause: unknown) => void;
}

export function openAsker<Answer>({ ask, got, failed }: AskerOptions<Answer>): Asker {
  const abort = new AbortController();
  const { signal } = abort;
  let isAsking = false;
  let isWanted = false;
  const run = async (): Promise<void> => {
    isAsking = true;
    while (isWanted && !signal.aborted) {
      isWanted = false;
      try {
        const answer = await ask(signal);
        if (!signal.aborted) got(answer);
      } catch (cause) {
        if (!signal.aborted) failed(cause);
      }
    }
    isAsking = false;
  };
  return {
    again: () => {
      isWanted = true;
      if (!isAsking) void run();
    },
    close: () => abort.abort(),
  };
}

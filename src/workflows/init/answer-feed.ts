/**
 * What is sent on a host program's standard input: pieces in the order in which they were added,
 * until `close`.
 */
export interface AnswerFeed extends AsyncIterable<Uint8Array> {
  add(piece: () => AsyncIterable<Uint8Array> | Promise<AsyncIterable<Uint8Array>>): void;
  /** Nothing more comes. What was added and not yet begun is dropped. */
  close(): void;
}

/**
 * One reader. A piece is made only when its turn has come, so that at most one is open at a time.
 */
export function createAnswerFeed(): AnswerFeed {
  const waiting: (() => AsyncIterable<Uint8Array> | Promise<AsyncIterable<Uint8Array>>)[] = [];
  let wake: (() => void) | null = null;
  let open = true;
  const changed = (): void => {
    wake?.();
    wake = null;
  };
  return {
    add(piece) {
      waiting.push(piece);
      changed();
    },
    close() {
      open = false;
      changed();
    },
    async *[Symbol.asyncIterator]() {
      while (open) {
        const piece = waiting.shift();
        if (piece !== undefined) yield* await piece();
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    },
  };
}

import { useEffect, useRef, useState } from 'preact/hooks';
import { type Answer, type Api, ApiProblem } from './api.ts';
import { type Asker, openAsker } from './asker.ts';
import { errorOf, useDesk } from './context.ts';

export interface Asked {
  /** The last one that came; an older one stays while a newer one is on its way. */
  readonly answer: Answer | null;
  /** Why the last try failed. */
  readonly problem: Error | null;
}

/**
 * Asks when `key` changes, and again whenever the fleet has changed. What one key got is never
 * shown for another.
 */
export function useAnswer(
  key: string,
  ask: (api: Api, signal: AbortSignal) => Promise<Answer>,
): Asked {
  const { api, turn, signOut } = useDesk();
  const [asked, setAsked] = useState<Asked & { readonly key: string }>({
    ...{ key, answer: null, problem: null },
  });
  const current = useRef<Asker | null>(null);
  // `key` stands for what `ask` asks.
  useEffect(() => {
    const asker = openAsker({
      ask: (signal) => ask(api, signal),
      got: (answer) => setAsked({ key, answer, problem: null }),
      failed: (cause) => {
        if (cause instanceof ApiProblem && cause.status === 401) return signOut(true);
        const problem = errorOf(cause);
        setAsked((before) => ({ key, answer: before.key === key ? before.answer : null, problem }));
      },
    });
    current.current = asker;
    return () => asker.close();
  }, [api, key]);
  useEffect(() => current.current?.again(), [api, key, turn]);
  return asked.key === key ? asked : { answer: null, problem: null };
}

import { useEffect, useRef, useState } from 'preact/hooks';
import type { Api } from './api.ts';
import { type Entry, entryReader } from './event-stream.ts';

/** Entries that are kept. */
const mostEntries = 200;
/** What is shown is asked again so often where nothing happens, ms. */
const askEveryMs = 15_000;
/** Many entries at once are one reason to ask again, ms. */
const settleMs = 800;
/** The server says something every 15 s: one that is silent for longer is gone, ms. */
const silentMs = 45_000;
/** Between two tries to listen, ms: doubled up to the second. */
const retryMs = { first: 1_000, most: 30_000 } as const;

export interface Live {
  readonly entries: readonly Entry[];
  readonly isLive: boolean;
  readonly turn: number;
}

/** Follows the history as it is written; after an interruption it has what it missed. */
export function useLive(api: Api | null): Live {
  const [entries, setEntries] = useState<readonly Entry[]>([]);
  const [isLive, setLive] = useState(false);
  const [turn, setTurn] = useState(0);
  const settle = useRef<ReturnType<typeof setTimeout> | null>(null);
  useEffect(() => {
    if (api === null) return;
    const abort = new AbortController();
    setEntries([]);
    const changed = (news: readonly Entry[]): void => {
      setEntries((before) => [...news.toReversed(), ...before].slice(0, mostEntries));
      settle.current ??= setTimeout(() => {
        settle.current = null;
        setTurn((before) => before + 1);
      }, settleMs);
    };
    void follow(api, abort.signal, changed, setLive);
    // A page that nobody sees asks nothing.
    const again = setInterval(() => {
      if (!document.hidden) setTurn((before) => before + 1);
    }, askEveryMs);
    return () => {
      abort.abort();
      clearInterval(again);
    };
  }, [api]);
  return { entries, isLive, turn };
}

async function follow(
  api: Api,
  signal: AbortSignal,
  changed: (news: readonly Entry[]) => void,
  setLive: (isLive: boolean) => void,
): Promise<void> {
  let last: string | null = null;
  let waitMs: number = retryMs.first;
  while (!signal.aborted) {
    const gone = new AbortController();
    const giveUp = (): void => gone.abort();
    let timer = setTimeout(giveUp, silentMs);
    try {
      const body = await api.listen(last, AbortSignal.any([signal, gone.signal]));
      setLive(true);
      waitMs = retryMs.first;
      const read = entryReader();
      const reader = body.getReader();
      const decoder = new TextDecoder();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        clearTimeout(timer);
        timer = setTimeout(giveUp, silentMs);
        const heard = read(decoder.decode(value, { stream: true }));
        last = heard.at(-1)?.id ?? last;
        const news = heard.filter((each): each is Entry => each.data !== null);
        if (news.length > 0) changed(news);
      }
    } catch {
      // The next try says it, and every other request does.
    } finally {
      clearTimeout(timer);
    }
    if (signal.aborted) return;
    setLive(false);
    await new Promise((resolve) => setTimeout(resolve, waitMs));
    waitMs = Math.min(retryMs.most, waitMs * 2);
  }
}

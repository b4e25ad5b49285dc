import { createContext } from 'preact';
import { useContext, useState } from 'preact/hooks';
import { type Api, ApiProblem } from './api.ts';
import type { Entry } from './event-stream.ts';
import type { Route } from './route.ts';
import type { Language, Words } from './words.ts';

/** What every screen needs. */
export interface Desk {
  readonly api: Api;
  readonly route: Route;
  readonly language: Language;
  readonly words: Words;
  /** Entries of the history since this page was opened, newest first. */
  readonly entries: readonly Entry[];
  readonly isLive: boolean;
  /** Grows when the fleet has changed, and every 15 s: what is shown is asked again. */
  readonly turn: number;
  /** The token is not known any more. */
  readonly signOut: (isRefused: boolean) => void;
}

export const DeskContext = createContext<Desk | null>(null);

export function useDesk(): Desk {
  const desk = useContext(DeskContext);
  if (desk === null) throw new Error('a screen outside of the desk');
  return desk;
}

export const errorOf = (cause: unknown): Error =>
  cause instanceof Error ? cause : new Error(String(cause));

/** What went wrong with something that was asked for; a token that has ended signs out. */
export function useTrouble(): {
  readonly problem: Error | null;
  readonly fail: (cause: unknown) => void;
  readonly clear: () => void;
} {
  const { signOut } = useDesk();
  const [problem, setProblem] = useState<Error | null>(null);
  const fail = (cause: unknown): void => {
    if (cause instanceof ApiProblem && cause.status === 401) signOut(true);
    else setProblem(errorOf(cause));
  };
  return { problem, fail, clear: () => setProblem(null) };
}

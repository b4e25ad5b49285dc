import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Api } from './api.ts';
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

/** A caller of verbs without a terminal and without src/cli: what an API or an alert would be. */
import type { Desk, Proposal } from '../../src/verbs/desk.ts';

interface BareDesk {
  readonly inventory: string;
  /** What is asked is answered by it; it throws where the answer is no. */
  readonly agree?: (question: string | null, proposal: Proposal | null) => void;
}

const nobody = (): Promise<never> => Promise.reject(new Error('there is nobody to ask'));

export const bareDesk = ({ inventory, agree = () => undefined }: BareDesk): Desk => ({
  inventory,
  waitMs: 0,
  signal: new AbortController().signal,
  startProgress: async () => ({
    report: () => undefined,
    hold: async () => undefined,
    stop: async () => undefined,
  }),
  note: () => undefined,
  learnNames: () => undefined,
  askPassphrase: null,
  isAgreed: false,
  canAsk: false,
  agree: async (question, proposal) => agree(question, proposal),
  openNewQuestions: nobody,
  openLoginPrompts: nobody,
  line: null,
  watch: null,
});

import type { Inventory } from '../../model/inventory.ts';
import type { Desk, Proposal } from '../../verbs/desk.ts';
import type { FleetEvent } from '../../workflows/context.ts';

/**
 * Who calls verbs for the server: nobody can be asked, and agreement is what the server decides.
 */
interface RunDesk {
  readonly inventory: string;
  readonly readInventory: (path: string) => Promise<Inventory>;
  readonly signal: AbortSignal;
  readonly agree: (question: string | null, proposal: Proposal | null) => Promise<void>;
  readonly progress: (text: string) => void;
}

const nobody = (): Promise<never> => Promise.reject(new Error('there is nobody to ask'));

/** What happens, in one line; null: it goes by too fast to be told. */
function lineOf(event: FleetEvent): string | null {
  if (event.kind === 'expected') return `${event.accounts.length} accounts to bring online`;
  if (event.kind === 'account') return `${event.account}: ${event.state} on ${event.host}`;
  if (event.isBrief === true) return null;
  return event.kind === 'phase' ? event.text : `${event.host}: ${event.text}`;
}

export const runDesk = ({ inventory, readInventory, signal, agree, progress }: RunDesk): Desk => ({
  ...{ inventory, readInventory },
  waitMs: 0,
  signal,
  startProgress: async () => ({
    report: (event) => {
      const line = lineOf(event);
      if (line !== null) progress(line);
    },
    hold: async () => undefined,
    stop: async () => undefined,
  }),
  note: () => undefined,
  learnNames: () => undefined,
  askPassphrase: null,
  isAgreed: false,
  canAsk: false,
  agree,
  openNewQuestions: nobody,
  openLoginPrompts: nobody,
  line: null,
  watch: null,
});

import type { Ledger } from '../ledger/ledger.ts';
import type { HostSpec, Inventory } from '../model/inventory.ts';
import type { SecretReference } from '../model/secret-reference.ts';
import type { Remote } from '../remote/remote.ts';
import type { StateStore } from '../vault/state-store.ts';
import type { Vault } from '../vault/vault.ts';
import type { Fence } from './fence.ts';

/** Progress that a person may want to see; never needed to understand the result. */
export type FleetEvent =
  /**
   * `isBrief`: it goes by so fast, or so often, that it is worth a live screen and not a line of a
   * log.
   */
  | { readonly kind: 'phase'; readonly text: string; readonly isBrief?: boolean }
  | {
      readonly kind: 'host';
      readonly host: string;
      readonly text: string;
      readonly status: 'working' | 'done' | 'failed';
      readonly isBrief?: boolean;
      /** How far the host is: steps or accounts that are done, of how many. */
      readonly count?: { readonly done: number; readonly of: number };
      /** Compressed bytes of what is being sent to it. */
      readonly bytes?: { readonly sent: number; readonly of: number };
    }
  /** Accounts that are about to come online, each on its host: what there is to wait for. */
  | {
      readonly kind: 'expected';
      readonly accounts: readonly { readonly account: string; readonly host: string }[];
    }
  | {
      readonly kind: 'account';
      readonly account: string;
      readonly host: string;
      readonly state: string;
      readonly reason: string;
    };

/** Everything that a workflow may touch. Built once per command by the CLI. */
export interface FleetContext {
  readonly inventory: Inventory;
  readonly ledger: Ledger;
  readonly vault: Vault;
  /** Keys of logins that are not done, encrypted in the vault's folder `logins`. */
  readonly logins: Vault;
  /** The accounts' last states, encrypted beside the vault. */
  readonly states: StateStore;
  /** The one connection to this host; connected by its first use, closed when the command ends. */
  readonly remoteFor: (host: HostSpec) => Remote;
  /**
   * A connection of its own to the host by way of another one, whatever way its settings name. The
   * caller closes it.
   */
  readonly remoteThrough: (host: HostSpec, neighbour: HostSpec) => Remote;
  readonly fence: Fence;
  readonly readSecret: (reference: SecretReference) => Promise<string>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /**
   * Resolves after this many milliseconds by the same clock, or when `until` is aborted. Without it
   * not even Ctrl-C shortens it: for floors that have to pass.
   */
  readonly pause: (ms: number, until?: AbortSignal) => Promise<void>;
  readonly report: (event: FleetEvent) => void;
  /** Ctrl-C: work stops between two acts. */
  readonly signal: AbortSignal;
}

import type { Strategy } from '../../model/inventory.ts';

/**
 * How a draft says a login; absent keys are not said, and come from the ssh config or OpenSSH's
 * defaults.
 */
export interface DraftLogin {
  readonly user?: string;
  /** 1-65535. */
  readonly port?: number;
  readonly identityFile?: string;
  /** Secret references, never the secrets: `env:NAME`, `file:PATH` or `exec:COMMAND`. */
  readonly password?: string;
  readonly passphrase?: string;
  readonly sudoPassword?: string;
}

/** One server of an inventory that is to be written. */
export interface DraftHost extends DraftLogin {
  /** As the inventory allows it. */
  readonly name: string;
  /** Null: what the ssh config says about the name, or the name itself. */
  readonly address: string | null;
  /** Names of {@link DraftGroup}. */
  readonly groups: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly maxAccounts: number | null;
  /** A place that fleet knows. */
  readonly location: string | null;
  /** Why nothing new is to be placed there; null: it is not cordoned. */
  readonly cordoned: string | null;
  /** Where it was said, for messages about it: `FILE:LINE`, or the word of the command line. */
  readonly source: string;
}

export interface DraftGroup {
  readonly name: string;
  /** Groups that it belongs to. */
  readonly parents: readonly string[];
}

/** What was read of servers, from whatever source. */
export interface Draft {
  readonly hosts: readonly DraftHost[];
  readonly groups: readonly DraftGroup[];
  /** Null: the default. */
  readonly strategy: Strategy | null;
  /**
   * What the source says and the inventory does not, one sentence each with its place; never a
   * secret.
   */
  readonly notRead: readonly string[];
}

/** A draft, or every mistake of its source at once, as `PLACE: what is wrong`. */
export type DraftOutcome =
  | { readonly draft: Draft; readonly problems?: undefined }
  | { readonly problems: readonly string[] };

/** What the operator answered, besides the servers. */
export interface NewFleet {
  /** Name of the fleet. */
  readonly fleet: string;
  /** Secret reference of the vault's key. */
  readonly vaultKey: string;
  /** A number, or a secret reference. */
  readonly apiId: string;
  /** A secret reference. */
  readonly apiHash: string;
}

export const emptyHost = (name: string, source: string): DraftHost => ({
  ...{
    name,
    source,
    address: null,
    groups: [],
    labels: {},
    maxAccounts: null,
    location: null,
    cordoned: null,
  },
});

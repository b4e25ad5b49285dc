import type { HostSurvey } from '../../../hostside/protocol/host-acts.ts';
import type { FleetError } from '../../model/errors.ts';
import type { HostSpec } from '../../model/inventory.ts';
import type { AdoptionPlan } from '../../ownership/adoption-plan.ts';
import type { MissingHost } from '../../ownership/missing-hosts.ts';
import type { VaultReceipt } from '../../vault/vault.ts';
import type { VaultRecord } from '../../vault/vault-record.ts';
import type { AdoptedConduct } from './adopt-conduct.ts';

/** A session in the vault, without its key. */
export type StoredSession = Omit<VaultRecord, 'session'> &
  VaultReceipt & { readonly session: Omit<VaultRecord['session'], 'authKey'> };

/** What a host said of itself; `survey` null: it did not answer, or belongs to another fleet. */
export interface AskedHost {
  readonly host: HostSpec;
  readonly survey: HostSurvey | null;
  readonly problem: FleetError | null;
}

/** What `fleet adopt` will do. The object that is shown is the object that is executed. */
export interface Adoption {
  readonly plan: AdoptionPlan;
  readonly hosts: readonly AskedHost[];
  /** They obey another ledger, and will obey this one. */
  readonly takenOver: readonly string[];
  /**
   * The ledger is an old copy, a new one, or not the one that the hosts obey: what it believes
   * about lost hosts does not count any more.
   */
  readonly isOld: boolean;
  /** Lost hosts about which the operator has to say so again. */
  readonly forgotten: readonly string[];
  readonly heardSerial: number;
  /**
   * Others remember them, and nobody here has them: they count as silent hosts that may be running
   * any account.
   */
  readonly missing: readonly MissingHost[];
  /** Of these the operator says that they run nothing. */
  readonly without: readonly string[];
  /**
   * Other machines than those to which their accounts were given, and these run nothing any more,
   * by the operator's statement.
   */
  readonly replaced: readonly string[];
  /** Pauses and scripts that hosts know and the ledger does not. */
  readonly conduct: readonly AdoptedConduct[];
  readonly vault: readonly StoredSession[];
}

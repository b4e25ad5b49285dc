import type { AccountState } from '../../model/account-state.ts';
import type { FleetError } from '../../model/errors.ts';

/** How one account fared. `problem` is null when it is online. */
export interface GrantOutcome {
  readonly account: string;
  readonly host: string;
  readonly state: AccountState;
  readonly problem: FleetError | null;
}

import type { PlacedAccount } from '../../../ledger/queries/accounts.ts';
import { FleetError } from '../../../model/errors.ts';
import type { Verification } from '../../../workflows/ownership/account-acts.ts';
import { remedyFor } from './remedies.ts';

/** An account for programs. */
export const accountData = (row: PlacedAccount): Record<string, unknown> => ({
  name: row.name,
  displayName: row.display_name,
  state: row.state,
  reason: row.state_reason,
  remedy: remedyFor(row),
  since: new Date(row.state_since).toISOString(),
  host: row.host,
  epoch: row.epoch,
  userId: row.user_id,
  dataCentre: row.data_centre,
  isBot: row.is_bot === 1,
  keyId: row.key_id,
  format: row.source_format,
  wanted: row.wanted === 1,
  pinnedTo: row.pinned_to,
  isPaused: row.paused === 1,
  script: row.script,
  username: row.username,
});

/** An account that is not online, or is somebody else, fails the verification. */
export const verificationErrors = (results: readonly Verification[]): FleetError[] =>
  results
    .filter(({ state, isExpectedUser }) => state !== 'online' || isExpectedUser === false)
    .map(({ account, host, state, reason, isExpectedUser }) =>
      isExpectedUser === false
        ? new FleetError(
            'account-offline',
            `${account}: Telegram answers with another user than the imported session had`,
            {
              account,
              host,
              hint: `stop it and look at the session: fleet accounts stop ${account}`,
            },
          )
        : new FleetError(
            'account-offline',
            `${account} on ${host} is ${state}${reason === '' ? '' : `: ${reason}`}`,
            {
              account,
              host,
              hint: `watch it with: fleet logs ${account} -f`,
            },
          ),
    );

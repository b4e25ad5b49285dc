import type { MoveRow } from '../../ledger/schema.ts';
import type { AccountState } from '../../model/account-state.ts';
import { FleetError } from '../../model/errors.ts';
import type { EvidenceVerdict } from '../../ownership/evidence.ts';

/** One end of a move is no longer among the hosts. */
export const hostGone = ({ account }: MoveRow, host: string): FleetError =>
  new FleetError(
    'inventory',
    `${host}, one end of the move of ${account}, is no longer in the inventory`,
    {
      account,
      host,
      hint: 'put the host back into the inventory until the move is done',
    },
  );

export function offlineError(move: MoveRow, state: AccountState, reason: string): FleetError {
  return new FleetError(
    'account-offline',
    `${move.account} on ${move.to_host} is ${state}${reason === '' ? '' : `: ${reason}`}`,
    {
      account: move.account,
      host: move.to_host,
      hint:
        remedies[state] ?? `its worker keeps trying; watch it with: fleet logs ${move.account} -f`,
    },
  );
}

/** What the operator does about an account that will not come online by itself. */
const remedies: Partial<Record<AccountState, string>> = {
  'needs-login': 'log in again: fleet accounts login NAME',
  duplicated:
    'Telegram destroyed the session because something else used it: find that, log in ' +
    'again, import the new session',
  banned: 'the account is banned or deactivated; fleet accounts remove NAME retires it',
  misconfigured:
    'check telegram.api_id and telegram.api_hash in the inventory, then run this again',
  contained:
    'its host ended it for what it took there: make room or raise its limits, then fleet ' +
    'accounts start NAME',
  held: 'the host holds it after a boot: fleet sweep gives it back after asking all hosts',
};

export function evidenceError(
  move: MoveRow,
  verdict: EvidenceVerdict,
  problems: ReadonlyMap<string, FleetError>,
): FleetError {
  const about = { account: move.account };
  switch (verdict.kind) {
    case 'owned':
      return new FleetError(
        'claim-refused',
        `${move.account} may be running on ${verdict.host}: ${verdict.what}`,
        {
          ...about,
          host: verdict.host,
          hint: verdict.isForAdopt
            ? `it is not started twice. ${verdict.host} has no valid claim on it: fleet ` +
              `adopt stops whatever runs there; then: fleet allocate ${move.account}`
            : `it is not started twice. If ${verdict.host} should own it, bring the ledger ` +
              'in line with it; if its disk was rolled back: fleet sweep; else stop it there ' +
              'first',
        },
      );
    case 'other-key':
      return new FleetError(
        'claim-refused',
        `${move.account} may be running on ${verdict.host} with another session, of the key ` +
          verdict.keyId.slice(0, 8),
        {
          ...about,
          host: verdict.host,
          hint:
            'it is not started twice. Were ledger and vault put back to before a login? Put the ' +
            'newest ones back (fleet restore FILE), then: fleet adopt',
        },
      );
    case 'poisoned':
      return new FleetError(
        'claim-refused',
        `${verdict.host} reports epoch ${verdict.epoch} for ${move.account}, far above ` +
          `${move.epoch}`,
        {
          ...about,
          host: verdict.host,
          hint: 'the host is broken or belongs to another fleet: look at it before anything else',
        },
      );
    case 'incomplete':
      return new FleetError(
        'survey-incomplete',
        `${move.account} is not started: ${verdict.hosts.join(', ')} did not answer this ` +
          'ledger and might be running it',
        {
          ...about,
          hint:
            'bring the host back and run this again; if it will never boot again: fleet ' +
            `failover ${verdict.hosts[0]} --destroyed`,
          problems: verdict.hosts.map(
            (host) => `${host}: ${problems.get(host)?.message ?? 'no answer'}`,
          ),
        },
      );
    default:
      return new FleetError(
        'claim-refused',
        `${move.account}: hosts keep reporting higher epochs`,
        {
          ...about,
          hint: 'another ledger is working on the same hosts: stop one of the two',
        },
      );
  }
}

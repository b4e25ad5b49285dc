import type { AwaitedAccount } from '../../hostside/protocol/host-acts.ts';
import type { AccountSample, HostSample } from '../../hostside/protocol/sample.ts';
import { workerExit } from '../../hostside/protocol/worker.ts';
import { type AccountState, endedStates } from '../model/account-state.ts';
import { troubleIn } from './account-trouble.ts';
import { clockFault } from './clock.ts';

export interface ReportedState {
  readonly state: AccountState;
  /** One line; empty when online. */
  readonly reason: string;
}

/**
 * What an agent's sample says about an account that its host owns. A running worker speaks for
 * itself; after its end the exit status does (worker
 * contract), as long as systemd remembers it: of one that the operator stopped (not `isWanted`) it
 * may have
 * forgotten everything. `known`: how it stood before; one that was moved without a start still
 * stands so. Pure.
 */
export function accountStateIn(
  sample: HostSample,
  keyId: string,
  isWanted: boolean,
  known?: ReportedState,
): ReportedState {
  const account = sample.accounts.find((candidate) => candidate.keyId === keyId);
  if (account === undefined)
    return { state: 'offline', reason: `${sample.host.name} knows nothing of it` };
  const isRunning =
    account.unit.activeState === 'active' || account.unit.activeState === 'activating';
  // It is on its way to the gate, which refuses it.
  if (account.contained !== undefined && account.unit.activeState !== 'active')
    return { state: 'contained', reason: account.contained };
  if (isRunning) return runningState(account);
  const final = finalStates.get(account.unit.exitStatus ?? Number.NaN);
  if (final !== undefined) return final;
  // What the operator stopped is not waiting for the end of the hold.
  if (sample.bootVerdict?.verdict === 'hold' && isWanted)
    return { state: 'held', reason: sample.bootVerdict.reasons.join('; ') };
  return endedState(account, isWanted, known);
}

function runningState({ status, statusFault, unit }: AccountSample): ReportedState {
  if (statusFault !== null)
    return { state: 'offline', reason: `its status file is unusable: ${statusFault}` };
  if (
    status === null ||
    status.state === 'starting' ||
    status.state === 'stopped' ||
    status.state === 'stopping'
  ) {
    const restarts = unit.restarts > 0 ? `, ${unit.restarts} restarts` : '';
    return { state: 'placed', reason: `${status?.reason || 'starting'}${restarts}` };
  }
  return {
    state: status.state,
    reason:
      status.reason || (troubleIn(status.counters)?.text ?? clockFault(status.counters) ?? ''),
  };
}

/**
 * Ends of a worker that ran in this boot and says for good how its account stands; whether the boot
 * holds accounts does not matter then.
 */
const finalStates = new Map<number, ReportedState>([
  [workerExit.needsLogin, { state: 'needs-login', reason: 'Telegram no longer knows the session' }],
  [
    workerExit.duplicated,
    { state: 'duplicated', reason: 'Telegram saw the session twice and destroyed it' },
  ],
  [workerExit.banned, { state: 'banned', reason: 'the account is banned or deactivated' }],
  [
    workerExit.misconfigured,
    { state: 'misconfigured', reason: 'the worker refused its configuration' },
  ],
]);

const otherEnds = new Map<number, ReportedState>([
  [workerExit.clean, { state: 'stopped', reason: '' }],
]);

function endedState(
  { unit }: AccountSample,
  isWanted: boolean,
  before?: ReportedState,
): ReportedState {
  if (!isWanted && unit.activeState === 'inactive') return { state: 'stopped', reason: '' };
  if (unit.exitStatus === workerExit.gateRefused)
    return { state: 'held', reason: gateRefusal(unit.statusText) };
  const known = otherEnds.get(unit.exitStatus ?? Number.NaN);
  if (known !== undefined) return known;
  const isUntouched = unit.activeState === 'inactive' && unit.exitStatus === null;
  if (isUntouched && before !== undefined && endedStates.has(before.state)) return before;
  return {
    state: 'offline',
    reason:
      `its unit is ${unit.activeState} (exit status ${unit.exitStatus ?? 'unknown'}, ` +
      `${unit.restarts} restarts)`,
  };
}

/** The gate's own words, which its unit keeps: `gate: REASON`. */
const gateRefusal = (statusText = ''): string =>
  'the gate on the host refused to start ' +
  `it${statusText.startsWith('gate: ') ? statusText.slice('gate'.length) : ''}`;

/** The states in which a worker leaves `await`, as the ledger's. */
export function awaitedState(awaited: AwaitedAccount): AccountState {
  switch (awaited.state) {
    case 'online':
    case 'flood-wait':
    case 'needs-login':
    case 'duplicated':
    case 'banned':
    case 'misconfigured':
    case 'stopped':
    case 'reconnecting':
    case 'contained':
      return awaited.state;
    case 'gate':
      return 'held';
    default:
      return 'offline';
  }
}

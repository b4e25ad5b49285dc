import { exportAccount } from './accounts/export.ts';
import { importAccounts } from './accounts/import.ts';
import { listAccounts } from './accounts/list.ts';
import { loginAccount } from './accounts/login.ts';
import { pinAccount, unpinAccount } from './accounts/pin.ts';
import { removeAccounts } from './accounts/remove.ts';
import { restartAccounts } from './accounts/restart.ts';
import { showAccount } from './accounts/show.ts';
import { startAccounts, stopAccounts } from './accounts/start-stop.ts';
import { verifyAccounts } from './accounts/verify.ts';
import { cordon, uncordon } from './hosts/cordon.ts';
import { forgetHost } from './hosts/forget.ts';
import { listHosts } from './hosts/list.ts';
import { renameHost } from './hosts/rename.ts';
import { showHost } from './hosts/show.ts';
import { takeOver } from './hosts/take-over.ts';
import { trustHosts } from './hosts/trust.ts';
import { metrics } from './looks/metrics.ts';
import { rankings } from './looks/rankings.ts';
import { events, history, moves } from './looks/records.ts';
import { report } from './looks/report.ts';
import { status } from './looks/status.ts';
import { why, whyNot } from './looks/why.ts';
import { allocate } from './moves/allocate.ts';
import { apply } from './moves/apply.ts';
import { drain } from './moves/drain.ts';
import { move } from './moves/move.ts';
import { rebalance } from './moves/rebalance.ts';
import { resume } from './moves/resume.ts';
import { simulate } from './moves/simulate.ts';
import { pauseAccounts, resumeAccounts } from './talk/pause.ts';
import { pushScripts } from './talk/push.ts';
import { listScripts, showScript, testScript } from './talk/scripts.ts';
import { sendTest } from './talk/send-test.ts';
import { setScript } from './talk/set-script.ts';
import { whySilent } from './talk/why-silent.ts';
import { sweep } from './upkeep/sweep.ts';
import type { Verb } from './verb.ts';

/** Every verb, in the order of help. A new one is its file and a line here. */
export const verbs: readonly Verb[] = [
  ...[importAccounts, listAccounts, showAccount, verifyAccounts, stopAccounts, startAccounts, restartAccounts, removeAccounts],
  ...[exportAccount, loginAccount, pinAccount, unpinAccount],
  ...[pauseAccounts, resumeAccounts, setScript, sendTest, whySilent, listScripts, showScript, testScript, pushScripts],
  ...[trustHosts, listHosts, showHost, cordon, uncordon, renameHost, forgetHost, takeOver],
  ...[allocate, move, drain, rebalance, apply, resume, simulate],
  ...[status, rankings, why, whyNot, history, moves, events, metrics, report],
  ...[sweep],
];

/** What stands before several verbs. */
export const verbParents: Readonly<Record<string, string>> = {
  accounts: 'accounts and their sessions',
  hosts: 'the servers of the fleet',
  scripts: 'what accounts say and when: list, show, test, push',
};

import { completion } from './about/completion.ts';
import { schemaVerb } from './about/schema.ts';
import { version } from './about/version.ts';
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
import { listAlerts, showAlert, testAlerts, whyAlert } from './alerts/alerts.ts';
import { silenceAlerts, unsilenceAlerts } from './alerts/silence.ts';
import { addHost } from './hosts/add.ts';
import { cordon, uncordon } from './hosts/cordon.ts';
import { cp } from './hosts/cp.ts';
import { exec, ssh } from './hosts/exec.ts';
import { forgetHost } from './hosts/forget.ts';
import { init } from './hosts/init.ts';
import { listHosts } from './hosts/list.ts';
import { renameHost } from './hosts/rename.ts';
import { showHost } from './hosts/show.ts';
import { takeOver } from './hosts/take-over.ts';
import { trustHosts } from './hosts/trust.ts';
import { uninstall } from './hosts/uninstall.ts';
import { adopt } from './ledger/adopt.ts';
import { backup } from './ledger/backup.ts';
import { listBackups } from './ledger/list-backups.ts';
import { moveLedgerVerb } from './ledger/move.ts';
import { restore } from './ledger/restore.ts';
import { logs } from './looks/logs.ts';
import { metrics } from './looks/metrics.ts';
import { rankings } from './looks/rankings.ts';
import { events, history, moves } from './looks/records.ts';
import { report } from './looks/report.ts';
import { status } from './looks/status.ts';
import { top } from './looks/top.ts';
import { why, whyNot } from './looks/why.ts';
import { allocate } from './moves/allocate.ts';
import { apply } from './moves/apply.ts';
import { drain } from './moves/drain.ts';
import { move } from './moves/move.ts';
import { rebalance } from './moves/rebalance.ts';
import { resume } from './moves/resume.ts';
import { simulate } from './moves/simulate.ts';
import { serveVerb } from './serve/serve.ts';
import { addToken, listTokenVerb, revokeTokenVerb } from './serve/token.ts';
import { showConfig, validateConfig } from './setup/config.ts';
import { newFleet } from './setup/new.ts';
import { createKey, rotateKey } from './setup/vault-key.ts';
import { pauseAccounts, resumeAccounts } from './talk/pause.ts';
import { pushScripts } from './talk/push.ts';
import { listScripts, showScript, testScript } from './talk/scripts.ts';
import { sendTest } from './talk/send-test.ts';
import { setScript } from './talk/set-script.ts';
import { whySilent } from './talk/why-silent.ts';
import { check } from './upkeep/check.ts';
import { doctor } from './upkeep/doctor.ts';
import { failover } from './upkeep/failover.ts';
import { patch } from './upkeep/patch.ts';
import { reboot } from './upkeep/reboot.ts';
import { sweep } from './upkeep/sweep.ts';
import type { Verb } from './verb.ts';

/** Every verb, in the order of help. A new one is its file and a line here. */
export const verbs: readonly Verb[] = [
  ...[newFleet, validateConfig, showConfig, createKey, rotateKey],
  ...[serveVerb(() => verbs), addToken, listTokenVerb, revokeTokenVerb],
  ...[
    addHost,
    trustHosts,
    listHosts,
    showHost,
    cordon,
    uncordon,
    renameHost,
    forgetHost,
    takeOver,
    init,
    uninstall,
    exec,
    cp,
    ssh,
  ],
  ...[
    importAccounts,
    loginAccount,
    listAccounts,
    showAccount,
    verifyAccounts,
    startAccounts,
    stopAccounts,
    restartAccounts,
  ],
  ...[pinAccount, unpinAccount, exportAccount, removeAccounts],
  ...[allocate, move, drain, rebalance, apply, resume, simulate],
  ...[status, top, rankings, why, whyNot, history, moves, events, logs, metrics, report],
  ...[
    listScripts,
    showScript,
    testScript,
    pushScripts,
    whySilent,
    pauseAccounts,
    resumeAccounts,
    setScript,
    sendTest,
  ],
  ...[sweep, doctor, check, patch, reboot, failover],
  ...[listAlerts, showAlert, whyAlert, silenceAlerts, unsilenceAlerts, testAlerts],
  ...[backup, listBackups, restore, adopt, moveLedgerVerb],
  ...[completion, schemaVerb(() => verbs), version],
];

/** What stands before several verbs. */
export const verbParents: Readonly<Record<string, string>> = {
  config: 'the inventory: check it, and see what is in effect',
  vault: 'the encrypted store of sessions',
  alerts: 'what fires, who is told of it, and silences; fleet sweep is what finds and tells',
  accounts: 'accounts and their sessions',
  hosts: 'the servers of the fleet',
  scripts: 'what accounts say and when: list, show, test, push',
  ledger: 'where the ledger is kept: a file, or a PostgreSQL database',
  token: 'who may use the API of fleet serve',
};

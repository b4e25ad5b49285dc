import { listAccounts } from '../../ledger/queries/accounts.ts';
import { listHosts } from '../../ledger/queries/hosts.ts';
import { listLogins } from '../../ledger/queries/logins.ts';
import { readMeta } from '../../ledger/queries/meta.ts';
import { listOpenMoves } from '../../ledger/queries/moves.ts';
import { lastRunOf } from '../../ledger/queries/runs.ts';
import { lastSerial, readStaleness, staleError } from '../../ledger/queries/staleness.ts';
import { counted } from '../../model/counted.ts';
import { FleetError } from '../../model/errors.ts';
import type { Finding } from '../../model/finding.ts';
import type { AccountName } from '../../model/names.ts';
import type { SecretReference } from '../../model/secret-reference.ts';
import { readStoredSession } from '../../vault/stored-session.ts';
import { listKnownAccounts } from '../accounts/known-accounts.ts';
import { examineAlerts } from '../alerts/examine-alerts.ts';
import type { FleetContext } from '../context.ts';
import { lastBackupKey } from '../custody/backup.ts';
import { findHistoryFault } from '../custody/history-head.ts';
import { lostLedgerErrors } from '../custody/lost-ledger.ts';
import { renamedHosts, strayHint } from '../hosts/host-identity.ts';
import { readUnendedTrials } from '../trials/unended-trials.ts';
import { examinePermissions } from './examine-permissions.ts';

type Level = Finding['level'];
const here = (level: Level, text: string, remedy = ''): Finding => ({
  where: 'here',
  level,
  text,
  remedy,
});

/**
 * The error that `act` ends with as a finding, otherwise what it found. Other errors are bugs and
 * stay errors.
 */
async function tried(act: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await act();
  } catch (error) {
    if (error instanceof FleetError) return [here('critical', error.message, error.hint)];
    throw error;
  }
}

/**
 * The operator's side: inventory, ledger, vault and its key, secrets, backup, cron, and what is not
 * finished. Changes nothing.
 */
export async function examineHere(context: FleetContext): Promise<Finding[]> {
  const { inventory } = context;
  const parts = [
    examineLedger,
    examineVault,
    ({ inventory: own }: FleetContext) => examinePermissions(own),
    examineSecrets,
    examineBackup,
    examineSweeps,
    examineAlerts,
    examineWork,
  ].map((part) => tried(() => part(context)));
  const accounts = inventory.accounts.length;
  const size =
    `${inventory.hosts.length} ` +
    `hosts${accounts === 0 ? '' : `, settings for ${accounts} accounts`}`;
  const raised = inventory.raised.map((text) =>
    here('warning', text, 'write the longer time, or leave the key out'),
  );
  return [
    here('ok', `the inventory is sound: ${size}`),
    ...raised,
    ...(await Promise.all(parts)).flat(),
  ];
}

const minFreeBytes = 200 * 1024 * 1024;

async function examineLedger(context: FleetContext): Promise<Finding[]> {
  const { ledger } = context;
  const found: Finding[] = [];
  const stale = await readStaleness(ledger.db);
  if (stale !== null)
    found.push(here('critical', staleError(stale).message, staleError(stale).hint));
  else found.push(...(await behindItsCopy(ledger)));
  if (!(await ledger.isSound())) {
    found.push(
      here(
        'critical',
        `the ledger ${ledger.place} is damaged`,
        'keep the file; put back the newest backup: fleet restore FILE',
      ),
    );
  }
  const identity = await context.readSecret(context.inventory.vaultKey).catch(() => null);
  const fault = await findHistoryFault(context, identity);
  if (fault !== null) {
    const remedy =
      'who did? Compare with a backup (fleet restore FILE --dry-run). After a restore, ' +
      'the next fleet backup notes the history anew';
    found.push(here('critical', `the ledger's history cannot be believed: ${fault}`, remedy));
  }
  for (const { message, hint } of await lostLedgerErrors(context))
    found.push(here('critical', message, hint));
  const freeBytes = ledger.freeBytes();
  if (freeBytes !== null && freeBytes < minFreeBytes) {
    const text = `${Math.round(freeBytes / 1_048_576)} MB are free where the ledger is`;
    found.push(
      here(
        'critical',
        text,
        'free some space: nothing is started or moved that cannot be recorded',
      ),
    );
  }
  return found.length > 0 ? found : [here('ok', 'the ledger is sound, and so is its history')];
}

/** The same that the next run would find, and end with. */
async function behindItsCopy({
  db,
  authorityId,
  serialCopy,
}: FleetContext['ledger']): Promise<Finding[]> {
  const kept = serialCopy.read(authorityId) ?? 0;
  const last = await lastSerial(db);
  if (kept <= last) return [];
  const { message, hint } = staleError(
    `its run ${kept} was begun on this machine, and its last one is ${last}`,
  );
  return [here('critical', message, hint)];
}

async function examineVault(context: FleetContext): Promise<Finding[]> {
  const { inventory, ledger, vault } = context;
  const accounts = await listAccounts(ledger.db);
  // Reading one tells whether the key fits; reading the others whether each is sound.
  await context.readSecret(inventory.vaultKey);
  const found = await Promise.all(
    accounts.map(({ name, key_id }) =>
      tried(async () => {
        const { session } = await readStoredSession(vault, name as AccountName, key_id);
        session.authKey.fill(0);
        return [];
      }),
    ),
  );
  const problems = found.flat();
  return problems.length > 0
    ? problems
    : [here('ok', `the vault key fits, and every session can be read (${accounts.length})`)];
}

async function examineSecrets({ inventory, readSecret }: FleetContext): Promise<Finding[]> {
  const telegram = [inventory.accountDefaults, ...inventory.accounts].map(
    (account) => account.telegram,
  );
  const wanted = telegram.flatMap(({ apiId, apiHash }) =>
    typeof apiId === 'number' ? [apiHash] : [apiId, apiHash],
  );
  const hosts = inventory.hosts.flatMap(({ ssh }) => [
    ssh.password,
    ssh.passphrase,
    ssh.sudoPassword,
  ]);
  const references = new Map<string, SecretReference>();
  for (const reference of [...wanted, ...hosts])
    if (reference !== null) references.set(`${reference.kind}:${reference.target}`, reference);
  const read = async (reference: SecretReference): Promise<Finding[]> => {
    await readSecret(reference);
    return [];
  };
  const problems = (
    await Promise.all([...references.values()].map((reference) => tried(() => read(reference))))
  ).flat();
  return problems.length > 0
    ? problems
    : [here('ok', `the secrets that the inventory refers to can be read (${references.size})`)];
}

const dayMs = 86_400_000;

async function examineBackup({ ledger, now }: FleetContext): Promise<Finding[]> {
  if ((await listAccounts(ledger.db)).length === 0) return [];
  const last = await readMeta(ledger.db, lastBackupKey);
  const remedy =
    'fleet backup --to FOLDER --keep 30, every night (templates/examples/crontab), to ' +
    'another machine; the vault key to a third place';
  if (last === null) return [here('critical', 'there is no backup of ledger and vault', remedy)];
  const days = (now() - Number(last)) / dayMs;
  return days > 2
    ? [here('warning', `the last backup is ${Math.floor(days)} days old`, remedy)]
    : [here('ok', 'the last backup is recent')];
}

async function examineSweeps({ inventory, ledger, now }: FleetContext): Promise<Finding[]> {
  if ((await listAccounts(ledger.db)).every(({ host }) => host === null)) return [];
  const last = await lastRunOf(ledger.db, 'sweep');
  if (last !== null && now() - last <= inventory.hold.holdAfterMs)
    return [here('ok', 'sweeps run often enough')];
  const minutes = Math.round(inventory.hold.holdAfterMs / 60_000);
  return [
    here(
      'warning',
      `no sweep within ${minutes} minutes: a host that reboots now holds its accounts ` +
        'until somebody gives them back',
      'put fleet sweep into cron (templates/examples/crontab), or raise hold.after in the ' +
        'inventory',
    ),
  ];
}

const hourMs = 3_600_000;

async function examineWork({ inventory, ledger, now }: FleetContext): Promise<Finding[]> {
  const { db } = ledger;
  const [moves, accounts, hosts] = await Promise.all([
    listOpenMoves(db),
    listKnownAccounts(db),
    listHosts(db),
  ]);
  const found: Finding[] = [];
  const old = moves.filter(({ created_at }) => now() - created_at > hourMs);
  if (old.length > 0)
    found.push(
      here(
        'warning',
        `${counted(old.length, 'move is', 'moves are')} open for more than an hour`,
        'fleet moves says what each waits for',
      ),
    );
  for (const { account, host, started_at } of await listLogins(db)) {
    const text =
      `the login of ${account} on ${host} was begun at ${new Date(started_at).toISOString()} ` +
      'and is not done';
    found.push(
      here(
        'warning',
        text,
        `go on with it: fleet accounts login ${account}; or give it up: the same with --cancel`,
      ),
    );
  }
  const needy = accounts.filter(({ state }) =>
    [
      'needs-login',
      'duplicated',
      'banned',
      'misconfigured',
      'held',
      'contained',
      'offline',
      'unknown',
    ].includes(state),
  );
  if (needy.length > 0)
    found.push(
      here(
        'warning',
        `${counted(needy.length, 'account needs', 'accounts need')} somebody`,
        'fleet status says what to do',
      ),
    );
  const known = new Set<string>(inventory.hosts.map(({ name }) => name));
  const renamed = await renamedHosts({ inventory, ledger });
  for (const { host, name } of accounts) {
    if (host !== null && !known.has(host)) {
      const text = `${name} is on ${host}, which is not in the inventory`;
      found.push(here('critical', text, strayHint(host, renamed.get(host))));
    }
  }
  for (const { text, remedy } of await readUnendedTrials(db))
    found.push(here('warning', text, remedy));
  for (const { name, cordoned, cordon_reason } of hosts) {
    if (cordoned === 1 && known.has(name)) {
      found.push(
        here(
          'warning',
          `${name} is cordoned${cordon_reason ? `: ${cordon_reason}` : ''}`,
          `fleet hosts uncordon ${name}`,
        ),
      );
    }
  }
  return found;
}

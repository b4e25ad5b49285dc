import { basename, dirname, resolve } from 'node:path';
import {
  accountsOfUser,
  findAccount,
  findAccountByKey,
  highestEpoch,
  insertAccount,
  type PlacedAccount,
  setAccountState,
  setWanted,
} from '../../ledger/queries/accounts.ts';
import { recordEvent } from '../../ledger/queries/events.ts';
import { findLogin } from '../../ledger/queries/logins.ts';
import { FleetError } from '../../model/errors.ts';
import { type AccountName, isAccountName } from '../../model/names.ts';
import type {
  ParsedSession,
  SessionOutcome,
  SessionRefusalCode,
} from '../../sessions/session-outcome.ts';
import { readSessionSources } from '../../vault/read-session-sources.ts';
import type { FleetContext } from '../context.ts';
import { type ProposedName, proposeName } from './propose-name.ts';

export interface ImportOutcome {
  readonly path: string;
  readonly account: string | null;
  /** What people call it, where `account` is a proposed name. */
  readonly displayName: string | null;
  /** `returned`: it had been exported and comes back. `known`: nothing to do. */
  readonly result: 'imported' | 'returned' | 'known' | 'refused';
  readonly format: string | null;
  readonly dataCentre: number | null;
  readonly userId: string | null;
  readonly warnings: readonly string[];
  /**
   * Why it was refused, as a stable code: one of the session refusals, or `COMPANION`
   * `ACCOUNT_NAME` `SAME_KEY` `OTHER_KEY`; null where it was not.
   */
  readonly refusal: RefusalCode | null;
  readonly problem: FleetError | null;
}

type RefusalCode = SessionRefusalCode | 'COMPANION' | 'ACCOUNT_NAME' | 'SAME_KEY' | 'OTHER_KEY';

/** Why one file was refused. */
interface Refused {
  readonly code: RefusalCode;
  readonly problem: FleetError;
}

const refusedFor = (
  code: RefusalCode,
  message: string,
  details: { readonly hint: string; readonly account?: string },
): Refused => ({
  code,
  problem: new FleetError('session-file', `${message} (${code})`, details),
});

/** One session file that was read and found sound. */
interface Candidate {
  readonly path: string;
  readonly account: AccountName;
  readonly displayName: string | null;
  readonly parsed: ParsedSession;
}

/** The sessions behind a path. */
type ReadSessions = (path: string) => Promise<readonly SessionOutcome[]>;

/**
 * Reads every file first, then takes the sound ones: vault before ledger (invariant 5), so that a
 * run that was killed is simply repeated. The same key is
 * never known under two names. Files are opened read-only and left untouched. One outcome per path,
 * in order, and one for each account of a folder; a log or
 * journal that SQLite keeps beside a file of the list, and a description, is judged with that file
 * and has none; nor have those that Ctrl-C
 * left unread. `passcode`: of Telegram Desktop's data; empty: none. `read`: where it is not a file
 * that is read.
 */
export async function importAccounts(
  context: FleetContext,
  paths: readonly string[],
  name: string | null,
  passcode = '',
  read: ReadSessions = (path) => readSessionSources(path, passcode),
): Promise<ImportOutcome[]> {
  const outcomes: ImportOutcome[] = [];
  const seen = new Map<string, string>();
  for (const [index, path] of paths.entries()) {
    // Between two files: what was taken is in the vault and in the ledger.
    if (context.signal.aborted) break;
    context.report({
      kind: 'phase',
      text: `reading file ${index + 1} of ${paths.length}`,
      isBrief: true,
    });
    const mainFile = mainFileOf(path);
    if ((mainFile !== null && paths.includes(mainFile)) || isDescription(path, paths)) continue;
    const found =
      mainFile === null ? await readCandidates(path, name, read) : [companionAlone(path, mainFile)];
    for (const candidate of found) {
      if ('problem' in candidate) {
        outcomes.push(refusal(path, null, candidate));
        continue;
      }
      const { keyId } = candidate.parsed.session;
      const twin = seen.get(keyId);
      seen.set(keyId, path);
      try {
        outcomes.push(
          twin === undefined
            ? await takeCandidate(context, await underItsOwnName(context, candidate, name !== null))
            : refusal(path, candidate, sameKey(path, candidate.account, `the file ${twin}`)),
        );
      } catch (error) {
        throw halted(context, outcomes, error);
      } finally {
        candidate.parsed.session.authKey.fill(0);
      }
    }
  }
  return outcomes;
}

/**
 * What this machine refused, a full disk for example, and which accounts were taken before: the
 * same command goes on there.
 */
function halted(
  { ledger }: FleetContext,
  outcomes: readonly ImportOutcome[],
  cause: unknown,
): unknown {
  const error = ledger.useError(cause);
  const taken = outcomes.flatMap(({ account, result }) =>
    account !== null && result !== 'refused' ? [account] : [],
  );
  if (!(error instanceof FleetError) || taken.length === 0) return error;
  const names =
    `${taken.slice(0, 5).join(', ')}` +
    `${taken.length > 5 ? ` and ${taken.length - 5} more` : ''}`;
  return new FleetError(
    error.code,
    `${error.message}; ${names} ${taken.length === 1 ? 'was' : 'were'} taken before`,
    {
      hint: `${error.hint}; the same command goes on with the others`,
      cause: error,
    },
  );
}

/**
 * `x.session` for `x.session-wal`, `-shm` and `-journal`, which SQLite keeps beside it; null for
 * any other name.
 */
const mainFileOf = (path: string): string | null =>
  /^(.+\.[a-z0-9]+)-(?:wal|shm|journal)$/i.exec(path)?.[1] ?? null;

/** `x.json` beside `x.session` in the list: it is read with that file. */
const isDescription = (path: string, paths: readonly string[]): boolean =>
  path.endsWith('.json') && paths.includes(path.replace(/json$/, 'session'));

const companionAlone = (path: string, mainFile: string): Refused =>
  refusedFor('COMPANION', `${path}: a file that SQLite keeps beside a session, not a session`, {
    hint: `import ${mainFile} itself, with this file left beside it`,
  });

async function readCandidates(
  path: string,
  name: string | null,
  read: ReadSessions,
): Promise<readonly (Candidate | Refused)[]> {
  const { name: first, displayName } = proposedFor(path, name);
  const sources = await read(path);
  return sources.map((parsed, index) =>
    candidateFrom(path, index === 0 ? first : `${first}-${index + 1}`, displayName, parsed),
  );
}

/**
 * The account that a file becomes: as the operator calls it, else as the file is called. What
 * cannot be a name is its display name.
 */
export const proposedFor = (path: string, name: string | null): ProposedName =>
  proposeName(name ?? calledIn(path));

/** `account`: the second account of a folder is NAME-2, and so on. */
function candidateFrom(
  path: string,
  account: string,
  displayName: string | null,
  parsed: SessionOutcome,
): Candidate | Refused {
  if (!parsed.ok) return refusedFor(parsed.code, parsed.message, { account, hint: parsed.hint });
  if (isAccountName(account)) return { path, account, displayName, parsed };
  return refusedFor('ACCOUNT_NAME', `${path}: "${account}" cannot be an account's name`, {
    hint: 'give a shorter one by --name NAME',
  });
}

/**
 * A session that was exported comes back as the account that it was, whatever its file is called
 * now; and one whose name was proposed is the account that has
 * its key. A proposed name that another account has gets a digest of what it was made from.
 */
async function underItsOwnName(
  context: FleetContext,
  candidate: Candidate,
  isNamed: boolean,
): Promise<Candidate> {
  const { displayName, account, parsed } = candidate;
  const owner = await findAccountByKey(context.ledger.db, parsed.session.keyId);
  if (owner !== undefined && (displayName !== null || (!isNamed && owner.state === 'detached')))
    return { ...candidate, account: owner.name as AccountName, displayName: owner.display_name };
  if (displayName === null || (await findAccount(context.ledger.db, account)) === undefined)
    return candidate;
  return { ...candidate, account: proposeName(displayName, true).name };
}

/**
 * The file's name without its ending; of Telegram Desktop's folder, which is always called tdata,
 * the folder around it.
 */
const calledIn = (path: string): string => {
  const full = resolve(path);
  const named = basename(full) === 'tdata' ? dirname(full) : full;
  return basename(named).replace(/\.(session|txt|string|zip)$/i, '');
};

const refusal = (
  path: string,
  candidate: Candidate | null,
  { code, problem }: Refused,
): ImportOutcome => ({
  path,
  account: candidate?.account ?? problem.account ?? null,
  displayName: candidate?.displayName ?? null,
  result: 'refused',
  format: candidate?.parsed.format ?? null,
  dataCentre: candidate?.parsed.session.dataCentre ?? null,
  userId: candidate?.parsed.session.userId?.toString() ?? null,
  warnings: [],
  refusal: code,
  problem,
});

const sameKey = (path: string, account: string, owner: string): Refused =>
  refusedFor('SAME_KEY', `${path}: the same session key is known already, from ${owner}`, {
    account,
    hint:
      'two workers with one key destroy the session: import it once, and stop whatever else ' +
      'uses it',
  });

async function takeCandidate(context: FleetContext, candidate: Candidate): Promise<ImportOutcome> {
  const { db } = context.ledger;
  const { path, account, displayName, parsed } = candidate;
  const { keyId } = parsed.session;
  const sameKeyAccount = await findAccountByKey(db, keyId);
  if (sameKeyAccount !== undefined && sameKeyAccount.name !== account) {
    return refusal(path, candidate, sameKey(path, account, `account ${sameKeyAccount.name}`));
  }
  if (((await findLogin(db, account))?.phase ?? 'taken') !== 'taken') {
    const hint = `go on with it: fleet accounts login ${account}; or give it up: the same with --cancel`;
    return refusal(
      path,
      candidate,
      refusedFor('OTHER_KEY', `${path}: a login of ${account} was begun and is not done`, {
        account,
        hint,
      }),
    );
  }
  const sameName = await findAccount(db, account);
  if (sameName !== undefined && sameName.key_id !== keyId) {
    return refusal(
      path,
      candidate,
      refusedFor('OTHER_KEY', `${path}: account ${account} exists with another session key`, {
        account,
        hint:
          `if its session is dead: fleet accounts login ${account} replaces it; or fleet ` +
          `accounts remove ${account} first; or import this one with --name NAME`,
      }),
    );
  }
  const done = (result: ImportOutcome['result'], warnings: readonly string[]): ImportOutcome => ({
    path,
    account,
    displayName,
    result,
    format: parsed.format,
    dataCentre: parsed.session.dataCentre,
    userId: parsed.session.userId?.toString() ?? null,
    warnings,
    refusal: null,
    problem: null,
  });
  const warnings = sameName === undefined ? [] : await putBack(context, candidate);
  if (sameName?.state === 'detached') {
    await setAccountState(db, account, 'stored', 'returned by import', context.now());
    // Who brings it back wants it, whether it was stopped before it left or not.
    await setWanted(db, account, true);
    await recordEvent(db, {
      at: context.now(),
      kind: 'account-returned',
      host: null,
      account,
      path,
    });
    return done('returned', warnings);
  }
  if (sameName !== undefined) return done('known', [...warnings, ...deadNote(sameName)]);
  return done('imported', await store(context, candidate));
}

/** Of a session that Telegram takes no more: importing it once more brings nothing back. */
const deadNote = ({ name, state }: PlacedAccount): string[] =>
  state === 'duplicated' || state === 'needs-login'
    ? [`its session is dead (${state}) and stays so; a new one: fleet accounts login ${name}`]
    : state === 'banned'
      ? ['Telegram has banned it; this changes nothing']
      : [];

/**
 * The session of an account that the ledger knows, where the vault has lost it. Returns what the
 * operator should know.
 */
async function putBack(
  context: FleetContext,
  { path, account, parsed }: Candidate,
): Promise<string[]> {
  if ((await context.vault.list()).includes(account)) return [];
  const { vaultHash } = await putOnce(
    context,
    account,
    parsed,
    new Date(context.now()).toISOString(),
  );
  await context.ledger.db
    .updateTable('accounts')
    .set({ vault_hash: vaultHash })
    .where('name', '=', account)
    .execute();
  await recordEvent(context.ledger.db, {
    at: context.now(),
    kind: 'session-returned',
    host: null,
    account,
    path,
  });
  return ['the vault had no session of this account; it has this one now'];
}

/** Vault first, then the ledger. Returns what the operator should know. */
async function store(
  context: FleetContext,
  { path, account, displayName, parsed }: Candidate,
): Promise<string[]> {
  const { db } = context.ledger;
  const { session } = parsed;
  const warnings = parsed.warnings.map(({ message }) => message);
  const userId = session.userId?.toString() ?? null;
  if (userId !== null) {
    const others = await accountsOfUser(db, userId);
    if (others.length > 0)
      warnings.push(
        `user ${userId} is also account ${others.map(({ name }) => name).join(', ')}, with ` +
          'another key',
      );
  }
  if ((await highestEpoch(db, session.keyId)) > 0)
    warnings.push('this key has run in this fleet before; its epochs go on from there');
  const importedAtMs = context.now();
  const { vaultHash } = await putOnce(
    context,
    account,
    parsed,
    new Date(importedAtMs).toISOString(),
  );
  await db.transaction().execute(async (transaction) => {
    await insertAccount(transaction, {
      name: account,
      key_id: session.keyId,
      user_id: userId,
      data_centre: session.dataCentre,
      is_bot: session.isBot ? 1 : 0,
      source_format: parsed.format,
      vault_hash: vaultHash,
      imported_at: importedAtMs,
      display_name: displayName,
    });
    await recordEvent(transaction, {
      at: importedAtMs,
      kind: 'account-imported',
      host: null,
      account,
      format: parsed.format,
      path,
    });
  });
  return warnings;
}

/**
 * A run that was killed after this and before the ledger knew the account has stored the same
 * session already.
 */
async function putOnce(
  context: FleetContext,
  account: AccountName,
  parsed: ParsedSession,
  importedAt: string,
): Promise<{ vaultHash: string }> {
  const meta = {
    sourceFormat: parsed.format,
    apiId: parsed.apiId,
    importedAt,
    ...(parsed.device === undefined ? {} : { device: parsed.device }),
  };
  const stored = (await context.vault.list()).includes(account);
  if (!stored) return context.vault.put(account, parsed.session, meta);
  const before = await context.vault.get(account);
  before.session.authKey.fill(0);
  return before.keyId === parsed.session.keyId
    ? before
    : context.vault.put(account, parsed.session, meta, { replace: true });
}

import type Database from 'better-sqlite3';
import { isModelPath, modelDisk } from './model-disk.ts';

/**
 * A ledger's file: SQLite in memory. All connections to it are one, which is as if they were many
 * because no two events of a simulation overlap.
 */
interface LedgerFile {
  readonly database: Database.Database;
  readonly statements: Map<string, Database.Statement>;
  /** The last commit can still be lost: its savepoint is open. */
  isLastOpen: boolean;
}

type Open = new (source: string | Buffer, options?: Database.Options) => Database.Database;

const files = new Map<string, LedgerFile>();
/** By the name of the template: ledgers with its content, of which nobody has one at the moment. */
const blanks = new Map<string, LedgerFile[]>();
/** Ledgers that began as a blank one and can become one again, with the name of the template. */
const blankPaths = new Map<string, string>();
let openReal: Open | null = null;

/** What `new Database(path)` gives: the one in memory where the path is on the model disk. */
export function openDatabase(
  real: Open,
  path: string | Buffer,
  options?: Database.Options,
): Connection | Database.Database {
  openReal = real;
  if (!isModelPath(path)) return new real(path, options);
  return new Connection(files.get(path) ?? keep(path, fileOf(new real(':memory:'))));
}

const fileOf = (database: Database.Database): LedgerFile => {
  database.pragma('foreign_keys = ON');
  return { database, statements: new Map(), isLastOpen: false };
};

/** The name exists on the model disk, for whoever looks whether there is a ledger. */
function keep(path: string, file: LedgerFile): LedgerFile {
  files.set(path, file);
  modelDisk.writeFileSync(path, '', { mode: 0o600 });
  return file;
}

/**
 * Everything that happens to a ledger is one transaction, which is rolled back when its world ends:
 * a blank ledger whose statements are compiled
 * already. The transactions of the ledger itself are savepoints in it. That of the last commit
 * stays open until the next one begins, because a power
 * loss may take it back.
 */
function beginStep(file: LedgerFile): void {
  endLast(file);
  file.database.exec('savepoint step');
}

function endLast(file: LedgerFile): void {
  if (file.isLastOpen) file.database.exec('release step');
  file.isLastOpen = false;
}

const takeBack = 'rollback to step; release step';

/** Whether there was a commit that the power loss of its machine has taken back. */
export function loseLastCommit(path: string): boolean {
  const file = files.get(path);
  if (file?.isLastOpen !== true) return false;
  file.database.exec(takeBack);
  file.isLastOpen = false;
  return true;
}

const writes = /^\s*(?:insert|update|delete|with)\b/i;

type TransactionAct = 'begin' | 'commit' | 'rollback';

const acts: Readonly<Record<string, TransactionAct>> = {
  begin: 'begin',
  'begin immediate': 'begin',
  commit: 'commit',
  rollback: 'rollback',
};

/** As far as the ledger uses a database. */
class Connection {
  readonly #file: LedgerFile;
  /** In the middle of a transaction. */
  #isWithin = false;

  constructor(file: LedgerFile) {
    this.#file = file;
  }

  /** As the shipped driver asks it before it rolls back (src/ledger/engines/sqlite). */
  get inTransaction(): boolean {
    return this.#isWithin;
  }

  prepare(sql: string): unknown {
    const { database, statements } = this.#file;
    const act = acts[sql];
    if (act !== undefined) return { reader: false, run: () => this.#take(act) };
    // The same statement is compiled once: a schedule makes hundreds of the same few queries.
    const known = statements.get(sql) ?? database.prepare(sql);
    statements.set(sql, known);
    if (this.#isWithin || !writes.test(sql)) return known;
    return {
      reader: known.reader,
      run: (...values: unknown[]) => this.#alone(() => known.run(...values)),
      all: (...values: unknown[]) => this.#alone(() => known.all(...values)),
    };
  }

  /** A statement outside a transaction is a commit of its own. */
  #alone<T>(act: () => T): T {
    beginStep(this.#file);
    const result = act();
    this.#file.isLastOpen = true;
    return result;
  }

  #take(act: TransactionAct): { changes: number; lastInsertRowid: number } {
    if (act === 'begin') beginStep(this.#file);
    else if (act === 'commit') this.#file.isLastOpen = true;
    else this.#file.database.exec(takeBack);
    this.#isWithin = act === 'begin';
    return { changes: 0, lastInsertRowid: 0 };
  }

  /** How a file is written is nothing to one in memory, and cannot be said within a transaction. */
  pragma(source: string, options?: Database.PragmaOptions): unknown {
    if (/^(?:journal_mode|synchronous|foreign_keys) =/.test(source)) return undefined;
    return this.#file.database.pragma(source, options);
  }

  function(
    name: string,
    options: Database.RegistrationOptions,
    act: (...values: unknown[]) => unknown,
  ): void {
    this.#file.database.function(name, options, act);
  }

  /** In the middle of a transaction when its process was killed there. */
  close(): void {
    if (this.#isWithin) this.#take('rollback');
  }
}

/**
 * The content of a ledger, for {@link putLedger}. Only what is committed can be had, so the ledger
 * can not become a blank one again.
 */
export function ledgerBytes(path: string): Buffer {
  const file = files.get(path);
  if (file === undefined) throw new Error(`no ledger ${path}`);
  endLast(file);
  if (blankPaths.delete(path)) file.database.exec('commit');
  return file.database.serialize();
}

const opened = (content: Buffer): LedgerFile => {
  if (openReal === null) throw new Error('no ledger was opened before');
  return fileOf(new openReal(content));
};

/** A ledger file with this content, as a copy or a backup leaves one. */
export function putLedger(path: string, content: Buffer): void {
  keep(path, opened(content));
}

/** A ledger with the content of a template, which is always the same one for that name. */
export function putBlankLedger(path: string, template: Buffer, name: string): void {
  const { database } = keep(path, blanks.get(name)?.pop() ?? opened(template));
  database.exec('begin');
  blankPaths.set(path, name);
}

/** Removes all ledger files below a directory. */
export function removeLedgers(directory: string): void {
  for (const [path, file] of files) {
    if (!path.startsWith(`${directory}/`)) continue;
    files.delete(path);
    const template = blankPaths.get(path);
    blankPaths.delete(path);
    if (template === undefined) file.database.close();
    else {
      file.database.exec('rollback');
      file.isLastOpen = false;
      blanks.set(template, [...(blanks.get(template) ?? []), file]);
    }
  }
}

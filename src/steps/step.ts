import { quoteShell } from '../remote/shared/shell-command.ts';

/**
 * One idempotent act on a host, as shell text for the host program (templates/host-program, bash
 * 5). `check` calls `todo TEXT` for
 * everything that has to change, `warn TEXT` for what cannot be had and is not worth failing, `fail
 * CODE MESSAGE HINT` where the host
 * must not be touched. `apply` makes the changes; afterwards `check` runs again and has to find
 * nothing. Both see only what `looksAt` names.
 */
export interface Step {
  /** Lower-case letters, digits, `-`; unique; what `--only` and `--skip` name. */
  readonly id: string;
  /** What it brings about, for people; starts in lower case. */
  readonly title: string;
  /**
   * Steps that have to be through before this one is checked, when they were started in the
   * background.
   */
  readonly after?: readonly string[];
  /**
   * Its apply runs beside the steps that follow, until one names it in `after` or the program ends.
   * It may not ask for blobs.
   */
  readonly background?: boolean;
  readonly looksAt: LooksAt;
  /** Definitions that check and apply use; evaluated once, before anything is read. */
  readonly declare?: string;
  readonly check: string;
  readonly apply: string;
}

/** What the program reads of the host for this step, all steps together in three commands. */
export interface LooksAt {
  readonly paths?: readonly string[];
  readonly units?: readonly string[];
  readonly packages?: readonly string[];
}

/** A text file that fleet owns on a host. */
export interface ManagedFile {
  readonly path: string;
  readonly text: string;
  /** Octal digits, for example `644`. */
  readonly mode: string;
  /** `user:group` */
  readonly owner: string;
  /** What is owed when the file changes: `restart.UNIT` or `reload`. */
  readonly owes?: string;
}

/** Words for the shell, each quoted. */
export const shellWords = (words: readonly string[]): string => words.map(quoteShell).join(' ');

/** Declares `files` for the program's want_files and put_files. */
export function declareFiles(files: readonly ManagedFile[]): string {
  return files
    .map(({ path, text, mode, owner, owes }) => {
      const key = quoteShell(path);
      const restart = owes === undefined ? '' : ` F_RESTART[${key}]=${quoteShell(owes)}`;
      return (
        `F_TEXT[${key}]=${quoteShell(text)} F_MODE[${key}]=${mode} ` +
        `F_OWNER[${key}]=${owner}${restart}`
      );
    })
    .join('\n');
}

/** A step that is nothing but files. */
export function filesStep(id: string, title: string, files: readonly ManagedFile[]): Step {
  const paths = files.map((file) => file.path);
  return {
    id,
    title,
    looksAt: { paths },
    declare: declareFiles(files),
    check: `want_files ${shellWords(paths)}`,
    apply: `put_files ${shellWords(paths)}`,
  };
}

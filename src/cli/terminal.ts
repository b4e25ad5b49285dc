import { fstatSync, writeSync } from 'node:fs';
import { disarmed, visible, visibleJson, visibleLine } from '../model/visible.ts';
import { exitCode } from '../verbs/exit-codes.ts';
import { foldText } from './render/fold-text.ts';
import { withColours } from './style.ts';

/**
 * The only place that writes to this process's output (held by a test): whatever came from a host,
 * a worker, a file or a server passes {@link visible} here.
 */

/** Logs of these obey what looks like a command in them. */
const isObeyed = (): boolean =>
  ['GITHUB_ACTIONS', 'TF_BUILD', 'TEAMCITY_VERSION'].some((name) => process.env[name]);

let isWide = false;

const shown = (text: string): string => {
  const safe = withColours(text, visible);
  return isObeyed() ? disarmed(safe) : safe;
};

/** Lines that a terminal would break anywhere are broken between words; as it is elsewhere. */
const folded = (text: string, { isTTY, columns }: NodeJS.WriteStream): string =>
  isTTY && !isWide ? foldText(text, Math.max(40, columns || 80)) : text;

/** What a command has to say to people, as their terminal shows it best. */
export const foldedOut = (text: string): string => folded(text, process.stdout);

/** One text and a line's end to standard output. */
export const printOut = (text: string): void => console.log(shown(text));

/** What long text goes through; null: nobody is there to turn pages, or wants to. */
function pagerHere(): string | null {
  const pager = (process.env.PAGER ?? 'less').trim();
  const { isTTY } = process.stdout;
  const isUnattended =
    !isTTY || !process.stdin.isTTY || process.env.CI !== undefined || process.env.TERM === 'dumb';
  // A pager runs what its user types, and PAGER what it holds, with the rights that were lent for
  // fleet alone.
  const isLent = ['SUDO_UID', 'DOAS_USER', 'PKEXEC_UID'].some(
    (name) => process.env[name] !== undefined,
  );
  return isLent || isUnattended || pager === '' || pager === 'cat' ? null : pager;
}

/**
 * The same; where it is longer than the terminal, through PAGER (default: less). Without a pager it
 * is printed.
 */
export function printPaged(text: string): void {
  const pager = pagerHere();
  if (pager === null || shown(text).split('\n').length < (process.stdout.rows || 24)) {
    printOut(text);
    return;
  }
  const { spawnSync } = process.getBuiltinModule('node:child_process');
  // Ctrl-C is the pager's own while it is there.
  const ignore = (): void => undefined;
  process.on('SIGINT', ignore);
  const [program = ''] = pager.split(/\s+/);
  const find = `command -v '${program.replaceAll("'", '')}' >/dev/null || exit 127`;
  const { status } = spawnSync('sh', ['-c', `${find}\nexec ${pager}`], {
    input: `${shown(text)}\n`,
    stdio: ['pipe', 'inherit', 'inherit'],
    env: { ...process.env, LESS: process.env.LESS ?? 'FRX' },
  });
  process.off('SIGINT', ignore);
  if (status === 127) printOut(text);
}

/** The same to standard error, where progress and errors go. */
export const printErr = (text: string): void => console.error(shown(folded(text, process.stderr)));

const toJson = (value: unknown): string =>
  visibleJson(
    JSON.stringify(value, (_, field: unknown) =>
      typeof field === 'bigint' ? field.toString() : field,
    ),
  );

let liveNote: ((text: string) => void) | null = null;

/**
 * While a display redraws its lines on standard error, which keeps back what others write there
 * until it ends: where notes are shown instead; null: it has ended.
 */
export function showNotesIn(show: ((text: string) => void) | null): void {
  liveNote = show;
}

/** A line that has to be seen now, whatever is drawn. */
export const printNote = (text: string): void =>
  liveNote === null ? printErr(text) : liveNote(shown(text));

/**
 * One JSON document on one line. BigInt becomes decimal text; what a terminal or a log would obey
 * is `\uXXXX`.
 */
export const printJson = (value: unknown, to: 'out' | 'err' = 'out'): void =>
  console[to === 'out' ? 'log' : 'error'](toJson(value));

/**
 * What a host printed, byte for byte as far as it is text: only where no terminal and no log reads
 * it, or where the operator asks for it.
 */
export const printRaw = (text: string): void => console.log(withColours(text, (part) => part));

/**
 * Whether standard output goes into a file or another program, so that a host's output may stay as
 * it is. In a pipeline a pipe is its log.
 */
export function isOutputPlain(): boolean {
  if (process.stdout.isTTY) return false;
  if (!isObeyed() && !process.env.CI) return true;
  try {
    return fstatSync(1).isFile();
  } catch {
    return false;
  }
}

/** What a command of GitHub's log may not contain literally. */
const commandData = (text: string): string =>
  visible(text).replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');

/** The lines of GitHub's log that are commands. Only these, and only from here. Pure. */
export const githubCommand = {
  error: (message: string): string => `::error::${commandData(message)}`,
  fold: (title: string, lines: readonly string[]): string =>
    [
      `::group::${commandData(visibleLine(title))}`,
      ...lines.map((line) => disarmed(withColours(line, visible))),
      '::endgroup::',
    ].join('\n'),
};

/** An annotation of the run; GitHub shows it on the summary page. Nothing elsewhere. */
export function annotateError(message: string): void {
  if (process.env.GITHUB_ACTIONS === 'true') console.error(githubCommand.error(message));
}

/** One fold of GitHub's log. */
export const printFold = (title: string, lines: readonly string[]): void =>
  console.error(githubCommand.fold(title, lines));

/** The terminal's second screen, so that what was there before is there again after `leave`. */
export const screen = {
  enter: (): unknown => process.stdout.write('\u001b[?1049h\u001b[?25l'),
  /**
   * Each line is cleared behind its end instead of the whole screen before, which would flicker.
   */
  draw: (text: string): unknown =>
    process.stdout.write(`\u001b[H${shown(text).replaceAll('\n', '\u001b[K\n')}\u001b[K\u001b[J`),
  leave: (): unknown => process.stdout.write('\u001b[?25h\u001b[?1049l'),
  rows: (): number => process.stdout.rows,
} as const;

/**
 * Columns and lines that a progress display on standard error may take: a mark is put in front, and
 * a question or an error may come below.
 */
export const progressArea = (): { readonly columns: number; readonly rows: number } => ({
  columns: Math.max(20, (process.stderr.columns || 80) - 4),
  rows: Math.max(4, Math.min(40, (process.stderr.rows || 24) - 3)),
});

/**
 * Shows the cursor again and ends colours: what a progress display or a question may have left when
 * a command leaves at once. Past the stream, whose writes a
 * progress display keeps to itself while it draws.
 */
export function restoreTerminal(): void {
  if (!process.stderr.isTTY) return;
  try {
    writeSync(2, '\u001b[?25h\u001b[0m');
  } catch {
    // The terminal is gone.
  }
}

let isGuarded = false;

/**
 * A reader that has gone away (`fleet status | head`, a closed terminal) ends nothing: what is
 * under way goes on, what it prints is
 * dropped. Output that cannot be written for another reason, such as a full disk, is said on
 * standard error and fails the command.
 */
export function guardOutput(): void {
  if (isGuarded) return;
  isGuarded = true;
  const isUnread = ({ code }: NodeJS.ErrnoException): boolean => code === 'EPIPE' || code === 'EIO';
  process.stdout.on('error', (error) => {
    if (isUnread(error)) return;
    process.exitCode = exitCode.failed;
    printErr(`✗ the output could not be written: ${error.message}`);
  });
  process.stderr.on('error', (error) => {
    if (!isUnread(error)) process.exitCode = exitCode.failed;
  });
}

/** Tables are as wide as what is in them, on terminals too. */
export function widenTables(): void {
  isWide = true;
}

/** Columns that a table on standard output may take; without a terminal as many as it wants. */
export const tableWidth = (): number =>
  isWide || !process.stdout.isTTY
    ? Number.POSITIVE_INFINITY
    : Math.max(40, process.stdout.columns || 80);

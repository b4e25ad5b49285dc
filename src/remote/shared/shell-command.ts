import { hostPaths } from '../../../hostside/protocol/paths.ts';

/**
 * Quotes `text` as one word for any POSIX shell, for fish, to which a backslash means something
 * between single quotes as well, and for tcsh, to which `!` does: neither ever stands there. Safe
 * for every character but NUL, which no argument can hold, and in tcsh a line's end.
 */
export const quoteShell = (text: string): string => `'${text.replaceAll(/['\\!]/g, "'\\$&'")}'`;

/**
 * A script for /bin/sh as words of whatever shell the login user has. In tcsh no quotes hold a
 * line's end, so a script that has one is told by the escapes of `printf`.
 */
function shWords(script: string): string {
  if (!script.includes('\n')) return `/bin/sh -c ${quoteShell(script)}`;
  const told = script.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  const tell = `script=$(printf %b. "$1"); shift; eval "unset script; \${script%.}"`;
  return `/bin/sh -c ${quoteShell(tell)} sh ${quoteShell(told)}`;
}

/** Where the programs of Debian and Ubuntu lie. */
const standardPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** How this connection came about, and the way out to package mirrors. */
const keptVariables = [
  'SSH_CONNECTION',
  ...['http_proxy', 'https_proxy', 'ftp_proxy', 'no_proxy'].flatMap((name) => [
    name,
    name.toUpperCase(),
  ]),
];

/**
 * Root's `words` in place of the shell, without what /etc/environment, start files and PAM set for
 * people: POSIXLY_CORRECT, BASH_ENV, NODE_OPTIONS,
 * TAR_OPTIONS, TMPDIR and their like change what programs do.
 */
export const inOwnEnvironment = (words: string): string =>
  `exec env -i PATH=${standardPath} HOME=/root USER=root LOGNAME=root LC_ALL=C ` +
  `${keptVariables.map((name) => `\${${name}+"${name}=$${name}"}`).join(' ')} ${words}`;

/** How a command reaches the account it should run under. */
export type Elevation =
  | { readonly kind: 'none' }
  | { readonly kind: 'sudo' }
  /**
   * `drained` is a line that no password can be: it separates the password from the payload on
   * standard input.
   */
  | { readonly kind: 'sudo-password'; readonly drained: string }
  /**
   * One act of bin/fleet-sudo, all that a narrowed login user may do; by `sudo -n` as any other
   * command where that program is not there (yet).
   */
  | { readonly kind: 'narrow'; readonly act: readonly string[] };

const narrowProgram = `${hostPaths.current}/bin/fleet-sudo`;

/** `sudo -n` for one act of that program. */
const narrowly = (marker: string, limitS: number, act: readonly string[]): string =>
  `exec env LC_ALL=C sudo -n -- ${narrowProgram} ` +
  `${[marker, String(limitS), ...act].map(quoteShell).join(' ')}`;

/**
 * What goes to the host, and whether standard error also carries the marker (only /bin/sh below
 * sudo writes it there).
 */
export interface WrappedCommand {
  readonly command: string;
  readonly marksStderr: boolean;
}

/**
 * Wraps `command` for /bin/sh, below whatever login shell there is, so that its own output starts
 * after `marker`: what start files,
 * sudo's lecture or banners print before is told apart from it, and a missing marker proves that
 * the command never started. On standard
 * output the marker is followed by the id of the shell's process, which leads the process group,
 * and a full stop. A PATH that is set to nothing is mended.
 *
 * Below sudo the host itself ends the command 5 s after `timeoutMs`, because a login user may not
 * signal root's processes.
 * `marker` must be free of quotes and percent signs.
 */
export function wrapCommand(
  command: string,
  marker: string,
  elevation: Elevation,
  timeoutMs: number,
): WrappedCommand {
  if (elevation.kind === 'none') {
    const script = `[ "$PATH" ] || export PATH=${standardPath}; printf %s ${marker}$$.; ${command}`;
    return { command: `exec ${shWords(script)}`, marksStderr: false };
  }
  const limitS = Math.ceil(timeoutMs / 1000) + 5;
  if (elevation.kind === 'narrow') {
    const wide = wrapCommand(command, marker, { kind: 'sudo' }, timeoutMs).command;
    const script =
      `if [ -x ${narrowProgram} ]; then ${narrowly(marker, limitS, elevation.act)}; else ` +
      `${wide}; fi`;
    return { command: `exec ${shWords(script)}`, marksStderr: true };
  }
  // Where sudo asks for nothing (NOPASSWD) the password is still on standard input: it must not
  // become the payload's first line.
  const drain =
    elevation.kind === 'sudo-password'
      ? `while IFS= read -r l; do [ "$l" = ${elevation.drained} ] && break; done; unset l; `
      : '';
  const inner = `${drain}printf %s ${marker} >&2; printf %s ${marker}$$.; ${command}`;
  const ask = elevation.kind === 'sudo-password' ? "-S -p ''" : '-n';
  return {
    command: `exec env LC_ALL=C sudo ${ask} -- timeout -k 5 ${limitS} ${shWords(inner)}`,
    marksStderr: true,
  };
}

/**
 * Ends the process group of `pid`, the number that follows the marker, with the same elevation:
 * SIGTERM, SIGKILL a second later. A sudo
 * password is expected on standard input.
 */
export function stopScript(pid: number, elevation: Elevation): string {
  // below sudo the group is led by another process; the fifth field after the name in stat is the
  // group
  const script =
    `g=$(sed 's/.*) //' /proc/${pid}/stat | cut -d' ' -f3) && kill -TERM "-$g" && sleep 1; ` +
    'kill -KILL "-$g"';
  const inner = `exec 2>/dev/null; ${script}; true`;
  if (elevation.kind === 'none') return `exec ${shWords(inner)}`;
  const wide =
    `exec env LC_ALL=C sudo ${elevation.kind === 'sudo-password' ? "-S -p ''" : '-n'} -- ` +
    `/bin/sh -c ${quoteShell(inner)}`;
  if (elevation.kind !== 'narrow') return wide;
  const narrow = narrowly(`fleet-${'0'.repeat(18)}`, 5, ['stop', String(pid)]);
  return (
    'exec /bin/sh -c ' +
    `${quoteShell(`if [ -x ${narrowProgram} ]; then ${narrow}; else ${wide}; fi`)}`
  );
}

/**
 * Receives `size` bytes on standard input into a file beside `path` that has its mode before it has
 * content, flushes it, and renames
 * it over `path`. A short stream (a link that died: the host sees an ordinary end of file) is
 * counted and never renamed.
 */
export function uploadScript(path: string, size: number, mode: number, token: string): string {
  const octal = (mode & 0o7777).toString(8).padStart(4, '0');
  return [
    `export LC_ALL=C; umask 077; t=${quoteShell(`${path}.fleet-${token}`)}`,
    `trap 'rm -f -- "$t"' EXIT; trap 'exit 1' HUP INT TERM PIPE`,
    `: > "$t" && chmod ${octal} "$t" && cat > "$t" && [ "$(wc -c < "$t")" -eq ${size} ] && ` +
      `sync -- "$t" && mv -fT -- "$t" ${quoteShell(path)}`,
  ].join('; ');
}

/** Exit code of {@link downloadScript} when there is no file. */
export const DOWNLOAD_MISSING = 66;

/**
 * Writes the first `maxBytes` + 1 bytes of `path`, so that one byte too many tells that the file is
 * larger.
 */
export function downloadScript(path: string, maxBytes: number): string {
  return (
    `export LC_ALL=C; [ -e ${quoteShell(path)} ] || exit ${DOWNLOAD_MISSING}; head -c ` +
    `${maxBytes + 1} -- ${quoteShell(path)}`
  );
}

import { writeFile } from 'node:fs/promises';
import type { KnownHostLine } from '../config/known-hosts.ts';
import type { KnownHost } from '../config/ssh-context.ts';
import type { SshTarget } from '../config/ssh-target.ts';
import { quoteShell } from '../shared/shell-command.ts';
import type { ControlFolder } from './control-folder.ts';

/**
 * What a known_hosts file says that has fleet's own verdict: the keys that fleet accepts for this
 * host under the one name that OpenSSH looks for, and those that are revoked. Where the inventory
 * pins keys, those of them that are known somewhere. Pure.
 */
export function knownKeysText(
  target: SshTarget,
  known: KnownHost,
  pinned: readonly KnownHostLine[],
): string {
  const plain = (lines: readonly KnownHostLine[]) => lines.filter(({ marker }) => marker === null);
  const named = plain(known.lines);
  const accepted = named.length > 0 ? named : plain(known.other);
  const all = [...known.lines, ...known.other];
  const revoked = all.filter(({ marker }) => marker === 'revoked');
  return [
    ...revoked.map(({ type, key }) => `@revoked ${target.keyName} ${type} ${key}\n`),
    ...(target.pins.length > 0 ? pinned : accepted).map(
      ({ type, key }) => `${target.keyName} ${type} ${key}\n`,
    ),
  ].join('');
}

/** What KnownHostsCommand says: `%H %t %K` are the name, the key's type and the key in base64. */
const TOKENS = '%H %t %K';

/**
 * The KnownHostsCommand that vouches for keys whose fingerprints the inventory pins. A pin is no
 * key, and only the host has the key: what it presents is measured by `ssh-keygen`.
 */
export async function pinCommand(folder: ControlFolder, pins: readonly string[]): Promise<string> {
  const script = [
    'PATH=/usr/local/bin:/usr/bin:/bin:$PATH',
    `f=$(printf '%s %s\\n' "$2" "$3" | ssh-keygen -l -E sha256 -f - 2>/dev/null) || exit 0`,
    'set -- "$@" $f',
    `case $5 in ${pins.map(quoteShell).join('|')}) printf '%s %s %s\\n' "$1" "$2" "$3" ;; esac`,
  ].join('\n');
  return commandFrom(folder, script);
}

/** The KnownHostsCommand that vouches for nothing and keeps the key that a host presents. */
export async function captureCommand(
  folder: ControlFolder,
): Promise<{ readonly command: string; readonly file: string }> {
  const file = folder.next('key');
  const script = `[ "$3" = NONE ] || printf '%s %s\\n' "$2" "$3" > ${quoteShell(file)}`;
  return { command: await commandFrom(folder, script), file };
}

/** The folder's path has nothing in it that a config splits or expands. */
async function commandFrom(folder: ControlFolder, script: string): Promise<string> {
  const path = folder.next('known');
  await writeFile(path, `${script}\n`, { mode: 0o600, flag: 'wx' });
  return `/bin/sh ${path} ${TOKENS}`;
}

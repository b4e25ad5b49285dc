import { type FileHandle, open, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { HostSpec } from '../../model/inventory.ts';
import { makeFolder } from '../../surroundings/make-folder.ts';
import { atPath } from '../../surroundings/system-error.ts';
import {
  type HostKeyVerdict,
  hostFieldMatches,
  hostKeyFingerprint,
  judgeHostKey,
  keyBlobType,
  parseKnownHosts,
  withoutHost,
} from '../config/known-hosts.ts';
import { readKnownHostsText } from '../config/known-hosts-text.ts';
import type { SshContext } from '../config/ssh-context.ts';
import type { SshTarget } from '../config/ssh-target.ts';
import type { ExchangeFacts } from '../remote.ts';
import { usesOpenSsh } from './open-link.ts';

/**
 * A host's key as it presents it now. Nothing proves yet that it is the right one: the operator
 * compares the fingerprint.
 */
export interface PresentedHostKey {
  readonly type: string;
  /** `SHA256:...` */
  readonly fingerprint: string;
  /** For known_hosts, without a line end. */
  readonly line: string;
  /**
   * What is known about it already. `changed` and `revoked` need more than a yes: adding the line
   * would silence the alarm.
   */
  readonly verdict: HostKeyVerdict;
  /** What known_hosts files have the host under. */
  readonly keyName: string;
  /** The files that say something about it under that name. */
  readonly knownIn: readonly string[];
  /** Directives of the ssh config that apply to this host and that fleet ignores. */
  readonly unusedOptions: readonly string[];
  /** The link that fleet would use, as far as a key exchange tells. */
  readonly exchange: ExchangeFacts;
}

/**
 * Connects, looks at the host key and leaves without a login. Jump hosts on the way must be trusted
 * already. Rejects with `ssh-*`.
 */
export async function readHostKey(
  spec: Pick<HostSpec, 'name' | 'ssh'>,
  context: SshContext,
): Promise<PresentedHostKey> {
  const target = await context.target(spec);
  const { blob, keyExchanges } = await captureKey(target, context);
  const type = keyBlobType(blob);
  const line = `${target.keyName} ${type} ${blob.toString('base64')}`;
  const { lines, other } = await context.knownHostLines(target);
  const verdict = judgeHostKey({ type, blob }, lines, target.pins, other);
  const plain = lines.filter(({ marker }) => marker === null);
  const knownIn = [...new Set(plain.map(({ source }) => source.replace(/:\d+$/, '')))];
  return {
    type,
    fingerprint: hostKeyFingerprint(blob),
    line,
    verdict,
    keyName: target.keyName,
    knownIn,
    unusedOptions: target.unused,
    exchange: { byOpenSsh: usesOpenSsh(target), keyExchanges },
  };
}

/** By the transport that would log in, loaded when it is needed. */
async function captureKey(
  target: SshTarget,
  context: SshContext,
): Promise<{ readonly blob: Buffer; readonly keyExchanges: readonly string[] }> {
  if (usesOpenSsh(target)) {
    const { captureKeyByOpenSsh } = await import('../openssh/capture-key.ts');
    const { blob, keyExchange } = await captureKeyByOpenSsh(target, context);
    return { blob, keyExchanges: keyExchange === null ? [] : [keyExchange] };
  }
  const { openRoute } = await import('../ssh2/ssh-link.ts');
  const { captureHostKey } = await import('../ssh2/ssh-handshake.ts');
  const route = await openRoute(target, context);
  return captureHostKey(target, route.open, context.signal).finally(route.release);
}

/**
 * Takes out of a known_hosts file whatever vouches for `name`; the file as it was is kept as
 * `FILE.old`, as `ssh-keygen -R` does. Safe to repeat. Gives what still
 * vouches for it, `FILE:LINE`, or `FILE` where the file may not be written.
 */
export async function removeKnownHost(file: string, name: string): Promise<string[]> {
  try {
    const path = await realpath(file);
    const before = (await readKnownHostsText(path)).toString('latin1');
    const { text, left } = withoutHost(before, name);
    if (text !== before) {
      const { mode } = await stat(path);
      await writeFile(`${path}.old`, before, { encoding: 'latin1', mode: mode & 0o777 });
      const next = `${path}.${process.pid}.new`;
      try {
        await writeFile(next, text, { encoding: 'latin1', mode: mode & 0o777, flag: 'wx' });
        await rename(next, path);
      } finally {
        await rm(next, { force: true });
      }
    }
    return left.map((line) => `${file}:${line}`);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return [];
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return [file];
    throw atPath(cause, file);
  }
}

/**
 * A name that a host had before it was renamed vouches under the new one, too. Gives whether a line
 * was added.
 */
export async function copyKnownHost(file: string, before: string, after: string): Promise<boolean> {
  const text = await readKnownHostsText(file).then(
    (content) => content.toString('latin1'),
    () => '',
  );
  const about = (name: string) =>
    parseKnownHosts(text, file).filter(
      (line) => line.marker === null && hostFieldMatches(line.hosts, name),
    );
  if (before === after || about(after).length > 0) return false;
  const lines = about(before);
  for (const { type, key } of lines) await appendKnownHost(file, `${after} ${type} ${key}`);
  return lines.length > 0;
}

/**
 * On a full disk a part of the text may find room: half a line is taken back, unless somebody has
 * written behind it meanwhile.
 */
async function appendWhole(handle: FileHandle, text: string): Promise<void> {
  const { size } = await handle.stat();
  const bytes = Buffer.from(text);
  let done = 0;
  try {
    while (done < bytes.length) done += (await handle.write(bytes, done)).bytesWritten;
  } catch (error) {
    if (done > 0 && (await handle.stat()).size === size + done) await handle.truncate(size);
    throw error;
  }
}

/**
 * Adds one line to a known_hosts file, which is made (0600, its folder 0700) when missing. Safe to
 * repeat: returns false when the
 * line is there already. Writers do not disturb each other: one write in append mode; at worst two
 * of them add the same line.
 */
export async function appendKnownHost(file: string, line: string): Promise<boolean> {
  makeFolder(dirname(file));
  const before = await readKnownHostsText(file).then(
    (content) => content.toString('utf8'),
    (cause: NodeJS.ErrnoException) => {
      if (cause.code === 'ENOENT') return '';
      throw cause;
    },
  );
  if (before.split('\n').some((known) => known.trim() === line.trim())) return false;
  const handle = await open(file, 'a', 0o600);
  try {
    await appendWhole(
      handle,
      `${before === '' || before.endsWith('\n') ? '' : '\n'}${line.trim()}\n`,
    );
    await handle.sync();
  } catch (error) {
    throw atPath(error, file);
  } finally {
    await handle.close();
  }
  return true;
}

import { open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { HostSpec } from '../model/inventory.ts';
import { makeFolder } from '../surroundings/make-folder.ts';
import { type HostKeyVerdict, hostKeyFingerprint, judgeHostKey, keyBlobType } from './known-hosts.ts';
import type { SshContext } from './ssh-context.ts';
import { captureHostKey } from './ssh-handshake.ts';
import { openRoute } from './ssh-link.ts';

/** A host's key as it presents it now. Nothing proves yet that it is the right one: the operator compares the fingerprint. */
export interface PresentedHostKey {
  readonly type: string;
  /** `SHA256:...` */
  readonly fingerprint: string;
  /** For known_hosts, without a line end. */
  readonly line: string;
  /** What is known about it already. `changed` and `revoked` need more than a yes: adding the line would silence the alarm. */
  readonly verdict: HostKeyVerdict;
  /** Directives of the ssh config that apply to this host and that fleet does without. */
  readonly unusedOptions: readonly string[];
}

/** Connects, looks at the host key and leaves without a login. Jump hosts on the way must be trusted already. Rejects with `ssh-*`. */
export async function readHostKey(spec: Pick<HostSpec, 'name' | 'ssh'>, context: SshContext): Promise<PresentedHostKey> {
  const target = await context.target(spec);
  const route = await openRoute(target, context);
  const blob = await captureHostKey(target, route.open).finally(route.release);
  const type = keyBlobType(blob);
  const line = `${target.keyName} ${type} ${blob.toString('base64')}`;
  const { lines, other } = await context.knownHostLines(target);
  const verdict = judgeHostKey({ type, blob }, lines, target.pins, other);
  return { type, fingerprint: hostKeyFingerprint(blob), line, verdict, unusedOptions: target.unused };
}

/**
 * Adds one line to a known_hosts file, which is made (0600, its folder 0700) when missing. Safe to repeat: returns false when the
 * line is there already. Writers do not disturb each other: one write in append mode; at worst two of them add the same line.
 */
export async function appendKnownHost(file: string, line: string): Promise<boolean> {
  makeFolder(dirname(file));
  const before = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return '';
    throw cause;
  });
  if (before.split('\n').some((known) => known.trim() === line.trim())) return false;
  const handle = await open(file, 'a', 0o600);
  try {
    await handle.write(`${before === '' || before.endsWith('\n') ? '' : '\n'}${line.trim()}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return true;
}

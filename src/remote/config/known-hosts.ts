import { createHash, createHmac } from 'node:crypto';
import { listMatches } from './ssh-config-words.ts';

/**
 * One usable line of a known_hosts file. `hosts` is the first field as written; `key` is base64.
 */
export interface KnownHostLine {
  readonly marker: 'revoked' | 'cert-authority' | null;
  readonly hosts: string;
  readonly type: string;
  readonly key: string;
  /** `FILE:LINE`, for messages. */
  readonly source: string;
}

/** A key as a server presents it. `blob` is the wire format that known_hosts carries in base64. */
export interface HostKey {
  readonly type: string;
  readonly blob: Uint8Array;
}

export type HostKeyVerdict =
  | { readonly kind: 'trusted' }
  /**
   * Nothing is known about the host. `authorities` names @cert-authority lines that would have
   * spoken for it.
   */
  | { readonly kind: 'unknown'; readonly authorities: readonly string[] }
  /** The host is known, with other keys. `known` has one line each: what and where. */
  | { readonly kind: 'changed'; readonly known: readonly string[] }
  | { readonly kind: 'revoked'; readonly source: string };

/**
 * Lines that are comments, empty or malformed are skipped, as OpenSSH does. `source` is the file's
 * name.
 */
export function parseKnownHosts(text: string, source: string): KnownHostLine[] {
  return text.split('\n').flatMap((raw, index) => {
    const fields = raw.trim().split(/\s+/);
    if (fields[0] === undefined || fields[0] === '' || fields[0].startsWith('#')) return [];
    const marker = fields[0].startsWith('@') ? fields.shift()?.slice(1) : null;
    const [hosts, type, key] = fields;
    if (hosts === undefined || type === undefined || key === undefined || /^\d+$/.test(type))
      return [];
    if (marker !== null && marker !== 'revoked' && marker !== 'cert-authority') return [];
    return [{ marker, hosts, type, key, source: `${source}:${index + 1}` }];
  });
}

/** Public keys, one a line, as lines that revoke them for every host. */
export function parseRevokedKeys(text: string, source: string): KnownHostLine[] {
  return text.split('\n').flatMap((raw, index): KnownHostLine[] => {
    const [type, key] = raw.trim().split(/\s+/);
    if (type === undefined || key === undefined || type.startsWith('#')) return [];
    return [{ marker: 'revoked', hosts: '*', type, key, source: `${source}:${index + 1}` }];
  });
}

/** `SHA256:` and unpadded base64, as `ssh-keygen -l` prints it. */
export function hostKeyFingerprint(blob: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

/**
 * Whether a first field (names, `*`/`?` patterns, `!` exclusions, or one hashed name) speaks about
 * `name`.
 */
export function hostFieldMatches(hosts: string, name: string): boolean {
  if (hosts.startsWith('|')) return hashedNameMatches(hosts, name);
  return listMatches(hosts.toLowerCase(), name);
}

function hashedNameMatches(field: string, name: string): boolean {
  const [, version, salt, hash] = field.split('|');
  if (version !== '1' || salt === undefined || hash === undefined) return false;
  return createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest('base64') === hash;
}

/**
 * What is known about a presented key. A revocation wins over everything; pinned fingerprints
 * (`SHA256:...`), where there are any,
 * win over known_hosts. A key of another type than the known ones is `changed`: known types are
 * asked for first, so a server that
 * still has its old key would have presented it.
 *
 * `lines` are those that match the host's name (see {@link hostFieldMatches}), `other` those of its
 * second name, which count where
 * nothing is known under the first.
 */
export function judgeHostKey(
  presented: HostKey,
  lines: readonly KnownHostLine[],
  pins: readonly string[],
  other: readonly KnownHostLine[] = [],
): HostKeyVerdict {
  return judgeFingerprint(hostKeyFingerprint(presented.blob), lines, pins, other);
}

/** The same where only the key's fingerprint is known, `SHA256:...`. */
export function judgeFingerprint(
  fingerprint: string,
  lines: readonly KnownHostLine[],
  pins: readonly string[],
  other: readonly KnownHostLine[] = [],
): HostKeyVerdict {
  const isIt = (line: KnownHostLine) => lineFingerprint(line) === fingerprint;
  const revoked = [...lines, ...other].find((line) => line.marker === 'revoked' && isIt(line));
  if (revoked !== undefined) return { kind: 'revoked', source: revoked.source };
  if (pins.length > 0) {
    if (pins.includes(fingerprint)) return { kind: 'trusted' };
    return { kind: 'changed', known: pins.map((pin) => `${pin} (inventory)`) };
  }
  const plain = lines.filter((line) => line.marker === null);
  if (plain.some(isIt)) return { kind: 'trusted' };
  if (plain.length === 0) {
    if (other.some((line) => line.marker === null && isIt(line))) return { kind: 'trusted' };
    const authorities = lines
      .filter((line) => line.marker === 'cert-authority')
      .map((line) => line.source);
    return { kind: 'unknown', authorities };
  }
  return {
    kind: 'changed',
    known: plain.map((line) => `${line.type} ${lineFingerprint(line)} (${line.source})`),
  };
}

/** `SHA256:...` of a line's key. */
export function lineFingerprint(line: KnownHostLine): string {
  return hostKeyFingerprint(Buffer.from(line.key, 'base64'));
}

/** Host key algorithms to ask for, those of known keys first, else in the order of `algorithms`. */
export function hostKeyAlgorithms(
  lines: readonly KnownHostLine[],
  algorithms: readonly string[],
): string[] {
  const types = new Set(lines.filter((line) => line.marker === null).map((line) => line.type));
  const isKnown = (algorithm: string) =>
    types.has(algorithm.startsWith('rsa-') ? 'ssh-rsa' : algorithm);
  return [...algorithms.filter(isKnown), ...algorithms.filter((algorithm) => !isKnown(algorithm))];
}

/**
 * The type that a key blob names itself (its first length-prefixed string). Empty when the blob is
 * malformed.
 */
export function keyBlobType(blob: Uint8Array): string {
  if (blob.length < 4) return '';
  const length = Buffer.from(blob).readUInt32BE(0);
  return length > blob.length - 4
    ? ''
    : Buffer.from(blob.subarray(4, 4 + length)).toString('latin1');
}

/**
 * The text of a known_hosts file in which no plain line speaks about `name` any more: it is taken
 * out of lists of names, a line that has only it goes. `left`: numbers of
 * the lines (from 1) that still do, because a pattern in them does.
 */
export function withoutHost(
  text: string,
  name: string,
): { readonly text: string; readonly left: readonly number[] } {
  const left: number[] = [];
  const lines = text.split('\n').flatMap((raw, index) => {
    const [line] = parseKnownHosts(raw, '');
    if (line === undefined || line.marker !== null || !hostFieldMatches(line.hosts, name))
      return [raw];
    const rest = line.hosts.startsWith('|')
      ? []
      : line.hosts.split(',').filter((each) => each.toLowerCase() !== name.toLowerCase());
    if (rest.length === 0) return [];
    if (hostFieldMatches(rest.join(','), name)) left.push(index + 1);
    return [raw.replace(line.hosts, () => rest.join(','))];
  });
  return { text: lines.join('\n'), left };
}

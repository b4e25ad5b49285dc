import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { resolvePath } from '../../inventory/resolve-path.ts';
import { type FileFacts, fileRisks, octal } from '../../model/file-trust.ts';
import type { Finding } from '../../model/finding.ts';
import type { Inventory } from '../../model/inventory.ts';

/**
 * `secret`: nobody else may read it. `own`: nobody else may write it, because fleet obeys it or
 * records in it.
 */
export interface WatchedPath {
  readonly path: string;
  readonly what: string;
  readonly kind: 'secret' | 'own';
}

/**
 * Everything of the operator that another user of this machine must not change or read, and the
 * folders in which it lies. Pure but for the home.
 */
export function watchedPaths(
  inventory: Inventory,
  home: string = homedir(),
): readonly WatchedPath[] {
  const { backups, vault, knownHosts } = inventory.paths;
  const { ledger } = inventory;
  const file = ledger.kind === 'file' ? [ledger.path] : [];
  const ca = ledger.kind === 'postgres' && ledger.caPath !== null ? [ledger.caPath] : [];
  const key =
    inventory.vaultKey.kind === 'file'
      ? [resolvePath(inventory.vaultKey.target, dirname(inventory.path), home)]
      : [];
  const identities = new Set(inventory.hosts.flatMap(({ ssh }) => ssh.identityFiles));
  const files: WatchedPath[] = [
    { path: inventory.path, what: 'the inventory', kind: 'own' },
    { path: knownHosts, what: 'the hosts’ keys', kind: 'own' },
    ...file.flatMap((path) =>
      ['', '-wal', '-shm'].map((suffix) => ({
        path: `${path}${suffix}`,
        what: 'the ledger',
        kind: 'secret' as const,
      })),
    ),
    ...ca.map((path) => ({
      path,
      what: 'who is trusted for the ledger’s server',
      kind: 'own' as const,
    })),
    ...key.map((path) => ({ path, what: 'the vault key', kind: 'secret' as const })),
    ...[...identities].map((path) => ({
      path,
      what: 'a private SSH key',
      kind: 'secret' as const,
    })),
    ...['', 'states', 'removed'].map((folder) => ({
      path: join(vault, folder),
      what: 'the vault',
      kind: 'secret' as const,
    })),
    { path: backups, what: 'the folder of backups', kind: 'secret' },
  ];
  const folders = new Set(
    [inventory.path, knownHosts, ...file, ...ca, vault, ...key, ...identities].map((path) =>
      dirname(path),
    ),
  );
  return [
    ...files,
    ...[...folders].map((path) => ({ path, what: 'the folder of it', kind: 'own' as const })),
  ];
}

/** What others may do with one of them. Pure. */
export function permissionFindings(
  { path, what, kind }: WatchedPath,
  facts: FileFacts,
  me: number | null,
): Finding[] {
  const { isForeign, isWritable, isReadable } = fileRisks(facts, me);
  const finding = (level: Finding['level'], text: string, remedy: string): Finding => ({
    where: 'here',
    level,
    text,
    remedy,
  });
  if (isForeign)
    return [
      finding(
        'critical',
        `${what} belongs to somebody else, who may change it: ${path}`,
        `chown it to yourself: sudo chown $USER '${path}'`,
      ),
    ];
  if (isWritable)
    return [
      finding(
        'critical',
        `others may write to ${what} (mode ${octal(facts.mode)}): ${path}`,
        `chmod ${kind === 'secret' ? 'go-rwx' : 'go-w'} '${path}'`,
      ),
    ];
  if (kind === 'secret' && isReadable)
    return [
      finding(
        'warning',
        `others may look into ${path}, ${what} (mode ${octal(facts.mode)})`,
        `chmod go-rwx '${path}'`,
      ),
    ];
  return [];
}

/** All of {@link watchedPaths} that exist, judged. */
export async function examinePermissions(inventory: Inventory): Promise<Finding[]> {
  const me = process.getuid?.() ?? null;
  const found = watchedPaths(inventory).map(async (watched) => {
    const facts = await stat(watched.path).catch(() => null);
    return facts === null ? [] : permissionFindings(watched, facts, me);
  });
  const problems = (await Promise.all(found)).flat();
  if (problems.length > 0) return problems;
  return [
    {
      where: 'here',
      level: 'ok',
      text: 'nobody else may read or change what fleet relies on',
      remedy: '',
    },
  ];
}

import { dirname, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Run } from '../ledger/runs.ts';
import { serialCopyIn } from '../ledger/serial-copy.ts';
import { FleetError } from '../model/errors.ts';
import type { HostSpec, Inventory, SecretReference } from '../model/inventory.ts';
import type { Remote } from '../remote/remote.ts';
import type { SshContext } from '../remote/ssh-context.ts';
import type { StateStore } from '../vault/state-store.ts';
import type { Vault, VaultOptions } from '../vault/vault.ts';
import type { FleetContext } from '../workflows/context.ts';
import type { Fence } from '../workflows/fence.ts';
import type { GlobalOptions } from './global-options.ts';
import { lazyRemotes } from './lazy-remotes.ts';
import type { CommandResult } from './output.ts';
import { type Progress, startProgress } from './progress.ts';
import { showDisplayNames } from './render/account-names.ts';
import { printErr } from './terminal.ts';

/** A secret reference as the inventory means it: relative to its own folder. */
export const secretReader =
  (inventory: Inventory) =>
  async (reference: SecretReference): Promise<string> => {
    const { readSecret } = await import('../inventory/read-secret.ts');
    return readSecret(reference, { cwd: dirname(inventory.path), env: process.env });
  };

/** The vault opens by its first use: most commands never touch a session. */
function lazyVault(open: () => Promise<Vault>): Vault {
  let opened: Promise<Vault> | undefined;
  const vault = (): Promise<Vault> => {
    opened ??= open();
    return opened;
  };
  return {
    put: async (...args) => (await vault()).put(...args),
    get: async (account) => (await vault()).get(account),
    list: async () => (await vault()).list(),
    remove: async (account) => (await vault()).remove(account),
    vaultHash: async (account) => (await vault()).vaultHash(account),
  };
}

function lazyStates(options: VaultOptions): StateStore {
  const store = async (): Promise<StateStore> => (await import('../vault/state-store.ts')).openStateStore(options);
  return {
    put: async (record) => (await store()).put(record),
    get: async (account) => (await store()).get(account),
    freeBytes: async () => (await store()).freeBytes(),
  };
}

function lazyFence(inventory: Inventory, signal: AbortSignal): Fence {
  const open = async (): Promise<Fence> => (await import('../workflows/fence.ts')).openFence(inventory, signal);
  return { switchOff: async (host) => (await open()).switchOff(host), isOff: async (host) => (await open()).isOff(host) };
}

export interface OpenContext extends FleetContext {
  readonly progress: Progress;
  readonly freshRemoteFor: (host: HostSpec) => Remote;
  readonly ssh: () => Promise<SshContext>;
  close(): Promise<void>;
}

/** The inventory that the options name, or the nearest one; which one that is is said where it is not in this folder. Errors: `inventory`. */
export async function loadInventoryOf(options: Pick<GlobalOptions, 'inventory'>): Promise<Inventory> {
  const { loadInventory } = await import('../inventory/load-inventory.ts');
  return loadInventory(await inventoryPathOf(options));
}

/** Its path, as messages call it. Errors: `inventory`. */
export async function inventoryPathOf(options: Pick<GlobalOptions, 'inventory'>): Promise<string> {
  if (options.inventory !== undefined) return options.inventory;
  const [{ findInventory, inventoryName }, { homeDirectory }] = await Promise.all([
    import('../inventory/find-inventory.ts'),
    import('../surroundings/operator.ts'),
  ]);
  const cwd = process.cwd();
  const found = findInventory({ cwd, home: homeDirectory(), trustedUsers: ownUsers() });
  if (found !== null && dirname(found) !== cwd) printErr(`using ${relative(cwd, found)}`);
  return found === null ? inventoryName : relative(cwd, found);
}

/** Who may have written an inventory that nobody named: this user, root, and the one that became root by sudo. */
function ownUsers(): readonly number[] | null {
  const own = process.geteuid?.();
  if (own === undefined) return null;
  const before = own === 0 ? Number(process.env.SUDO_UID) : Number.NaN;
  return [own, 0, ...(Number.isInteger(before) ? [before] : [])];
}

/** `needsAllRights`: log in as `ssh.init_user`, for what an everyday login user may not do. */
export type ContextOptions = GlobalOptions & { readonly needsAllRights?: boolean };

/** Everything a command that talks to hosts needs. `linkSignal` cuts its connections. The caller closes it. */
async function openContext(options: ContextOptions, signal: AbortSignal, linkSignal: AbortSignal): Promise<OpenContext> {
  const [{ openLedger }, inventory] = await Promise.all([import('../ledger/ledger.ts'), loadInventoryOf(options)]);
  const ledger = await openLedger(inventory.paths.ledger, undefined, serialCopyIn(process.env));
  const progress = await startProgress(options);
  const warn = (host: string, text: string): void => progress.report({ kind: 'host', host, text: `warning: ${text}`, status: 'working' });
  const remotes = lazyRemotes(async () => {
    const { openRemotes } = await import('./open-remotes.ts');
    const { passphrasePrompt } = await import('./confirm.ts');
    const secrets = { readSecret: secretReader(inventory), askPassphrase: passphrasePrompt(options) };
    return openRemotes({ knownHosts: inventory.paths.knownHosts, ...secrets, signal: linkSignal, onWarning: warn }, options.needsAllRights);
  });
  const isKnownAuthentic = async (): Promise<boolean> => {
    const [{ readMeta }, { vaultAuthenticKey }] = await Promise.all([
      import('../ledger/meta.ts'),
      import('../workflows/authenticate-records.ts'),
    ]);
    return (await readMeta(ledger.db, vaultAuthenticKey)) !== null;
  };
  const readIdentity = (): Promise<string> => secretReader(inventory)(inventory.vaultKey);
  const vaultOptions = { directory: inventory.paths.vault, readIdentity, isKnownAuthentic };
  const openVault = async (): Promise<Vault> => (await import('../vault/vault.ts')).openVault(vaultOptions);
  const loginOptions = { ...vaultOptions, directory: join(inventory.paths.vault, 'logins') };
  const openLogins = async (): Promise<Vault> => (await import('../vault/vault.ts')).openVault(loginOptions);
  return {
    inventory,
    ledger,
    vault: lazyVault(openVault),
    logins: lazyVault(openLogins),
    states: lazyStates(vaultOptions),
    remoteFor: remotes.remoteFor,
    remoteThrough: remotes.remoteThrough,
    freshRemoteFor: remotes.freshRemoteFor,
    ssh: remotes.ssh,
    fence: lazyFence(inventory, signal),
    readSecret: secretReader(inventory),
    now: () => Date.now(),
    pause: (ms, until) => sleep(ms, undefined, until === undefined ? {} : { signal: until }).catch(() => undefined),
    report: progress.report,
    signal,
    progress,
    close: async () => {
      await progress.stop();
      await remotes.close();
      await ledger.close();
    },
  };
}

/**
 * Runs `act` with an open context and closes it again, whatever happens. For commands that only look: Ctrl-C also cuts their connections,
 * unless `linkSignal` says otherwise.
 */
export async function withContext<T>(
  options: ContextOptions,
  signal: AbortSignal,
  act: (context: OpenContext) => Promise<T>,
  linkSignal: AbortSignal = signal,
): Promise<T> {
  const context = await openContext(options, signal, linkSignal);
  try {
    const { listDisplayNames } = await import('../ledger/accounts.ts');
    showDisplayNames(await listDisplayNames(context.ledger.db));
    return await act(context);
  } catch (error) {
    const { ledgerUseError } = await import('../ledger/ledger.ts');
    throw ledgerUseError(context.ledger.path, error);
  } finally {
    await context.close();
  }
}

/**
 * The same for commands that change accounts: alone on this ledger from here on. The first Ctrl-C ends them between two acts. `begin` takes the run's serial; it is called once, after the operator
 * has agreed and before the first connection with authority is made.
 */
export function withLock<T extends CommandResult>(
  command: string,
  options: ContextOptions,
  signal: AbortSignal,
  act: (context: OpenContext, begin: () => Promise<Run>) => Promise<T>,
): Promise<T> {
  const work = async (context: OpenContext): Promise<T> => {
    const { beginRun, takeLock } = await import('../ledger/runs.ts');
    const { refuseLostLedger } = await import('../workflows/lost-ledger.ts');
    const lock = await takeLock(context.ledger, options.wait, { command, signal });
    try {
      if (command !== 'adopt') await refuseLostLedger(context);
      const { authenticateRecords } = await import('../workflows/authenticate-records.ts');
      await authenticateRecords(context);
      const result = await act(context, async () => {
        // What was not asked because of it is missing in what would be done now.
        if (signal.aborted) throw new FleetError('interrupted', 'nothing was changed', { hint: 'run it again when you are ready' });
        return beginRun(context.ledger, command, context.now());
      });
      return signal.aborted ? await (await import('./open-after-interruption.ts')).withOpenMoves(context.ledger.db, result) : result;
    } catch (error) {
      throw signal.aborted ? await (await import('./open-after-interruption.ts')).sayingOpenMoves(context.ledger.db, error) : error;
    } finally {
      await lock.release();
    }
  };
  return withLastingLinks(options, signal, work);
}

/** For commands that change hosts: Ctrl-C does not cut the links, so the act that is under way ends, and is recorded. What still connects afterwards is cut. */
export async function withLastingLinks<T>(
  options: ContextOptions,
  signal: AbortSignal,
  act: (context: OpenContext) => Promise<T>,
): Promise<T> {
  const links = new AbortController();
  const work = (context: OpenContext): Promise<T> =>
    act(context).finally(() => {
      if (signal.aborted) links.abort();
    });
  return withContext(options, signal, work, links.signal);
}

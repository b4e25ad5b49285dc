import { dirname, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Run, RunLock } from '../ledger/queries/runs.ts';
import { serialCopyIn } from '../ledger/serial-copy.ts';
import { FleetError } from '../model/errors.ts';
import type { HostSpec, Inventory } from '../model/inventory.ts';
import type { SecretReference } from '../model/secret-reference.ts';
import type { SshContext } from '../remote/config/ssh-context.ts';
import type { Remote } from '../remote/remote.ts';
import type { StateStore } from '../vault/state-store.ts';
import type { Vault, VaultOptions } from '../vault/vault.ts';
import type { FleetContext } from '../workflows/context.ts';
import type { Fence } from '../workflows/fence.ts';
import type { Desk, Progress } from './desk.ts';
import { lazyRemotes } from './lazy-remotes.ts';

/** A secret reference as the inventory means it: relative to its own folder. */
export const secretReader =
  (inventory: Inventory) =>
  async (reference: SecretReference): Promise<string> => {
    const { readSecret } = await import('../inventory/read-secret.ts');
    return readSecret(reference, { cwd: dirname(inventory.path), env: process.env });
  };

/** What opens the vault. Errors: `secret`, with what can be done without a key. */
async function readVaultIdentity(inventory: Inventory): Promise<string> {
  try {
    return await secretReader(inventory)(inventory.vaultKey);
  } catch (error) {
    if (!(error instanceof FleetError)) throw error;
    throw new FleetError(error.code, error.message, {
      cause: error,
      hint: `${error.hint} It is the key of the vault: bring your copy back; where nothing was imported yet: fleet vault create-key`,
    });
  }
}

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
  const store = async (): Promise<StateStore> =>
    (await import('../vault/state-store.ts')).openStateStore(options);
  return {
    put: async (record) => (await store()).put(record),
    get: async (account) => (await store()).get(account),
    freeBytes: async () => (await store()).freeBytes(),
  };
}

function lazyFence(inventory: Inventory, signal: AbortSignal): Fence {
  const open = async (): Promise<Fence> =>
    (await import('../workflows/fence.ts')).openFence(inventory, signal);
  return {
    switchOff: async (host) => (await open()).switchOff(host),
    isOff: async (host) => (await open()).isOff(host),
  };
}

export interface OpenContext extends FleetContext {
  /** Who has called the verb. */
  readonly desk: Desk;
  readonly progress: Progress;
  readonly freshRemoteFor: (host: HostSpec) => Remote;
  readonly ssh: () => Promise<SshContext>;
  /**
   * Until this is called Ctrl-C cuts the links at once. From then on it does not, so that the act
   * that is under way ends and is recorded; what still connects afterwards is cut.
   */
  act(): void;
  close(): Promise<void>;
}

/**
 * The inventory that was named, or the nearest one; which one that is is said where it is not in
 * this folder. Errors: `inventory`.
 */
export async function loadInventoryOf({
  readInventory,
  ...desk
}: Pick<Desk, 'inventory' | 'note' | 'readInventory'>): Promise<Inventory> {
  const path = await inventoryPathOf(desk);
  if (readInventory !== undefined) return readInventory(path);
  const { loadInventory } = await import('../inventory/load-inventory.ts');
  return loadInventory(path);
}

/** Its path, as messages call it. Errors: `inventory`. */
export async function inventoryPathOf({
  inventory,
  note,
}: Pick<Desk, 'inventory' | 'note'>): Promise<string> {
  if (inventory !== undefined) return inventory;
  const [{ findInventory, inventoryName }, { homeDirectory }] = await Promise.all([
    import('../inventory/find-inventory.ts'),
    import('../surroundings/operator.ts'),
  ]);
  const cwd = process.cwd();
  const found = findInventory({ cwd, home: homeDirectory(), trustedUsers: ownUsers() });
  if (found !== null && dirname(found) !== cwd) note(`using ${relative(cwd, found)}`);
  return found === null ? inventoryName : relative(cwd, found);
}

/**
 * Who may have written an inventory that nobody named: this user, root, and the one that became
 * root by sudo.
 */
function ownUsers(): readonly number[] | null {
  const own = process.geteuid?.();
  if (own === undefined) return null;
  const before = own === 0 ? Number(process.env.SUDO_UID) : Number.NaN;
  return [own, 0, ...(Number.isInteger(before) ? [before] : [])];
}

/** How a verb's context is opened. */
interface Opening {
  /** Log in as `ssh.init_user`, for what an everyday login user may not do. */
  readonly needsAllRights: boolean;
  /** Nobody waits for it, as under cron: hosts that refuse the login are left alone for a while. */
  readonly isUnasked: boolean;
  /** Cuts the connections. */
  readonly linkSignal: AbortSignal;
}

/** All that a verb needs which talks to hosts; `linkSignal` cuts it. The caller closes it. */
async function openContext(
  desk: Desk,
  { needsAllRights, isUnasked, linkSignal }: Opening,
): Promise<Omit<OpenContext, 'act'>> {
  const { signal } = desk;
  const [{ accessTo, openLedger }, inventory] = await Promise.all([
    import('../ledger/ledger.ts'),
    loadInventoryOf(desk),
  ]);
  const access = accessTo(inventory.ledger, secretReader(inventory));
  const ledger = await openLedger(access, undefined, serialCopyIn(process.env));
  const progress = await desk.startProgress();
  const warn = (host: string, text: string): void =>
    progress.report({ kind: 'host', host, text: `warning: ${text}`, status: 'working' });
  const remotes = lazyRemotes(async () => {
    const [{ openRemotes }, { ledgerLogins }] = await Promise.all([
      import('./open-remotes.ts'),
      import('../workflows/hosts/ledger-logins.ts'),
    ]);
    const logins = ledgerLogins(ledger, isUnasked, Date.now);
    const secrets = { readSecret: secretReader(inventory), askPassphrase: desk.askPassphrase };
    const ways = { knownHosts: inventory.paths.knownHosts, ...secrets, logins };
    return openRemotes({ ...ways, signal: linkSignal, onWarning: warn }, needsAllRights);
  });
  const isKnownAuthentic = async (): Promise<boolean> => {
    const [{ readMeta }, { vaultAuthenticKey }] = await Promise.all([
      import('../ledger/queries/meta.ts'),
      import('../workflows/custody/authenticate-records.ts'),
    ]);
    return (await readMeta(ledger.db, vaultAuthenticKey)) !== null;
  };
  const readIdentity = (): Promise<string> => readVaultIdentity(inventory);
  const vaultOptions = { directory: inventory.paths.vault, readIdentity, isKnownAuthentic };
  const openVault = async (): Promise<Vault> =>
    (await import('../vault/vault.ts')).openVault(vaultOptions);
  const loginOptions = { ...vaultOptions, directory: join(inventory.paths.vault, 'logins') };
  const openLogins = async (): Promise<Vault> =>
    (await import('../vault/vault.ts')).openVault(loginOptions);
  return {
    desk,
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
    pause: (ms, until) =>
      sleep(ms, undefined, until === undefined ? {} : { signal: until }).catch(() => undefined),
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

/** What a verb is like whose context is opened. */
interface Manner extends Pick<Opening, 'needsAllRights' | 'isUnasked'> {
  /** It connects to hosts: a machine that the ssh config gives two names is refused before. */
  readonly asksHosts: boolean;
  /** It acts from the beginning, see {@link OpenContext.act}. */
  readonly isActing: boolean;
}

/**
 * Runs `act` with an open context and closes it again, whatever happens. Errors: also `inventory`.
 */
export async function withContext<T>(
  desk: Desk,
  { asksHosts, isActing, ...opening }: Manner,
  run: (context: OpenContext) => Promise<T>,
): Promise<T> {
  const links = new AbortController();
  const context = await openContext(desk, { ...opening, linkSignal: links.signal });
  const cut = (): void => links.abort();
  const act = (): void => desk.signal.removeEventListener('abort', cut);
  if (!isActing) desk.signal.addEventListener('abort', cut);
  if (!isActing && desk.signal.aborted) cut();
  try {
    const { listDisplayNames } = await import('../ledger/queries/accounts.ts');
    desk.learnNames(await listDisplayNames(context.ledger.db));
    if (asksHosts) {
      const { refuseSecondNames } = await import('../workflows/second-names.ts');
      await refuseSecondNames(context.inventory, await context.ssh());
    }
    return await run({ ...context, act });
  } catch (error) {
    throw context.ledger.useError(error);
  } finally {
    act();
    if (desk.signal.aborted) cut();
    await context.close();
  }
}

/**
 * What a command leaves behind that changes accounts: errors, among them the moves that Ctrl-C left
 * open.
 */
interface WithErrors {
  readonly errors?: readonly FleetError[];
}

/**
 * Alone on this ledger. The first Ctrl-C ends `act` between two acts. `begin` takes the run's
 * serial; it is called after the operator has agreed and before the first connection
 * with authority is made, and again after others were at work (`aside`).
 */
export async function alone<T extends WithErrors>(
  verb: string,
  context: OpenContext,
  waitMs: number,
  act: (begin: () => Promise<Run>, aside: RunLock['aside']) => Promise<T>,
): Promise<T> {
  const { signal } = context;
  const { beginRun, takeLock } = await import('../ledger/queries/runs.ts');
  const { refuseLostLedger } = await import('../workflows/custody/lost-ledger.ts');
  const lock = await takeLock(context.ledger, waitMs, {
    command: verb,
    signal,
    besideTalks: verb === 'sweep',
    onWait: (text) => context.report({ kind: 'phase', text }),
  });
  try {
    if (verb !== 'adopt') await refuseLostLedger(context);
    const { authenticateRecords } = await import('../workflows/custody/authenticate-records.ts');
    await authenticateRecords(context);
    const begin = async (): Promise<Run> => {
      // What was not asked because of it is missing in what would be done now.
      if (signal.aborted)
        throw new FleetError('interrupted', 'nothing was changed', {
          hint: 'run it again when you are ready',
        });
      return beginRun(context.ledger, verb, context.now());
    };
    const result = await act(begin, lock.aside);
    return signal.aborted
      ? await (await import('./open-moves-error.ts')).withOpenMoves(context.ledger.db, result)
      : result;
  } catch (error) {
    throw signal.aborted
      ? await (await import('./open-moves-error.ts')).sayingOpenMoves(context.ledger.db, error)
      : error;
  } finally {
    await lock.release();
  }
}

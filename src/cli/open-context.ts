import type { Run } from '../ledger/runs.ts';
import type { Inventory } from '../model/inventory.ts';
import {
  alone,
  inventoryPathOf as findInventory,
  loadInventoryOf as loadInventory,
  type OpenContext,
  withContext as openContext,
} from '../verbs/open-context.ts';
import { deskFor } from './cli-desk.ts';
import type { GlobalOptions } from './global-options.ts';
import type { CommandResult } from './output.ts';
import { printErr } from './terminal.ts';

export const loadInventoryOf = ({ inventory }: Pick<GlobalOptions, 'inventory'>): Promise<Inventory> =>
  loadInventory({ inventory, note: printErr });

/** Its path, as messages call it. Errors: `inventory`. */
export const inventoryPathOf = ({ inventory }: Pick<GlobalOptions, 'inventory'>): Promise<string> =>
  findInventory({ inventory, note: printErr });

/** `needsAllRights`: log in as `ssh.init_user`, for what an everyday login user may not do. */
export type ContextOptions = GlobalOptions & { readonly needsAllRights?: boolean };

/** For commands that only look: Ctrl-C also cuts their connections. */
export const withContext = <T>(options: ContextOptions, _: AbortSignal, act: (context: OpenContext) => Promise<T>): Promise<T> =>
  openContext(deskFor(options), { needsAllRights: options.needsAllRights === true, isLasting: false }, act);

/** For commands that change accounts: alone on this ledger from here on. */
export const withLock = <T extends CommandResult>(
  command: string,
  options: ContextOptions,
  signal: AbortSignal,
  act: (context: OpenContext, begin: () => Promise<Run>) => Promise<T>,
): Promise<T> => withLastingLinks(options, signal, (context) => alone(command, context, options.wait, (begin) => act(context, begin)));

/** For commands that change hosts: Ctrl-C does not cut the links, so the act that is under way ends, and is recorded. */
export const withLastingLinks = <T>(options: ContextOptions, _: AbortSignal, act: (context: OpenContext) => Promise<T>): Promise<T> =>
  openContext(deskFor(options), { needsAllRights: options.needsAllRights === true, isLasting: true }, act);

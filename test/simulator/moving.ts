import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stateDirectory } from '../../agent/host/processes.ts';
import { setCordon } from '../../src/ledger/hosts.ts';
import { openLedger } from '../../src/ledger/ledger.ts';
import type { Verb } from './controller.ts';
import { accountNames, keyIds, type World } from './world.ts';

/** What each account remembers, in its state directory, from before the first move. */
export async function remember(world: World): Promise<void> {
  for (const { name, host } of (await world.read()).accounts) {
    if (host === null) continue;
    const { places } = world.host(host);
    const directory = stateDirectory(places, keyIds[name] ?? '') ?? join(places.accountState, keyIds[name] ?? '');
    mkdirSync(join(directory, 'deep'), { recursive: true });
    writeFileSync(join(directory, 'deep', 'notes'), `of ${name}`);
  }
}

/** No account has forgotten anything on its way. */
export async function checkMemory(world: World): Promise<void> {
  for (const { name, host } of (await world.read()).accounts) {
    const directory = host === null ? null : stateDirectory(world.host(host).places, keyIds[name] ?? '');
    const notes = directory === null ? '' : join(directory, 'deep', 'notes');
    if (notes === '' || !existsSync(notes) || readFileSync(notes, 'utf8') !== `of ${name}`)
      world.simulation.violate(`${name} has lost its state on ${host}`);
  }
}

/** Drains leave cordons behind. */
export async function uncordonAll(world: World): Promise<void> {
  const ledger = await openLedger(world.ledgerPath);
  for (const { name } of world.hosts) await setCordon(ledger.db, name, null);
  await ledger.close();
}

/** One of the commands that change owners, or meet with those. */
export function someMove(world: World): Verb {
  const { simulation } = world;
  const host = simulation.pick(world.hosts).name;
  const verb = simulation.pick(['move', 'move', 'move', 'drain', 'resume', 'allocate', 'stop', 'start'] as const);
  if (verb === 'drain') return { verb, host };
  if (verb === 'resume' || verb === 'allocate') return { verb };
  const account = simulation.pick(accountNames);
  return verb === 'move' ? { verb, account, host } : { verb, account };
}

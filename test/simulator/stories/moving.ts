import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stateDirectory } from '../../../hostside/helper/processes.ts';
import type { Verb } from '../controller.ts';
import { mountDisk } from '../model/model-disk.ts';
import type { World } from '../world.ts';

const notesBelow = (directory: string): string => join(directory, 'deep', 'notes');

const usualWords = (account: string): string => `of ${account}`;

/** What each account remembers, in its state directory, from before the first move. */
export async function remember(world: World, words = usualWords): Promise<void> {
  for (const { name, host } of (await world.read()).accounts) {
    if (host === null) continue;
    const { places } = world.host(host);
    const directory =
      stateDirectory(places, world.keyIdOf(name)) ?? join(places.accountState, world.keyIdOf(name));
    mkdirSync(join(directory, 'deep'), { recursive: true });
    writeFileSync(notesBelow(directory), words(name));
    // A worker that wants to keep something syncs it.
    mountDisk(places.root);
    world.remembering.add(name);
  }
}

/**
 * No account has forgotten anything on its way, or continues from less than is known of it: what a
 * machine that is gone alone had, nobody has.
 */
export async function checkMemory(world: World, words = usualWords): Promise<void> {
  for (const { name, host } of (await world.read()).accounts) {
    if (host === null || !world.remembering.has(name)) continue;
    const directory = stateDirectory(world.host(host).places, world.keyIdOf(name));
    const notes = directory === null ? '' : notesBelow(directory);
    if (notes === '' || !existsSync(notes) || readFileSync(notes, 'utf8') !== words(name))
      world.simulation.violate(`${name} has lost its state on ${host}`);
  }
}

/** One of the commands that change owners, or meet with those. */
export function someMove(world: World): Verb {
  const { simulation } = world;
  const host = simulation.pick(world.hosts).name;
  const verb = simulation.pick([
    'move',
    'move',
    'move',
    'drain',
    'rebalance',
    'resume',
    'allocate',
    'stop',
    'start',
  ] as const);
  if (verb === 'drain') return { verb, host };
  if (verb === 'resume' || verb === 'allocate' || verb === 'rebalance') return { verb };
  const account = simulation.pick(world.accounts);
  return verb === 'move' ? { verb, account, host } : { verb, account };
}

import { existsSync, readlinkSync, rmdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { decideWipe } from '../../claims/decide.ts';
import { fsyncDirectory, namesIn } from '../../machine/durable-file.ts';
import { accountPath, behaviourPath, epochPath, type Places } from '../../machine/places.ts';
import type { HostAct } from '../../protocol/host-acts.ts';
import { stateDirectory } from '../processes.ts';
import { emptyTree } from '../replace-tree.ts';
import { type ActOutcome, done, type HostWorld, readFacts, refused } from '../world.ts';
import { limitsPath } from './stage.ts';

/**
 * Takes the files of one epoch away; the claim stays as the tombstone. Nothing there is success.
 */
export const wipe = (
  world: HostWorld,
  act: Extract<HostAct, { readonly act: 'wipe' }>,
): ActOutcome => {
  const { places } = world;
  const { reading, facts } = readFacts(world, act.keyId);
  const decision = decideWipe(reading, act, facts);
  if (decision.kind === 'refuse') return refused(decision, reading.claim);
  rmSync(epochPath(places, act.keyId, act.epoch), { recursive: true, force: true });
  if (decision.withState) removeState(places, act.keyId);
  removeWhenEmpty(places, act.keyId, act.epoch);
  // A session that was wiped must not come back with a power loss.
  for (const directory of [
    dirname(epochPath(places, act.keyId, act.epoch)),
    accountPath(places, act.keyId),
    places.accounts,
  ])
    if (existsSync(directory)) fsyncDirectory(directory);
  return done();
};

const removeState = (places: Places, keyId: string): void => {
  const state = stateDirectory(places, keyId);
  if (state !== null) emptyTree(state);
  if (state !== null) rmdirSync(state);
  // systemd's link to it.
  rmSync(join(places.accountState, keyId), { force: true });
};

/** Without any epoch left, the account leaves nothing but its claim and its locks. */
const removeWhenEmpty = (places: Places, keyId: string, epoch: number): void => {
  const directory = accountPath(places, keyId);
  const current = join(directory, 'current');
  for (const name of namesIn(join(directory, 'epochs')).filter((entry) => entry.endsWith('.new'))) {
    rmSync(join(directory, 'epochs', name), { recursive: true, force: true });
  }
  if (readLink(current) === String(epoch)) rmSync(current, { force: true });
  if (namesIn(join(directory, 'epochs')).length > 0) return;
  rmSync(directory, { recursive: true, force: true });
  rmSync(behaviourPath(places, keyId), { force: true });
  const limits = limitsPath(places, keyId);
  rmSync(limits, { force: true });
  if (existsSync(dirname(limits)) && namesIn(dirname(limits)).length === 0)
    rmdirSync(dirname(limits));
};

const readLink = (path: string): string | null => {
  try {
    return basename(readlinkSync(path));
  } catch {
    return null;
  }
};

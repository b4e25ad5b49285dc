import { mkdirSync, statfsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Refusal } from '../../claims/decide.ts';
import {
  decideCopyState,
  decidePutState,
  decideReadState,
  refuseOtherState,
} from '../../claims/decide-state.ts';
import { markNames } from '../../gate/marks.ts';
import { bootMs, readBootVerdict } from '../../machine/boot.ts';
import { fsyncDirectory } from '../../machine/durable-file.ts';
import type { Places } from '../../machine/places.ts';
import type { HostAct } from '../../protocol/host-acts.ts';
import {
  hashEntries,
  packState,
  smallStateBytes,
  statePartBytes,
  unpackState,
} from '../../protocol/state-archive.ts';
import { stateDirectory } from '../processes.ts';
import { hashTree, readTree, weighTree } from '../read-tree.ts';
import { replaceTree } from '../replace-tree.ts';
import { settleLeftMs } from '../settle.ts';
import {
  type ActOutcome,
  done,
  type HostWorld,
  identityFault,
  readFacts,
  refused,
} from '../world.ts';

type Act<K extends HostAct['act']> = Extract<HostAct, { readonly act: K }>;

export const weighState = ({ places }: HostWorld, act: Act<'weigh-state'>): ActOutcome => {
  const { bytes, files } = weighTree(stateDirectory(places, act.keyId), markNames);
  const space = statfsSync(places.claims);
  return done({ kind: 'state-size', bytes, files, freeBytes: space.bavail * space.bsize });
};

/**
 * What the worker writes meanwhile would tear the copy, so it counts only when it is what lies
 * there afterwards.
 */
export const copyState = (world: HostWorld, act: Act<'copy-state'>): ActOutcome => {
  const { places } = world;
  const { reading } = readFacts(world, act.keyId);
  const refusal = decideCopyState(reading, act);
  if (refusal !== null) return refused(refusal, reading.claim);
  const directory = stateDirectory(places, act.keyId);
  const { bytes } = weighTree(directory, markNames);
  if (bytes > smallStateBytes) return done({ kind: 'state-copy', bytes });
  const { entries, isWhole } = readTree(directory, markNames, smallStateBytes);
  const stateHash = hashEntries(entries);
  if (isWhole && stateHash === act.unless) return done({ kind: 'state-copy', bytes, stateHash });
  if (!isWhole || hashState(places, act.keyId) !== stateHash)
    return done({ kind: 'state-copy', bytes });
  return done({
    kind: 'state-copy',
    bytes,
    stateHash,
    data: Buffer.from(packState(entries)).toString('base64'),
  });
};

/** Of the account's state here, without the gate's marks. */
export const hashState = (places: Places, keyId: string): string =>
  hashTree(stateDirectory(places, keyId), markNames);

/** The archive is the same at every call, so its parts fit together. */
export const readState = (world: HostWorld, act: Act<'read-state'>): ActOutcome => {
  const { places } = world;
  const { reading } = readFacts(world, act.keyId);
  const refusal = decideReadState(reading, act);
  if (refusal !== null) return refused(refusal, reading.claim);
  const archive = packState(readTree(stateDirectory(places, act.keyId), markNames).entries);
  const parts = Math.max(1, Math.ceil(archive.length / statePartBytes));
  if (act.part >= parts)
    return {
      ok: false,
      refusal: 'request',
      message: `the state has ${parts} parts`,
      claim: reading.claim,
    };
  const slice = archive.subarray(act.part * statePartBytes, (act.part + 1) * statePartBytes);
  const data = Buffer.from(slice).toString('base64');
  return {
    ...done({
      kind: 'state-part',
      part: act.part,
      parts,
      data,
      settleMs: settleLeftHere(places, act.keyId),
    }),
    claim: reading.claim,
  };
};

/**
 * What is left of the settle floor after the last stop here; the gate of another host knows nothing
 * of it.
 */
const settleLeftHere = (places: Places, keyId: string): number =>
  settleLeftMs(places, keyId, {
    bootId: readBootVerdict(places)?.bootId ?? 'unknown',
    bootMs: bootMs(),
  });

/**
 * Replaces the state. Killed half-way it leaves a torn one, which no grant that names a state
 * accepts; the same act again makes it whole.
 */
export const putState = (world: HostWorld, act: Act<'put-state'>): ActOutcome => {
  const { places } = world;
  const { reading, facts } = readFacts(world, act.keyId);
  const decision = identityFault(world) ?? decidePutState(reading, act, facts);
  if (decision.kind === 'refuse') return refused(decision, reading.claim);
  if (decision.kind === 'keep') return done();
  const entries = unpackState(Buffer.from(act.archive, 'base64'));
  if (entries.some(({ path }) => markNames.includes(path.split('/')[0] ?? '')))
    throw new Error('the archive holds a mark of the gate');
  const directory =
    stateDirectory(places, act.keyId) ?? newDirectory(places, act.keyId, entries.length);
  if (directory === null) return done();
  replaceTree(directory, markNames, entries);
  fsyncDirectory(dirname(directory));
  return done();
};

/** Plain and root's: systemd takes it over, and gives it to the unit's user, by the next start. */
const newDirectory = (places: Places, keyId: string, files: number): string | null => {
  if (files === 0) return null;
  const directory = join(places.accountState, keyId);
  mkdirSync(places.accountState, { recursive: true, mode: 0o755 });
  // Perhaps the first account's: a power loss must not take the directory of all of them away with
  // what is synced in it.
  fsyncDirectory(dirname(places.accountState));
  mkdirSync(directory, { mode: 0o700 });
  return directory;
};

/** Why a grant that names a state must not be made here; null: it may. */
export const stateFault = (places: Places, act: Act<'grant'>): Refusal | null =>
  act.stateHash === undefined
    ? null
    : refuseOtherState(act.stateHash, hashState(places, act.keyId));

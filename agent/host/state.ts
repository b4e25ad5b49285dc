import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fsyncSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statfsSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Refusal } from '../claims/decide.ts';
import { decideCopyState, decidePutState, decideReadState, refuseOtherState } from '../claims/decide-state.ts';
import { hashState, listState } from '../claims/state-hash.ts';
import { settleWaitMs } from '../gate/decide.ts';
import { markNames, readStartMark, readStopMark } from '../gate/marks.ts';
import { bootMs, readBootVerdict, readHostConfig } from '../machine/boot.ts';
import { fsyncDirectory, namesIn, writeFully } from '../machine/durable-file.ts';
import type { Places } from '../machine/places.ts';
import type { HostAct } from '../protocol/host-acts.ts';
import {
  hashEntries,
  packState,
  type StateEntry,
  smallStateBytes,
  stateLimitBytes,
  statePartBytes,
  unpackState,
} from '../protocol/state-archive.ts';
import { stateDirectory } from './processes.ts';
import { type ActOutcome, done, type HostWorld, identityFault, readFacts, refused } from './world.ts';

type Act<K extends HostAct['act']> = Extract<HostAct, { readonly act: K }>;

/** Bytes and files of a state. A worker that runs may take a file away at any moment. */
const weigh = (directory: string | null): { readonly bytes: number; readonly files: number } => {
  const paths = directory === null ? [] : listState(directory, markNames);
  const bytes = paths.reduce((sum, path) => sum + (lstatSync(join(directory ?? '', path), { throwIfNoEntry: false })?.size ?? 0), 0);
  return { bytes, files: paths.length };
};

export const weighState = ({ places }: HostWorld, act: Act<'weigh-state'>): ActOutcome => {
  const { bytes, files } = weigh(stateDirectory(places, act.keyId));
  const space = statfsSync(places.claims);
  return done({ kind: 'state-size', bytes, files, freeBytes: space.bavail * space.bsize });
};

/** What the worker writes meanwhile would tear the copy, so it counts only when it is what lies there afterwards. */
export const copyState = (world: HostWorld, act: Act<'copy-state'>): ActOutcome => {
  const { places } = world;
  const { reading } = readFacts(world, act.keyId);
  const refusal = decideCopyState(reading, act);
  if (refusal !== null) return refused(refusal, reading.claim);
  const directory = stateDirectory(places, act.keyId);
  const { bytes } = weigh(directory);
  if (bytes > smallStateBytes) return done({ kind: 'state-copy', bytes });
  const stateHash = hashState(directory, markNames);
  if (stateHash === act.unless) return done({ kind: 'state-copy', bytes, stateHash });
  const entries = readEntries(directory);
  if (hashEntries(entries) !== stateHash || hashState(directory, markNames) !== stateHash) return done({ kind: 'state-copy', bytes });
  return done({ kind: 'state-copy', bytes, stateHash, data: Buffer.from(packState(entries)).toString('base64') });
};

/** The archive is the same at every call, so its parts fit together. */
export const readState = (world: HostWorld, act: Act<'read-state'>): ActOutcome => {
  const { places } = world;
  const { reading } = readFacts(world, act.keyId);
  const refusal = decideReadState(reading, act);
  if (refusal !== null) return refused(refusal, reading.claim);
  const archive = packState(readEntries(stateDirectory(places, act.keyId)));
  const parts = Math.max(1, Math.ceil(archive.length / statePartBytes));
  if (act.part >= parts) return { ok: false, refusal: 'request', message: `the state has ${parts} parts`, claim: reading.claim };
  const slice = archive.subarray(act.part * statePartBytes, (act.part + 1) * statePartBytes);
  const data = Buffer.from(slice).toString('base64');
  return { ...done({ kind: 'state-part', part: act.part, parts, data, settleMs: settleLeftMs(places, act.keyId) }), claim: reading.claim };
};

const readEntries = (directory: string | null): readonly StateEntry[] => {
  if (directory === null) return [];
  let bytes = 0;
  return listState(directory, markNames).map((path): StateEntry => {
    const at = join(directory, path);
    const stat = lstatSync(at);
    if (stat.isSymbolicLink()) return { path, kind: 'link', mode: 0, content: Buffer.from(readlinkSync(at)) };
    const content = readFileSync(at);
    bytes += content.length;
    if (bytes > stateLimitBytes) throw new Error(`the state is larger than ${stateLimitBytes} bytes`);
    return { path, kind: 'file', mode: stat.mode & 0o777, content };
  });
};

const floorsWithoutConfig = { settleMs: 5_000, settleUncleanMs: 30_000 };

/** What is left of the settle floor after the last stop here; the gate of another host knows nothing of it. */
const settleLeftMs = (places: Places, keyId: string): number => {
  const directory = stateDirectory(places, keyId);
  const verdict = readBootVerdict(places);
  if (directory === null) return 0;
  const now = { bootId: verdict?.bootId ?? 'unknown', bootMs: bootMs() };
  return settleWaitMs(readStartMark(directory), readStopMark(directory), readHostConfig(places) ?? floorsWithoutConfig, now);
};

/** Replaces the state. Killed half-way it leaves a torn one, which no grant that names a state accepts; the same act again makes it whole. */
export const putState = (world: HostWorld, act: Act<'put-state'>): ActOutcome => {
  const { places } = world;
  const { reading, facts } = readFacts(world, act.keyId);
  const decision = identityFault(world) ?? decidePutState(reading, act, facts);
  if (decision.kind === 'refuse') return refused(decision, reading.claim);
  if (decision.kind === 'keep') return done();
  const entries = unpackState(Buffer.from(act.archive, 'base64'));
  if (entries.some(({ path }) => markNames.includes(path.split('/')[0] ?? ''))) throw new Error('the archive holds a mark of the gate');
  const directory = stateDirectory(places, act.keyId) ?? newDirectory(places, act.keyId, entries.length);
  if (directory === null) return done();
  for (const name of namesIn(directory).filter((entry) => !markNames.includes(entry)))
    rmSync(join(directory, name), { recursive: true, force: true });
  writeEntries(directory, entries);
  return done();
};

/** Plain and root's: systemd takes it over, and gives it to the unit's user, by the next start. */
const newDirectory = (places: Places, keyId: string, files: number): string | null => {
  if (files === 0) return null;
  const directory = join(places.accountState, keyId);
  mkdirSync(places.accountState, { recursive: true, mode: 0o755 });
  mkdirSync(directory, { mode: 0o700 });
  return directory;
};

/** Everything belongs to the owner of the directory: systemd looks at nothing else when it decides whether to hand a state over. */
const writeEntries = (directory: string, entries: readonly StateEntry[]): void => {
  const { uid, gid } = statSync(directory);
  const directories = new Set([directory]);
  for (const { path, kind, mode, content } of entries) {
    for (const parent of parentsOf(path)) {
      if (directories.has(join(directory, parent))) continue;
      mkdirSync(join(directory, parent), { mode: 0o700 });
      chmodSync(join(directory, parent), 0o700);
      lchownSync(join(directory, parent), uid, gid);
      directories.add(join(directory, parent));
    }
    const at = join(directory, path);
    if (kind === 'link') symlinkSync(Buffer.from(content).toString('utf8'), at);
    else writeNew(at, content, mode, uid, gid);
    if (kind === 'link') lchownSync(at, uid, gid);
  }
  for (const written of directories) fsyncDirectory(written);
  fsyncDirectory(dirname(directory));
};

/** `a/b/c` -> `a`, `a/b`. */
const parentsOf = (path: string): readonly string[] =>
  path
    .split('/')
    .slice(0, -1)
    .map((_, index, names) => names.slice(0, index + 1).join('/'));

const writeNew = (path: string, content: Uint8Array, mode: number, uid: number, gid: number): void => {
  const descriptor = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  try {
    writeFully(descriptor, content);
    fchmodSync(descriptor, mode);
    fchownSync(descriptor, uid, gid);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
};

/** Why a grant that names a state must not be made here; null: it may. */
export const stateFault = (places: Places, act: Act<'grant'>): Refusal | null =>
  act.stateHash === undefined ? null : refuseOtherState(act.stateHash, hashState(stateDirectory(places, act.keyId), markNames));

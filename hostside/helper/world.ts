import { join } from 'node:path';
import { readClaim, syncClaims } from '../claims/claim-file.ts';
import type { ClaimReading } from '../claims/claim-slots.ts';
import type { HostFacts, Refusal } from '../claims/decide.ts';
import { readBootInstanceId, readBootVerdict } from '../machine/boot.ts';
import { errorCode, namesIn, readSmallFile } from '../machine/durable-file.ts';
import { parseJson, Shape, wordPattern } from '../machine/json-shape.ts';
import { accountPath, epochPath, type Places } from '../machine/places.ts';
import type { ActReply, ActResult, AuthorityStamp } from '../protocol/host-acts.ts';
import { countCgroup, defaultControlGroup } from './processes.ts';
import { runLockHolder } from './run-lock.ts';
import { isIdle, type UnitFacts, type Units } from './units.ts';

/** What every act of the helper works on. */
export interface HostWorld {
  readonly places: Places;
  readonly units: Units;
  readonly bootId: string;
  /** Computed now, as root. */
  readonly instanceId: string;
  readonly authority: Pick<AuthorityStamp, 'id' | 'serial'>;
  readonly now: () => Date;
  /** How long what is left after a stop may take to vanish, ms. */
  readonly proofMs: number;
}

/** Reply of one act without its index. */
export type ActOutcome = Omit<ActReply, 'index'>;

export const done = (result: ActResult = { kind: 'done' }): ActOutcome => ({ ok: true, result });
export const refused = (refusal: Refusal, claim: ClaimReading['claim']): ActOutcome => ({
  ok: false,
  refusal: refusal.code,
  message: refusal.message,
  claim,
});

/**
 * A failed system call or command as a reply. File-system errors name their path; no act puts a
 * secret into a path.
 */
export const failed = (error: unknown): ActOutcome => {
  const code = errorCode(error);
  const path =
    error instanceof Error && 'path' in error && typeof error.path === 'string'
      ? ` at ${error.path}`
      : '';
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return { ok: false, refusal: 'space', message: `no space left on the host${path}` };
  if (code === 'Error' && error instanceof Error)
    return { ok: false, refusal: 'io', message: error.message };
  return { ok: false, refusal: 'io', message: `${code}${path}` };
};

/** Epochs whose files are complete: `staged.json` is written last. Ascending. */
export const readStaged = (places: Places, keyId: string): HostFacts['staged'] =>
  namesIn(join(accountPath(places, keyId), 'epochs'))
    .filter((name) => /^[1-9]\d*$/.test(name))
    .map((name) => ({
      epoch: Number(name),
      moveId: readStagedMove(epochPath(places, keyId, Number(name))),
    }))
    .filter((staged): staged is { epoch: number; moveId: string } => staged.moveId !== null)
    .sort((a, b) => a.epoch - b.epoch);

const readStagedMove = (directory: string): string | null => {
  const file = readSmallFile(join(directory, 'staged.json'), 4096);
  const shape = new Shape(file !== null && 'text' in file ? parseJson(file.text) : undefined);
  const moveId = shape.text('moveId', 128, wordPattern);
  return shape.fault === null ? moveId : null;
};

export const countProcesses = (places: Places, keyId: string, unit: UnitFacts): number =>
  countCgroup(places.root, unit.controlGroup || defaultControlGroup(keyId));

/** Facts and claim for one decision. Call it under the account's lock. */
export const readFacts = (
  world: HostWorld,
  keyId: string,
): { readonly reading: ClaimReading; readonly facts: HostFacts; readonly unit: UnitFacts } => {
  const { places } = world;
  syncClaims(places, [keyId]);
  const unit = world.units.show(keyId);
  const facts: HostFacts = {
    instanceId: world.instanceId,
    bootId: world.bootId,
    verdict: readBootVerdict(places),
    staged: readStaged(places, keyId),
    running:
      !isIdle(unit) ||
      countProcesses(places, keyId, unit) > 0 ||
      runLockHolder(places, keyId) !== null,
    authority: world.authority,
    now: world.now().toISOString(),
  };
  return { reading: readClaim(places, keyId), facts, unit };
};

/**
 * The machine changed its identity within this boot (a resumed snapshot): nothing that opens a gate
 * may be done.
 */
export const identityFault = ({ places, instanceId }: HostWorld): Refusal | null => {
  const atBoot = readBootInstanceId(places);
  if (atBoot === null || atBoot === instanceId) return null;
  return {
    kind: 'refuse',
    code: 'instance',
    message: 'the identity of this machine changed since it booted; reboot it, then survey',
  };
};

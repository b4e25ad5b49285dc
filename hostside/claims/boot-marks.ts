import { chmodSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { readSmallFile, writeDurably } from '../machine/durable-file.ts';
import { bootMarkPath, type Places } from '../machine/places.ts';
import type { Claim } from '../protocol/claim.ts';

const open = 'open';
const closed = 'closed';

/**
 * Notes in memory what a claim became in this boot: a backup of fleet's files does not have it, and
 * no boot keeps it. Closings before the claim is written,
 * grants after it, so that a crash in between leaves nothing open that was closed. Throws what the
 * file system throws.
 */
export const markInBoot = (places: Places, { keyId, epoch, state }: Claim): void => {
  const path = bootMarkPath(places, keyId);
  mkdirSync(dirname(path), { recursive: true });
  // The gate has to read it, whatever mask whoever logged in has.
  chmodSync(dirname(path), 0o755);
  writeDurably(path, `${epoch} ${state === 'active' ? open : closed}\n`, 0o644);
};

/** What this boot has last written of a claim. */
export interface BootMark {
  readonly epoch: number;
  readonly isOpen: boolean;
}

/** null: this boot has written nothing of it. */
const readBootMark = (places: Places, keyId: string): BootMark | 'unreadable' | null => {
  const file = readSmallFile(bootMarkPath(places, keyId), 64);
  if (file === null) return null;
  const [, epoch, what] = ('text' in file && /^(\d{1,15}) (open|closed)\n$/.exec(file.text)) || [];
  return epoch === undefined ? 'unreadable' : { epoch: Number(epoch), isOpen: what === open };
};

/**
 * Whether an active claim is from before what this boot has written of it: fleet's files were put
 * back while the machine ran (docs/exclusivity.md, row 46).
 * A mark that cannot be read speaks against it. Pure.
 */
export const isBeforeMark = (
  mark: BootMark | 'unreadable' | null,
  { epoch, state }: Pick<Claim, 'epoch' | 'state'>,
): boolean => {
  if (state !== 'active' || mark === null) return false;
  if (mark === 'unreadable') return true;
  return epoch < mark.epoch || (epoch === mark.epoch && !mark.isOpen);
};

/** {@link isBeforeMark} of the mark in this boot's memory. */
export const isPutBack = (places: Places, claim: Claim): boolean =>
  isBeforeMark(readBootMark(places, claim.keyId), claim);

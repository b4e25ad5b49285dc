import { readlinkSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readClaim } from '../claims/claim-file.ts';
import { fsyncDirectory, namesIn } from '../machine/durable-file.ts';
import { accountPath, epochPath, type Places } from '../machine/places.ts';

const epochsIn = (places: Places, keyId: string): readonly string[] =>
  namesIn(join(accountPath(places, keyId), 'epochs'));

/**
 * Takes away copies of the session of epochs below `epoch`, whose claim is active and whose files
 * are the current ones.
 */
export const removeOlderEpochs = (places: Places, keyId: string, epoch: number): void => {
  const older = epochsIn(places, keyId).filter((name) => Number.parseInt(name, 10) < epoch);
  for (const name of older)
    rmSync(join(accountPath(places, keyId), 'epochs', name), { recursive: true, force: true });
  // Or a power loss brings them back, and nobody wipes what lies beside an open claim.
  if (older.length > 0) fsyncDirectory(dirname(epochPath(places, keyId, epoch)));
};

/**
 * The epoch of an active claim beside which older copies of the session lie: its grant was cut off
 * before it could take them away. Null: there are none, or the
 * account starts from them.
 */
export const epochWithOlder = (places: Places, keyId: string): number | null => {
  const { claim, fault } = readClaim(places, keyId);
  if (claim?.state !== 'active' || fault !== null) return null;
  const isOlder = (name: string): boolean => Number.parseInt(name, 10) < claim.epoch;
  return epochsIn(places, keyId).some(isOlder) &&
    currentOf(places, keyId) === join('epochs', String(claim.epoch))
    ? claim.epoch
    : null;
};

const currentOf = (places: Places, keyId: string): string | null => {
  try {
    return readlinkSync(join(accountPath(places, keyId), 'current'));
  } catch {
    return null;
  }
};

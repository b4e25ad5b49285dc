import { readlinkSync, statfsSync } from 'node:fs';
import { basename } from 'node:path';
import { claimedKeyIds, readClaim, syncClaims } from '../../claims/claim-file.ts';
import { readBootVerdict, readContact, readHostConfig } from '../../machine/boot.ts';
import { namesIn } from '../../machine/durable-file.ts';
import { keyIdPattern } from '../../machine/json-shape.ts';
import { lookAtMachine } from '../../machine/know-machine.ts';
import type { Places } from '../../machine/places.ts';
import type { HostSurvey, SurveyedAccount } from '../../protocol/host-acts.ts';
import { readAuthority } from '../authority-record.ts';
import { livingAccounts } from '../processes.ts';
import { type UnitFacts, unknownUnit } from '../units.ts';
import { countProcesses, type HostWorld, readStaged } from '../world.ts';

/**
 * Everything that the host knows, sorted by key id: claims, staged files and units, also of keys
 * that have only one of them.
 */
export const survey = (world: HostWorld): HostSurvey => {
  const { places } = world;
  const units = world.units.showAll();
  // Also when all files of fleet are gone: what lives is not "never used".
  const living = livingAccounts(places);
  const keyIds = new Set([
    ...claimedKeyIds(places),
    ...namesIn(places.accounts).filter((name) => keyIdPattern.test(name)),
    ...units.keys(),
    ...living.keys(),
  ]);
  syncClaims(places, [...keyIds]);
  const authority = readAuthority(places);
  const config = readHostConfig(places);
  const hosts = readContact(places)?.hosts;
  const { changed } = lookAtMachine(places);
  const space = statfsSync(places.claims);
  return {
    instanceId: world.instanceId,
    bootId: world.bootId,
    release: readRelease(places),
    bootVerdict: readBootVerdict(places),
    authority:
      authority === null || authority === 'unreadable'
        ? null
        : { id: authority.id, serial: authority.serial },
    accounts: [...keyIds]
      .sort()
      .map((keyId) =>
        surveyAccount(places, keyId, units.get(keyId) ?? unknownUnit, living.get(keyId) ?? 0),
      ),
    freeBytes: space.bavail * space.bsize,
    ...(changed === undefined ? {} : { changed }),
    ...(hosts === undefined ? {} : { hosts }),
    ...(config === null
      ? {}
      : { config: { fleet: config.fleet, host: config.host, holdAfterMs: config.holdAfterMs } }),
  };
};

const surveyAccount = (
  places: Places,
  keyId: string,
  unit: UnitFacts,
  living: number,
): SurveyedAccount => {
  const { claim, fault } = readClaim(places, keyId);
  return {
    keyId,
    claim,
    claimFault: fault,
    unit: unitStates.find((state) => state === unit.activeState) ?? 'activating',
    processes: Math.max(countProcesses(places, keyId, unit), living),
    stagedEpochs: readStaged(places, keyId).map(({ epoch }) => epoch),
  };
};

/** Whatever else systemd may say (reloading, maintenance) is on its way to or from running. */
const unitStates = ['active', 'activating', 'deactivating', 'inactive', 'failed'] as const;

/** Name of the release in use; '' before the first one. */
export const readRelease = (places: Places): string => {
  try {
    return basename(readlinkSync(places.current));
  } catch {
    return '';
  }
};

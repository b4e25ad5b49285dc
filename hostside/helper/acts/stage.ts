import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { decideRestage, decideStage } from '../../claims/decide.ts';
import {
  fsyncDirectory,
  namesIn,
  readSmallFile,
  writeDurably,
} from '../../machine/durable-file.ts';
import { accountPath, epochPath, type Places } from '../../machine/places.ts';
import type { AccountFiles, HostAct } from '../../protocol/host-acts.ts';
import { accountUnit, accountUser } from '../../protocol/paths.ts';
import { makeRunLock } from '../run-lock.ts';
import {
  type ActOutcome,
  done,
  type HostWorld,
  identityFault,
  readFacts,
  refused,
} from '../world.ts';

type Stage = Extract<HostAct, { readonly act: 'stage' }>;

/** Files of one epoch, complete or not there; and the unit's limits. No claim. */
export const stage = (world: HostWorld, act: Stage): ActOutcome => {
  const { reading, facts } = readFacts(world, act.keyId);
  const decision = identityFault(world) ?? decideStage(reading, act, facts);
  if (decision.kind === 'refuse') return refused(decision, reading.claim);
  const files = filesFor(world, act);
  if (decision.kind === 'stage') writeEpoch(world.places, act, files);
  makeRunLock(world.places, act.keyId);
  writeLimits(world, act, files.areSealed);
  return { ...done(), claim: reading.claim };
};

/** Anew what the owned epoch is started with, each file whole or not at all. */
export const restage = (
  world: HostWorld,
  act: Extract<HostAct, { readonly act: 'restage' }>,
): ActOutcome => {
  const { reading, facts } = readFacts(world, act.keyId);
  const refusal = identityFault(world) ?? decideRestage(reading, act, facts);
  if (refusal !== null) return refused(refusal, reading.claim);
  const files = filesFor(world, act);
  writeCredentials(epochPath(world.places, act.keyId, act.epoch), files);
  writeLimits(world, act, files.areSealed);
  return { ...done(), claim: reading.claim };
};

interface StagedFiles extends Pick<AccountFiles, 'session' | 'config'> {
  /** They are encrypted, and the unit has to say so. */
  readonly areSealed: boolean;
}

/**
 * The files as they lie on the disk: encrypted where systemd can. The unit reads those of all
 * epochs alike, so as long as one that may be started lies
 * there in plain text, so do the others. Throws Error when this host could encrypt and cannot any
 * more.
 */
const filesFor = (
  { places, units }: HostWorld,
  { keyId, session, config }: Pick<Stage, 'keyId' | 'session' | 'config'>,
): StagedFiles => {
  const plain = { session, config, areSealed: false };
  const isFirst = !namesIn(accountPath(places, keyId)).includes('current');
  const present = readSmallFile(limitsPath(places, keyId), 64 * 1024);
  const wereSealed =
    present !== null && 'text' in present && present.text.includes(sealedLine('session'));
  if (!isFirst && !wereSealed) return plain;
  const [sealedSession, sealedConfig] = [
    units.seal('session', session),
    units.seal('config', config),
  ];
  if (sealedSession !== null && sealedConfig !== null)
    return { session: sealedSession, config: sealedConfig, areSealed: true };
  if (isFirst) return plain;
  throw new Error(
    'systemd-creds does not encrypt on this host any more, but the account was started ' +
      'from encrypted files',
  );
};

const sealedLine = (name: string): string =>
  `LoadCredentialEncrypted=${name}:/var/lib/fleet/accounts/%i/current/${name}`;

const writeCredentials = (directory: string, { session, config }: StagedFiles): void => {
  writeDurably(join(directory, 'session'), session, 0o600);
  writeDurably(join(directory, 'config'), config, 0o600);
};

const writeEpoch = (places: Places, act: Stage, files: StagedFiles): void => {
  const target = epochPath(places, act.keyId, act.epoch);
  const epochs = dirname(target);
  mkdirSync(epochs, { recursive: true, mode: 0o700 });
  // Whatever a helper that was killed has left behind.
  for (const name of namesIn(epochs).filter((entry) => entry.endsWith('.new')))
    rmSync(join(epochs, name), { recursive: true });
  const temporary = `${target}.new`;
  try {
    mkdirSync(temporary, { mode: 0o700 });
    writeCredentials(temporary, files);
    writeDurably(
      join(temporary, 'staged.json'),
      `${JSON.stringify({ moveId: act.moveId, account: act.account })}\n`,
      0o600,
    );
    rmSync(target, { recursive: true, force: true });
    renameSync(temporary, target);
  } catch (error) {
    rmSync(temporary, { recursive: true, force: true });
    throw error;
  }
  for (const directory of [epochs, accountPath(places, act.keyId), places.accounts])
    fsyncDirectory(directory);
};

export const limitsPath = (places: Places, keyId: string): string =>
  join(places.units, `${accountUnit(keyId)}.d`, 'limits.conf');

type UnitSettings = Pick<Stage, 'keyId' | 'account' | 'limits' | 'command' | 'lingerMs'>;

/**
 * The drop-in of one account's unit. Every value is a number, a name, or words that need no escape.
 */
export const formatLimits = (
  { keyId, account, limits, command, lingerMs }: UnitSettings,
  { areSealed = false, is247 = false } = {},
): string =>
  [
    '# Written by fleet when the account was staged.',
    '[Unit]',
    `Description=fleet account ${account}`,
    ...(is247 ? ['Wants=fleet-credentials@%i.service', 'After=fleet-credentials@%i.service'] : []),
    '[Service]',
    `User=${accountUser(keyId)}`,
    `MemoryMax=${limits.memoryMaxBytes}`,
    `MemoryHigh=${limits.memoryHighBytes}`,
    `CPUQuota=${Math.max(1, Math.round(limits.cpuMaxCores * 100))}%`,
    `TasksMax=${limits.tasksMax}`,
    ...(limits.logMax === undefined ? [] : [`LogRateLimitBurst=${limits.logMax}`]),
    `Environment=FLEET_ACCOUNT=${account}`,
    ...(command === undefined ? [] : [`Environment="FLEET_COMMAND=${command}"`]),
    ...(areSealed ? [sealedLine('session'), sealedLine('config')] : []),
    // systemd 247 makes the folders above a state directory with this one, and the account has to
    // pass them; bin/fleet-run sets 077.
    ...(is247 ? ['UMask=0022'] : []),
    ...(lingerMs === undefined ? [] : [`Environment=FLEET_LINGER_MS=${lingerMs}`]),
    // Not for systemd, which passes over it, but for bin/fleet-quota.
    '[X-Fleet]',
    ...(limits.diskMaxBytes === undefined ? [] : [`DiskMax=${limits.diskMaxBytes}`]),
    ...(limits.filesMax === undefined ? [] : [`FilesMax=${limits.filesMax}`]),
    '',
  ].join('\n');

const writeLimits = ({ places, units }: HostWorld, act: UnitSettings, areSealed: boolean): void => {
  const path = limitsPath(places, act.keyId);
  const text = formatLimits(act, { areSealed, is247: units.is247() });
  const present = readSmallFile(path, 64 * 1024);
  if (present !== null && 'text' in present && present.text === text) return;
  mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
  // Before the change: a helper that is killed in between leaves the mark, and the next one
  // reloads.
  mkdirSync(dirname(places.reloadNeeded), { recursive: true, mode: 0o755 });
  writeFileSync(places.reloadNeeded, '');
  writeDurably(path, text, 0o644);
};

/** Tells systemd about changed drop-ins, once for however many. */
export const reloadIfNeeded = ({ places, units }: Pick<HostWorld, 'places' | 'units'>): void => {
  if (!existsSync(places.reloadNeeded)) return;
  // Away first: a drop-in that is written while systemd reloads sets it anew.
  rmSync(places.reloadNeeded, { force: true });
  try {
    units.reload();
  } catch (error) {
    writeFileSync(places.reloadNeeded, '');
    throw error;
  }
};

import { createHash } from 'node:crypto';
import { readBootInstanceId } from './boot.ts';
import { readSmallFile, writeDurably } from './durable-file.ts';
import { instanceIdFrom, type MachineParts, readMachineParts, usableUuid } from './instance-id.ts';
import { parseJson, Shape, wordPattern } from './json-shape.ts';
import type { Places } from './places.ts';

/** The machine that this disk was last used in, part by part (docs/exclusivity.md, rule R7). */
export interface MachineRecord {
  readonly format: 1;
  /** Stays for as long as the machine is known again. */
  readonly instanceId: string;
  readonly cloudId: string;
  /** In lower case; '' where it says nothing. */
  readonly dmiUuid: string;
  /** In lower case: those of now first, then earlier ones. */
  readonly macs: readonly string[];
  readonly machineId: string;
  /**
   * What was another one when the machine was last not known again, for people; absent: it always
   * was.
   */
  readonly changed?: string;
}

/** Cards that were taken out do not count for ever. */
const macsLimit = 64;
const textLimit = 256;

const hardwareOf = (
  parts: MachineParts,
): Pick<MachineRecord, 'cloudId' | 'dmiUuid' | 'macs' | 'machineId'> => ({
  cloudId: parts.cloudId.slice(0, textLimit),
  dmiUuid: usableUuid(parts.dmiUuid),
  macs: [...new Set(parts.macs.map((mac) => mac.toLowerCase()))].sort().slice(0, macsLimit),
  machineId: parts.machineId.slice(0, textLimit),
});

/**
 * Whether this is still the machine of the record, and what is to be recorded now. It is another
 * one where the cloud's id, the DMI uuid, or all hardware
 * addresses differ; a part that is missing on either side says nothing. A machine without any such
 * part is known by its machine id, which a copy of the disk
 * has too. Without a record (a release of before, a new host) it has the id of its parts, under
 * which its claims were made.
 */
export const judgeMachine = (before: MachineRecord | null, parts: MachineParts): MachineRecord => {
  const now = hardwareOf(parts);
  if (before === null) return { format: 1, instanceId: instanceIdFrom(parts), ...now };
  const differences = differencesOf(before, now);
  if (differences.length === 0 && isKnownAgain(before, now)) {
    return {
      ...before,
      cloudId: now.cloudId || before.cloudId,
      dmiUuid: now.dmiUuid || before.dmiUuid,
      macs: [...new Set([...now.macs, ...before.macs])].slice(0, macsLimit),
      machineId: now.machineId || before.machineId,
    };
  }
  const changed =
    differences.length > 0 ? differences.join(', ') : 'nothing by which it is known is left';
  return { format: 1, instanceId: otherId(before, parts), ...now, changed };
};

const differencesOf = (
  before: MachineRecord,
  now: Pick<MachineRecord, 'cloudId' | 'dmiUuid' | 'macs' | 'machineId'>,
): string[] => {
  const told = (what: string, a: string, b: string): string[] =>
    a !== '' && b !== '' && a !== b ? [`${what} ${a} is now ${b}`] : [];
  const areOthers =
    before.macs.length > 0 &&
    now.macs.length > 0 &&
    !now.macs.some((mac) => before.macs.includes(mac));
  const isNameless = [before, now].every(
    ({ cloudId, dmiUuid, macs }) => cloudId === '' && dmiUuid === '' && macs.length === 0,
  );
  return [
    ...told("the cloud's id", before.cloudId, now.cloudId),
    ...told('the DMI uuid', before.dmiUuid, now.dmiUuid),
    ...(areOthers ? told('the hardware address', listed(before.macs), listed(now.macs)) : []),
    ...(isNameless ? told('the machine id', before.machineId, now.machineId) : []),
  ];
};

const listed = (macs: readonly string[]): string => macs.slice(0, 3).join(' ');

const isKnownAgain = (
  before: MachineRecord,
  now: Pick<MachineRecord, 'cloudId' | 'dmiUuid' | 'macs' | 'machineId'>,
): boolean => {
  const isSame = (a: string, b: string): boolean => a !== '' && a === b;
  if (isSame(before.cloudId, now.cloudId) || isSame(before.dmiUuid, now.dmiUuid)) return true;
  if (now.macs.some((mac) => before.macs.includes(mac))) return true;
  return (
    before.cloudId === '' &&
    before.dmiUuid === '' &&
    before.macs.length === 0 &&
    now.cloudId === '' &&
    now.dmiUuid === '' &&
    now.macs.length === 0
  );
};

/**
 * Never the one of the record: a clone may have the cloud's id and the DMI uuid of its original.
 */
const otherId = (before: MachineRecord, parts: MachineParts): string => {
  const id = instanceIdFrom(parts);
  if (id !== before.instanceId) return id;
  const { cloudId, dmiUuid, macs, machineId } = hardwareOf(parts);
  return createHash('sha256')
    .update(
      ['fleet instance v2', before.instanceId, cloudId, dmiUuid, macs.join(','), machineId].join(
        '\0',
      ),
    )
    .digest('hex')
    .slice(0, 32);
};

/** null: none yet, or garbage. */
const readMachine = (places: Places): MachineRecord | null => {
  const file = readSmallFile(places.machine, 16 * 1024);
  const shape = new Shape(file !== null && 'text' in file ? parseJson(file.text) : undefined);
  const macs = shape.list('macs', macsLimit);
  const record: MachineRecord = {
    format: 1,
    instanceId: shape.text('instanceId', 128, wordPattern),
    cloudId: shape.text('cloudId', textLimit),
    dmiUuid: shape.text('dmiUuid', 36),
    macs: macs.map(String),
    machineId: shape.text('machineId', textLimit),
    ...(shape.has('changed') ? { changed: shape.text('changed', 1024) } : {}),
  };
  const isSound =
    shape.fault === null &&
    shape.value('format') === 1 &&
    macs.every((mac) => typeof mac === 'string' && mac.length <= 17);
  return isSound ? record : null;
};

/** The machine as it is now, held against the record. Needs root. */
export const lookAtMachine = (places: Places): MachineRecord =>
  judgeMachine(readMachine(places), readMachineParts(places.root));

/**
 * Keeps what {@link lookAtMachine} found, for later boots. Best effort: what is not kept is found
 * again. Not where the machine is another one than at its boot
 * (a resumed copy): that is for the next boot to judge. One caller at a time.
 */
export const keepMachine = (places: Places, machine: MachineRecord): void => {
  if (readBootInstanceId(places) !== machine.instanceId) return;
  const text = `${JSON.stringify(machine)}\n`;
  const kept = readSmallFile(places.machine, 16 * 1024);
  if (kept !== null && 'text' in kept && kept.text === text) return;
  try {
    writeDurably(places.machine, text, 0o600);
  } catch {
    return;
  }
};

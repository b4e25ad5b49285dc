import { uptime } from 'node:os';
import type {
  AnnouncementRecord,
  BootVerdict,
  ContactRecord,
  HostConfig,
  JudgedClaim,
} from '../protocol/host.ts';
import { readSmallFile } from './durable-file.ts';
import { keyIdPattern, parseJson, Shape, wordPattern } from './json-shape.ts';
import { parseFleetHost, parseListed } from './parse-listed.ts';
import type { Places } from './places.ts';

/** This boot's id from the kernel; null where /proc does not show it (a sandbox). */
export const readBootId = (path = '/proc/sys/kernel/random/boot_id'): string | null => {
  const file = readSmallFile(path, 256);
  const text = file !== null && 'text' in file ? file.text.trim() : '';
  return wordPattern.test(text) ? text : null;
};

/** Milliseconds since boot, suspended time included (CLOCK_BOOTTIME). */
export const bootMs = (): number => Math.round(uptime() * 1000);

/** A verdict or a contact lists the claims of its host, about 120 bytes each. */
const recordLimitBytes = 4 * 1024 * 1024;

const readJson = (path: string): unknown => {
  const file = readSmallFile(path, recordLimitBytes);
  return file !== null && 'text' in file ? parseJson(file.text) : undefined;
};

/** null: missing or not what `fleet init` writes. */
export const readHostConfig = (places: Places): HostConfig | null => {
  const shape = new Shape(readJson(places.hostConfig));
  const config: HostConfig = {
    format: 1,
    fleet: shape.text('fleet', 128),
    host: shape.text('host', 128),
    holdAfterMs: shape.number('holdAfterMs', 0, Number.MAX_SAFE_INTEGER),
    requireClockSync: shape.flag('requireClockSync'),
    settleMs: shape.number('settleMs', 0, 3_600_000),
    settleUncleanMs: shape.number('settleUncleanMs', 0, 3_600_000),
  };
  return shape.fault === null && shape.value('format') === 1 ? config : null;
};

/**
 * The verdict of the hold oneshot, of whatever boot; compare `bootId`. null: missing or garbage.
 */
export const readBootVerdict = (places: Places): BootVerdict | null => {
  const shape = new Shape(readJson(places.bootVerdict));
  const verdict: BootVerdict = {
    format: 1,
    bootId: shape.text('bootId', 128, wordPattern),
    verdict: shape.oneOf('verdict', ['hold', 'run']),
    reasons: shape.list('reasons', 32).map(String),
    decidedAt: shape.text('decidedAt', 40),
    ...(shape.has('claims') ? { claims: readList(shape, 'claims', readJudged) } : {}),
  };
  return shape.fault === null && shape.value('format') === 1 ? verdict : null;
};

/**
 * null: the authority has never been in contact in a way that names claims (an earlier release), or
 * the record is garbage.
 */
export const readContact = (places: Places): ContactRecord | null => {
  const shape = new Shape(readJson(places.contact));
  const contact: ContactRecord = {
    format: 2,
    bootId: shape.text('bootId', 128, wordPattern),
    wallMs: shape.number('wallMs', 0, Number.MAX_SAFE_INTEGER),
    bootMs: shape.number('bootMs', 0, Number.MAX_SAFE_INTEGER),
    holdAfterMs: shape.number('holdAfterMs', 0, Number.MAX_SAFE_INTEGER),
    holdGapMs: shape.number('holdGapMs', 0, Number.MAX_SAFE_INTEGER),
    authorityId: shape.text('authorityId', 128, wordPattern),
    serial: shape.integer('serial', 1, Number.MAX_SAFE_INTEGER),
    revision: shape.integer('revision', 1, Number.MAX_SAFE_INTEGER),
    claims: readList(shape, 'claims', parseListed),
    isWhole: shape.flag('isWhole'),
    ...(shape.has('hosts') ? { hosts: readList(shape, 'hosts', parseFleetHost) } : {}),
  };
  return shape.fault === null && shape.value('format') === 2 ? contact : null;
};

/** null: no reboot was ever announced, or the record is garbage. */
export const readAnnouncement = (places: Places): AnnouncementRecord | null => {
  const shape = new Shape(readJson(places.announcement));
  const announcement: AnnouncementRecord = {
    format: 1,
    id: shape.text('id', 128, wordPattern),
    authorityId: shape.text('authorityId', 128, wordPattern),
    bootId: shape.text('bootId', 128, wordPattern),
    untilMs: shape.number('untilMs', 0, Number.MAX_SAFE_INTEGER),
    usedBy: shape.value('usedBy') === null ? null : shape.text('usedBy', 128, wordPattern),
  };
  return shape.fault === null && shape.value('format') === 1 ? announcement : null;
};

const readJudged = (entry: Shape): JudgedClaim => ({
  keyId: entry.text('keyId', 32, keyIdPattern),
  epoch: entry.integer('epoch', 1, Number.MAX_SAFE_INTEGER),
  isHeld: entry.flag('isHeld'),
});

/** A mistake in one entry is a mistake of the whole record. */
const readList = <T>(shape: Shape, key: string, read: (entry: Shape) => T): readonly T[] =>
  shape.list(key, 20_000).map((value) => {
    const entry = new Shape(value);
    const parsed = read(entry);
    shape.fault ??= entry.fault;
    return parsed;
  });

/** The instance id that the hold oneshot computed as root at boot; null before it ran. */
export const readBootInstanceId = (places: Places): string | null => {
  const file = readSmallFile(places.bootInstanceId, 256);
  const text = file !== null && 'text' in file ? file.text.trim() : '';
  return wordPattern.test(text) ? text : null;
};

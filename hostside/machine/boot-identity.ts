import { createHash, randomUUID } from 'node:crypto';
import { linkSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bootMs, readBootId, readBootVerdict } from './boot.ts';
import { errorCode, readSmallFile } from './durable-file.ts';
import { parseJson, Shape, wordPattern } from './json-shape.ts';
import type { Places } from './places.ts';

interface Identity {
  readonly kernel: string;
  readonly initStart: string;
  readonly id: string;
}

/**
 * What tells one boot from another, also where the kernel's boot id does not (docs/exclusivity.md,
 * row 42): a container that restarts keeps that one, but
 * its first process and its /run are new. Made by whoever asks first in a boot, as root; later
 * callers read it. Boots in which an earlier release has given
 * its verdict already keep the kernel's id, under which their claims were granted. null: the kernel
 * shows no boot id. Throws what the file system throws.
 */
export const bootIdentity = (places: Places): string | null => {
  const kernel = readBootId();
  if (kernel === null) return null;
  const initStart = startOfInit(places.root);
  const standing = readIdentity(places);
  if (standing !== null && standing.kernel === kernel && standing.initStart === initStart)
    return standing.id;
  const isUpgraded = standing === null && readBootVerdict(places)?.bootId === kernel;
  const id = isUpgraded ? kernel : digest([kernel, initStart, randomUUID()]);
  if (standing !== null) rmSync(places.bootIdentity, { force: true });
  publish(places, { kernel, initStart, id });
  return readIdentity(places)?.id ?? id;
};

const digest = (parts: readonly string[]): string =>
  createHash('sha256')
    .update(['fleet boot v1', ...parts].join('\0'))
    .digest('hex')
    .slice(0, 32);

/** `USER_HZ`, the same on every architecture that fleet knows. */
const ticksPerSecond = 100;

/**
 * When this boot began, as `Date.now` counts: that of a container begins with its first process,
 * long after its kernel.
 */
export const bootedAtMs = (root: string): number =>
  Date.now() - bootMs() + (Number(startOfInit(root)) / ticksPerSecond) * 1000;

/**
 * Clock ticks between the kernel's start and that of process 1, field 22; '' where /proc does not
 * tell. Its name may hold blanks and brackets.
 */
const startOfInit = (root: string): string => {
  const file = readSmallFile(join(root, 'proc/1/stat'), 4096);
  const text = file !== null && 'text' in file ? file.text : '';
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? '';
};

const readIdentity = (places: Places): Identity | null => {
  const file = readSmallFile(places.bootIdentity, 4096);
  const shape = new Shape(file !== null && 'text' in file ? parseJson(file.text) : undefined);
  const identity = {
    kernel: shape.text('kernel', 128),
    initStart: shape.text('initStart', 32),
    id: shape.text('id', 128, wordPattern),
  };
  return shape.fault === null ? identity : null;
};

/** Of two that ask at the same time the first one counts: a name is given once. */
const publish = (places: Places, identity: Identity): void => {
  mkdirSync(dirname(places.bootIdentity), { recursive: true, mode: 0o755 });
  const draft = `${places.bootIdentity}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(identity), { mode: 0o644 });
  try {
    linkSync(draft, places.bootIdentity);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  } finally {
    rmSync(draft, { force: true });
  }
};

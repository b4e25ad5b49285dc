import { parseHead } from '../claims/authority.ts';
import { successorPattern, vaultHashPattern } from '../claims/parse-claim.ts';
import { parseContactOffer } from '../claims/roster.ts';
import {
  accountPattern,
  keyIdPattern,
  Shape,
  sha256Pattern,
  wordPattern,
} from '../machine/json-shape.ts';
import { epochLimit } from '../protocol/claim.ts';
import type {
  AccountFiles,
  AccountUnitLimits,
  AuthorityStamp,
  HostAct,
  HostRequest,
} from '../protocol/host-acts.ts';
import { longestLingerMs } from '../protocol/linger.ts';
import { workerCommandPattern } from '../protocol/worker.ts';

/** Largest request in bytes: a thousand staged sessions with room to spare. */
export const requestLimitBytes = 16 * 1024 * 1024;
const actsLimit = 1000;
const textLimit = 256 * 1024;

/**
 * A request from parsed JSON, or what is wrong with it and where. Faults name fields, never values:
 * a field may hold a session.
 */
export const parseRequest = (
  value: unknown,
): { readonly request: HostRequest } | { readonly fault: string } => {
  const shape = new Shape(value);
  const list = shape.list('acts', actsLimit);
  if (shape.fault !== null) return { fault: shape.fault };
  const format = shape.value('format');
  if (format !== 1 && format !== 2)
    return { fault: 'this helper understands requests of format 1 and 2' };
  const acts: HostAct[] = [];
  for (const [index, entry] of list.entries()) {
    const parsed = parseAct(entry);
    if ('fault' in parsed) return { fault: `act ${index}: ${parsed.fault}` };
    acts.push(parsed.act);
  }
  if (!shape.has('authority')) return { request: { format, acts } };
  const stamp = parseStamp(shape.value('authority'));
  return 'fault' in stamp
    ? { fault: `authority: ${stamp.fault}` }
    : { request: { format, authority: stamp.stamp, acts } };
};

const parseStamp = (
  value: unknown,
): { readonly stamp: AuthorityStamp } | { readonly fault: string } => {
  const shape = new Shape(value);
  const stamp: AuthorityStamp = {
    id: shape.text('id', 128, wordPattern),
    serial: shape.integer('serial', 1, Number.MAX_SAFE_INTEGER),
    nonce: shape.text('nonce', 128, wordPattern),
    deadlineMs: shape.number('deadlineMs', 0, 24 * 3_600_000),
    takeOver: shape.has('takeOver') && shape.flag('takeOver'),
  };
  if (shape.fault !== null) return { fault: shape.fault };
  const told = shape.has('history') ? readHistory(shape.value('history')) : {};
  if (told === null) return { fault: 'field "history" has a wrong value' };
  if (!shape.has('contact')) return { stamp: { ...stamp, ...told } };
  const offer = parseContactOffer(shape.value('contact'));
  return 'fault' in offer
    ? { fault: `contact: ${offer.fault}` }
    : { stamp: { ...stamp, ...told, contact: offer.contact } };
};

const readHistory = (value: unknown): Pick<AuthorityStamp, 'history'> | null => {
  const head = parseHead(value);
  const shape = new Shape(value);
  return head === null
    ? null
    : { history: { ...head, isNew: shape.has('isNew') && shape.flag('isNew') } };
};

const parseAct = (value: unknown): { readonly act: HostAct } | { readonly fault: string } => {
  const shape = new Shape(value);
  const kinds = [
    'survey',
    'contact',
    'announce',
    'stage',
    'restage',
    'configure',
    'grant',
    'release',
    'weigh-state',
    'copy-state',
    'read-state',
    'put-state',
    'wipe',
    'revoke',
    'stop',
    'start',
    'await',
  ] as const;
  const kind = shape.oneOf('act', kinds);
  if (shape.fault !== null) return { fault: shape.fault };
  const act = readAct(kind, shape);
  return shape.fault === null ? { act } : { fault: `${kind}: ${shape.fault}` };
};

const readAct = (act: HostAct['act'], shape: Shape): HostAct => {
  const keyId = (): string => shape.text('keyId', 32, keyIdPattern);
  const epoch = (): number => shape.integer('epoch', 1, epochLimit);
  const moveId = (): string => shape.text('moveId', 128, wordPattern);
  const account = (): string => shape.text('account', 63, accountPattern);
  switch (act) {
    case 'survey':
    case 'contact':
      return { act };
    case 'announce':
      return {
        act,
        id: shape.text('id', 128, wordPattern),
        untilMs: shape.number('untilMs', 0, Number.MAX_SAFE_INTEGER),
      };
    case 'stage':
      return {
        act,
        ...readFiles(shape),
        keyId: keyId(),
        account: account(),
        epoch: epoch(),
        moveId: moveId(),
      };
    case 'restage':
      return { act, ...readFiles(shape), keyId: keyId(), account: account(), epoch: epoch() };
    case 'configure':
      return {
        act,
        keyId: keyId(),
        account: account(),
        behaviour: shape.text('behaviour', textLimit, /^\{/),
      };
    case 'grant':
      return {
        act,
        keyId: keyId(),
        account: account(),
        epoch: epoch(),
        moveId: moveId(),
        vaultHash: shape.text('vaultHash', 64, vaultHashPattern),
        ...(shape.has('stateHash')
          ? { stateHash: shape.text('stateHash', 64, sha256Pattern) }
          : {}),
        ...(shape.has('idle') ? { idle: shape.flag('idle') } : {}),
      };
    case 'release':
      return {
        act,
        keyId: keyId(),
        moveId: moveId(),
        epoch: epoch(),
        successor: shape.text('successor', 63, successorPattern),
      };
    case 'weigh-state':
    case 'copy-state':
    case 'read-state':
    case 'put-state':
      return readStateAct(act, shape);
    case 'wipe':
      return { act, keyId: keyId(), epoch: epoch() };
    case 'revoke':
      return {
        ...{ act, keyId: keyId(), account: account(), epoch: epoch(), moveId: moveId() },
        ...(shape.has('settle') ? { settle: shape.flag('settle') } : {}),
      };
    case 'stop':
    case 'start':
      return { act, keyId: keyId() };
    case 'await':
      return { act, keyIds: readKeyIds(shape), timeoutMs: shape.number('timeoutMs', 0, 3_600_000) };
  }
};

/** A former owner's state is weighed, copied, read in parts and put where it is needed. */
const readStateAct = (act: Extract<HostAct['act'], `${string}-state`>, shape: Shape): HostAct => {
  const keyId = (): string => shape.text('keyId', 32, keyIdPattern);
  const epoch = (): number => shape.integer('epoch', 1, epochLimit);
  const moveId = (): string => shape.text('moveId', 128, wordPattern);
  switch (act) {
    case 'weigh-state':
      return { act, keyId: keyId() };
    case 'copy-state':
      return {
        act,
        keyId: keyId(),
        epoch: epoch(),
        ...(shape.has('unless') ? { unless: shape.text('unless', 64, sha256Pattern) } : {}),
      };
    case 'read-state':
      return {
        act,
        keyId: keyId(),
        epoch: epoch(),
        moveId: moveId(),
        part: shape.integer('part', 0, 1000),
      };
    case 'put-state':
      return {
        act,
        keyId: keyId(),
        epoch: epoch(),
        moveId: moveId(),
        archive: shape.text('archive', requestLimitBytes, /^[A-Za-z0-9+/]*=*$/),
      };
  }
};

const readFiles = (shape: Shape): AccountFiles => ({
  session: shape.text('session', textLimit, /./),
  config: shape.text('config', textLimit, /./),
  limits: readLimits(shape),
  ...(shape.has('command') ? { command: shape.text('command', 1024, workerCommandPattern) } : {}),
  ...(shape.has('lingerMs') ? { lingerMs: shape.integer('lingerMs', 0, longestLingerMs) } : {}),
});

const readLimits = (shape: Shape): AccountUnitLimits => {
  const inner = new Shape(shape.value('limits'));
  const limits: AccountUnitLimits = {
    memoryMaxBytes: inner.integer('memoryMaxBytes', 1, Number.MAX_SAFE_INTEGER),
    memoryHighBytes: inner.integer('memoryHighBytes', 1, Number.MAX_SAFE_INTEGER),
    cpuMaxCores: inner.number('cpuMaxCores', 0.01, 4096),
    tasksMax: inner.integer('tasksMax', 1, 4_194_304),
    ...(inner.has('diskMaxBytes')
      ? { diskMaxBytes: inner.integer('diskMaxBytes', 1, Number.MAX_SAFE_INTEGER) }
      : {}),
    ...(inner.has('filesMax') ? { filesMax: inner.integer('filesMax', 1, 4_194_304) } : {}),
    ...(inner.has('logMax') ? { logMax: inner.integer('logMax', 1, 1_000_000) } : {}),
  };
  if (inner.fault !== null) shape.fault ??= `limits: ${inner.fault}`;
  return limits;
};

const readKeyIds = (shape: Shape): readonly string[] => {
  const keyIds = shape
    .list('keyIds', actsLimit)
    .filter((entry): entry is string => typeof entry === 'string' && keyIdPattern.test(entry));
  if (keyIds.length !== shape.list('keyIds', actsLimit).length)
    shape.fault ??= 'field "keyIds" has a wrong value';
  return keyIds;
};

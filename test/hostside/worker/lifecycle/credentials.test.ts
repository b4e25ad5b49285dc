import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StringSession } from 'telegram/sessions/index.js';
import { expect, test } from 'vitest';
import {
  parseConfig,
  parseSession,
  readCredentials,
} from '../../../../hostside/worker/lifecycle/credentials.ts';
import { gramSession } from '../../../dc/clients/gram-session.ts';

const authKey = Buffer.alloc(256, 7);
const session = { dcId: 2, address: '149.154.167.51', authKey };
const config = {
  ...{
    format: 1,
    apiId: 4711,
    apiHash: 'hash-canary',
    deviceModel: 'PC',
    systemVersion: '1',
    appVersion: '2',
    langCode: 'en',
  },
  ...{ logLevel: 'info', healthIntervalMs: 60_000 },
};

test.each([
  session,
  { ...session, dcId: 5, address: '91.108.56.130' },
  { ...session, address: '2001:67c:4e8:f002::a' },
])('reads back %j as the library does', (parts) => {
  const text = gramSession(parts);
  expect(parseSession(`${text}\n`)).toEqual({ value: parts });
  const theirs = new StringSession(text);
  expect([theirs.dcId, theirs.serverAddress, theirs.port]).toEqual([parts.dcId, parts.address, 80]);
});

const base64Of = (bytes: Buffer): string => `1${bytes.toString('base64')}`;
const goodBytes = Buffer.from(gramSession(session).slice(1), 'base64');

test.each<[string, string]>([
  ['', 'not a GramJS session string'],
  ['hello', 'not a GramJS session string'],
  [gramSession(session).replace(/^1/, '2'), 'not a GramJS session string'],
  ['1AAAA', 'wrong length'],
  [base64Of(goodBytes.subarray(0, -1)), 'wrong length'],
  [base64Of(Buffer.concat([goodBytes, Buffer.from([0])])), 'wrong length'],
  [gramSession({ ...session, dcId: 0 }), 'no data centre'],
  [gramSession({ ...session, dcId: 6 }), 'no data centre'],
  [gramSession({ ...session, address: 'telegram.org' }), 'no IP address'],
])('refuses the session %#', (text, fault) => {
  expect(parseSession(text)).toEqual({ fault: expect.stringContaining(fault) });
});

test.each<[Record<string, unknown>, string]>([
  [{ apiId: '4711' }, '"apiId"'],
  [{ apiId: 0 }, '"apiId"'],
  [{ apiHash: '' }, '"apiHash"'],
  [{ deviceModel: undefined }, '"deviceModel" is missing'],
  [{ logLevel: 'loud' }, '"logLevel"'],
  [{ healthIntervalMs: 1 }, '"healthIntervalMs"'],
  [{ format: 2 }, '"format"'],
])('refuses the config %j and does not repeat what it holds', (change, fault) => {
  const parsed = parseConfig(JSON.stringify({ ...config, ...change }));
  expect(parsed).toEqual({ fault: expect.stringContaining(fault) });
  expect(JSON.stringify(parsed)).not.toContain('hash-canary');
});

test('a field of tomorrow is no mistake', () => {
  expect(parseConfig(JSON.stringify({ ...config, proxy: 'later' }))).toEqual({ value: config });
});

test('both files, and what is missing by name', () => {
  const directory = mkdtempSync(join(tmpdir(), 'fleet-credentials-'));
  expect(readCredentials(undefined)).toEqual({
    fault: expect.stringContaining('CREDENTIALS_DIRECTORY'),
  });
  expect(readCredentials(directory)).toEqual({ fault: 'there is no credential session' });
  writeFileSync(join(directory, 'session'), gramSession(session));
  expect(readCredentials(directory)).toEqual({ fault: 'there is no credential config' });
  writeFileSync(join(directory, 'config'), JSON.stringify(config));
  expect(readCredentials(directory)).toMatchObject({
    value: { config, telegram: { ...session, apiId: 4711, apiHash: 'hash-canary' } },
  });
});

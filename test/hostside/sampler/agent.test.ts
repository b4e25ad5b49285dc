import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { readClaim, writeClaim } from '../../../hostside/claims/claim-file.ts';
import { parseShow } from '../../../hostside/helper/units.ts';
import type { Places } from '../../../hostside/machine/places.ts';
import { plainText } from '../../../hostside/machine/plain-text.ts';
import { parseUnits, readStatus } from '../../../hostside/sampler/account-looks.ts';
import {
  parseCpu,
  parseLoad,
  parseMemory,
  parseOsName,
  parsePressure,
  parseTimesyncOffset,
} from '../../../hostside/sampler/proc.ts';
import { Sampler } from '../../../hostside/sampler/sampler.ts';
import { WindowedCounter } from '../../../hostside/sampler/windows.ts';
import { claimOf, keyId, scratchPlaces } from '../claims/claim-fixtures.ts';

const sound = {
  ...{
    format: 1,
    state: 'online',
    since: '2026-01-01T00:00:00Z',
    reason: '',
    updatedAt: '2026-01-01T00:00:00Z',
    userId: '42',
  },
  ...{ until: null, latencyMs: 31.5, counters: { reconnects: 2 } },
};

const statusPath = (places: Places): string => join(places.accountRuntime, keyId, 'status.json');

describe('whatever a worker writes as its status', () => {
  const read = (make: (path: string) => void) => {
    const path = statusPath(scratchPlaces());
    mkdirSync(dirname(path));
    make(path);
    return readStatus(path);
  };

  test('a sound one is read, unknown fields are dropped', () => {
    expect(read((path) => writeFileSync(path, JSON.stringify({ ...sound, more: 1 })))).toEqual({
      status: sound,
      statusFault: null,
    });
    expect(read(() => undefined)).toEqual({ status: null, statusFault: null });
  });

  test.each<[string, (path: string) => void, RegExp]>([
    ['nothing in it', (path) => writeFileSync(path, ''), /not an object/],
    ['cut off', (path) => writeFileSync(path, JSON.stringify(sound).slice(0, 40)), /not an object/],
    ['a list', (path) => writeFileSync(path, '[]'), /not an object/],
    ['bytes', (path) => writeFileSync(path, Buffer.alloc(1000, 0xff)), /not an object/],
    [
      'another format',
      (path) => writeFileSync(path, JSON.stringify({ ...sound, format: 2 })),
      /format/,
    ],
    [
      'an unknown state',
      (path) => writeFileSync(path, JSON.stringify({ ...sound, state: 'happy' })),
      /state/,
    ],
    [
      'counters of text',
      (path) => writeFileSync(path, JSON.stringify({ ...sound, counters: { a: 'b' } })),
      /counters/,
    ],
    [
      'a latency of infinity',
      (path) => writeFileSync(path, JSON.stringify(sound).replace('31.5', '1e999')),
      /latencyMs/,
    ],
    ['64 KiB and one byte', (path) => writeFileSync(path, ' '.repeat(65_537)), /larger/],
    ['a link to an endless device', (path) => symlinkSync('/dev/zero', path), /symbolic link/],
    ['a FIFO', (path) => void spawnSync('mkfifo', [path]), /not a regular file/],
    ['a directory', (path) => mkdirSync(path), /not a regular file/],
  ])('%s', (_name, make, fault) => {
    expect(read(make)).toEqual({ status: null, statusFault: expect.stringMatching(fault) });
  });
});

describe('kernel texts', () => {
  test('cpu, memory, pressure, load, os, clock', () => {
    expect(
      parseCpu(
        'cpu  10 0 20 60 10 0 0 0 5 0\ncpu0 5 0 10 30 5 0 0 0\ncpu1 5 0 10 30 5 0 0 0\nintr 1\n',
      ),
    ).toEqual({
      busy: 30,
      total: 100,
      cores: 2,
    });
    expect(parseMemory('MemTotal:  1000 kB\nMemAvailable:   400 kB\nSwapTotal: 0 kB\n')).toEqual({
      ...{ totalBytes: 1_024_000, availableBytes: 409_600, swapTotalBytes: 0, swapFreeBytes: 0 },
    });
    expect([
      parsePressure('some avg10=12.50 avg60=0.00 avg300=0.00 total=1\nfull avg10=1.00'),
      parsePressure(''),
    ]).toEqual([0.125, null]);
    expect(parseLoad('0.52 0.58 0.59 1/389 12345\n')).toEqual([0.52, 0.58, 0.59]);
    expect([parseOsName('NAME=x\nPRETTY_NAME="Debian GNU/Linux 12"\n'), parseOsName('')]).toEqual([
      'Debian GNU/Linux 12',
      'unknown',
    ]);
    // As systemd 252 and 257 write them.
    const offsets: readonly (readonly [string, number | null])[] = [
      ['   Offset: -1.5ms\n', -1.5],
      ['Offset: +300us', 0.3],
      ['Offset: +300µs', 0.3],
      ['       Offset: +1min 40.001049s\n        Delay: 3.079ms', 100_001.049],
      ['Offset: -1h 2min 3.5s', -3_723_500],
      ['Offset: +1y 2month 3d', 31_557_600_000 + 2 * 2_629_800_000 + 3 * 86_400_000],
      ['Offset: 0\n', 0],
      ['Offset: n/a', null],
      ['Offset: 5 parsecs', null],
      ['none', null],
    ];
    for (const [text, ms] of offsets)
      expect([text, parseTimesyncOffset(text)]).toEqual([
        text,
        ms === null ? null : expect.closeTo(ms, 3),
      ]);
  });
});

describe('windows', () => {
  const fill = (minutes: number, busy: (atS: number) => number) => {
    const counter = new WindowedCounter();
    let used = 0;
    for (let atS = 0; atS <= minutes * 60; atS += 15) {
      counter.add({ atMs: atS * 1000, used, available: atS * 2 });
      used += busy(atS) * 30;
    }
    return counter.windows();
  };

  test('are null until that much time was seen, then average over it', () => {
    expect(fill(0, () => 1)).toEqual({ m1: null, m5: null, m15: null });
    expect(fill(1, () => 0.5)).toEqual({ m1: 0.5, m5: null, m15: null });
    expect(fill(14, () => 0.5)).toEqual({ m1: 0.5, m5: 0.5, m15: null });
    const { m1, m5, m15 } = fill(40, (atS) => (atS >= 39 * 60 ? 1 : 0));
    expect([m1, m5, m15]).toEqual([1, expect.closeTo(0.2), expect.closeTo(1 / 15)]);
  });

  test('begin anew when the counter falls', () => {
    const counter = new WindowedCounter();
    for (let atS = 0; atS <= 120; atS += 15)
      counter.add({ atMs: atS * 1000, used: atS, available: atS });
    counter.add({ atMs: 135_000, used: 1, available: 135 });
    expect(counter.windows().m1).toBeNull();
  });
});

const showOutput = [
  `Id=fleet-account@${keyId}` +
    '.service\nLoadState=loaded\nActiveState=failed\nSubState=failed\nKillMode=control-group\nSendSIGKILL=yes',
  'ControlGroup=\nUID=4294967295\nFreezerState=running\nNRestarts=4\nExecMainStatus=77\nExecMainExitTimestampMonotonic=5',
  'CPUUsageNSec=[not set]\nMemoryCurrent=18446744073709551615\nStatusText=gate: ' +
    'a=b\n\nId=ssh.service\nActiveState=active\n',
].join('\n');

test('words of a worker are bounded, and nothing in them moves a cursor or turns them round', () => {
  expect(plainText('a\u001b]52;c;x\u0007\n::error::b\u202ec\u2028\u200f é 日本 👍', 1024)).toBe(
    'a\\u{1b}]52;c;x\\u{7}\\u{a}::error::b\\u{202e}c\\u{2028}\\u{200f} é 日本 👍',
  );
  expect(plainText('\u001b'.repeat(500), 512)).toHaveLength(512);
});

test('output of systemctl show', () => {
  expect([...parseUnits(showOutput)]).toEqual([
    [
      keyId,
      {
        cpuNs: null,
        controlGroup: '',
        memoryBytes: null,
        unit: {
          activeState: 'failed',
          subState: 'failed',
          restarts: 4,
          exitStatus: 77,
          statusText: 'gate: a=b',
        },
      },
    ],
  ]);
  expect(parseShow(showOutput).get(keyId)).toMatchObject({
    isLoaded: true,
    uid: null,
    isFrozen: false,
    exitStatus: 77,
    sendSigkill: true,
    controlGroup: '',
  });
});

test('a sample names accounts of claims and of units, sorted, and is about this machine', async () => {
  const places = scratchPlaces();
  const other = 'f'.repeat(32);
  writeClaim(places, readClaim(places, keyId), claimOf());
  const unit = {
    activeState: 'active',
    subState: 'running',
    restarts: 1,
    exitStatus: null,
    statusText: '',
  };
  const units = new Map([[other, { unit, cpuNs: 5e9, memoryBytes: 7, controlGroup: '' }]]);
  const sampler = new Sampler({
    places,
    readUnits: async () => units,
    readClock: async () => ({ synchronized: true, offsetMs: 1 }),
  });
  await sampler.look();
  const sample = await sampler.sample();
  expect(sample).toMatchObject({
    protocol: 2,
    clock: { synchronized: true, offsetMs: 1 },
    bootVerdict: null,
  });
  expect(sample.accounts).toMatchObject([
    { keyId, account: 'anna', claim: { state: 'active', epoch: 3 }, status: null },
    { keyId: other, account: '', claim: null, memoryBytes: 7, unit },
  ]);
  expect(sample.memory.totalBytes).toBe(
    parseMemory(readFileSync('/proc/meminfo', 'utf8')).totalBytes,
  );
  expect(sample.disk.totalBytes).toBeGreaterThan(0);
});

const get = (socketPath: string, path: string): Promise<{ status: number; body: unknown }> =>
  new Promise((done, fail) => {
    const outgoing = request({ socketPath, path, agent: false }, async (response) => {
      let text = '';
      for await (const chunk of response) text += String(chunk);
      const isJson = response.headers['content-type'] === 'application/json';
      done({ status: response.statusCode ?? 0, body: isJson ? JSON.parse(text) : text });
    });
    outgoing.once('error', fail);
    outgoing.end();
  });

test('the agent as a program: answers on its socket, ends on SIGTERM', async () => {
  const places = scratchPlaces();
  mkdirSync(dirname(places.agentSocket), { recursive: true });
  const agent = spawn(process.execPath, [resolve('hostside/sampler/main.ts')], {
    env: { ...process.env, FLEET_ROOT: places.root },
    stdio: 'ignore',
  });
  const ended = new Promise((done) => agent.once('exit', done));
  for (let tries = 0; tries < 100; tries += 1) {
    if (
      await get(places.agentSocket, '/health').then(
        () => true,
        () => false,
      )
    )
      break;
    await sleep(100);
  }
  expect(await get(places.agentSocket, '/health')).toEqual({
    status: 200,
    body: { ok: true, protocol: 2 },
  });
  expect(await get(places.agentSocket, '/sample')).toMatchObject({
    status: 200,
    body: { protocol: 2, accounts: [] },
  });
  expect(await get(places.agentSocket, '/metrics')).toMatchObject({
    status: 200,
    body: expect.stringContaining('# TYPE fleet_host_info gauge'),
  });
  expect(await get(places.agentSocket, '/etc/passwd')).toMatchObject({ status: 404 });
  // Connections that ask nothing: whoever comes next puts the oldest of them out.
  const idle = Array.from({ length: 200 }, () =>
    connect(places.agentSocket).on('error', () => undefined),
  );
  await Promise.all(idle.map((socket) => new Promise((done) => socket.once('connect', done))));
  expect(await get(places.agentSocket, '/sample')).toMatchObject({ status: 200 });
  for (const socket of idle) socket.destroy();
  // Busy for ever: they ask and never read the answers.
  const question = 'GET /sample HTTP/1.1\r\nhost: agent\r\n\r\n'.repeat(1_000);
  const deaf = Array.from({ length: 70 }, () =>
    connect(places.agentSocket)
      .on('error', () => undefined)
      .pause(),
  );
  await Promise.all(deaf.map((socket) => new Promise((done) => socket.once('connect', done))));
  for (const socket of deaf) socket.write(question);
  await sleep(2_000);
  expect(
    await Promise.race([get(places.agentSocket, '/health'), sleep(20_000).then(() => 'no answer')]),
  ).toMatchObject({ status: 200 });
  for (const socket of deaf) socket.destroy();
  agent.kill('SIGTERM');
  expect(await ended).toBe(0);
});

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { build } from 'esbuild';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readClaim, writeClaim } from '../../../hostside/claims/claim-file.ts';
import {
  decideGate,
  type GateFacts,
  settleWaitMs,
  unmarkedFloorMs,
} from '../../../hostside/gate/decide.ts';
import { markStop } from '../../../hostside/gate/mark-stop.ts';
import {
  isCleanEnd,
  readStartMark,
  readStopMark,
  writeStartMark,
} from '../../../hostside/gate/marks.ts';
import { forgetStandstill } from '../../../hostside/helper/standstill.ts';
import { readBootId } from '../../../hostside/machine/boot.ts';
import { type Places, runLockPath } from '../../../hostside/machine/places.ts';
import type { Claim } from '../../../hostside/protocol/claim.ts';
import { workerExit } from '../../../hostside/protocol/worker.ts';
import { type DataCentre, startDataCentre } from '../../dc/server.ts';
import { claimOf, keyId, scratchPlaces } from '../claims/claim-fixtures.ts';

/** Telegram, for the gate that asks its time. */
let dc: DataCentre;
beforeEach(async () => {
  dc = await startDataCentre();
});
afterEach(() => dc.stop());

const verdict = {
  format: 1,
  bootId: 'boot-1',
  verdict: 'run',
  reasons: [],
  decidedAt: '',
} as const;
const held = { ...verdict, verdict: 'hold', reasons: ['the clock is not synchronised'] } as const;
const base: GateFacts = {
  reading: { claim: claimOf(), fault: null },
  instanceId: 'machine-1',
  verdict,
};
const old = { claim: claimOf({ bootId: 'boot-0' }), fault: null };

test.each<[string, Partial<GateFacts>, RegExp | null]>([
  ['granted in this boot', {}, null],
  ['granted in this boot although it holds', { verdict: held }, null],
  ['granted in an earlier boot, may run', { reading: old }, null],
  [
    'granted in an earlier boot, held',
    { reading: old, verdict: held },
    /held since the boot: the clock/,
  ],
  ['no claim', { reading: { claim: null, fault: null } }, /no claim/],
  [
    'torn, although a sound slot says active',
    { reading: { claim: claimOf(), fault: 'torn' } },
    /torn/,
  ],
  ['newer format', { reading: { claim: null, fault: 'newer-format' } }, /newer-format/],
  ['releasing', { reading: { claim: claimOf({ state: 'releasing' }), fault: null } }, /releasing/],
  ['released', { reading: { claim: claimOf({ state: 'released' }), fault: null } }, /released/],
  ['revoked', { reading: { claim: claimOf({ state: 'revoked' }), fault: null } }, /revoked/],
  ['another machine', { instanceId: 'machine-2' }, /another machine/],
  [
    'judged and free',
    { reading: old, verdict: { ...verdict, claims: [{ keyId, epoch: 3, isHeld: false }] } },
    null,
  ],
  [
    'judged and held beside a free one',
    { reading: old, verdict: { ...held, claims: [{ keyId, epoch: 3, isHeld: true }] } },
    /held since/,
  ],
  [
    'free beside a held one',
    { reading: old, verdict: { ...held, claims: [{ keyId, epoch: 3, isHeld: false }] } },
    null,
  ],
  [
    'not there when the boot was judged',
    { reading: old, verdict: { ...verdict, claims: [] } },
    /not there when/,
  ],
  [
    'judged at another epoch',
    { reading: old, verdict: { ...verdict, claims: [{ keyId, epoch: 2, isHeld: false }] } },
    /not there when/,
  ],
  [
    'held by an earlier boot',
    {
      reading: {
        claim: claimOf({ bootId: 'boot-0', format: 2, heldSince: 'boot-0' }),
        fault: null,
      },
    },
    /until the operator grants/,
  ],
  ['no instance id', { instanceId: null }, /no verdict/],
  ['no verdict', { verdict: null }, /no verdict/],
  [
    'granted in an earlier boot, verdict of a later one',
    { verdict: { ...held, bootId: 'boot-9' } },
    /held/,
  ],
])('gate: %s', (_name, fields, expected) => {
  const refusal = decideGate({ ...base, ...fields });
  if (expected === null) expect(refusal).toBeNull();
  else expect(refusal).toMatch(expected);
});

test.each([
  ['this boot', 'boot-1', true],
  ['an earlier boot, which ended with its machine', 'boot-0', false],
])('what exits cleanly after a start of %s', (_name, bootId, clean) => {
  const places = scratchPlaces();
  const stateDirectory = join(places.accountState, keyId);
  mkdirSync(stateDirectory, { recursive: true });
  mkdirSync(join(places.bootVerdict, '..'), { recursive: true });
  writeFileSync(places.bootVerdict, JSON.stringify(verdict));
  writeStartMark(stateDirectory, { startId: 's', bootId, bootMs: 1 });
  markStop(
    { keyId, places, stateDirectory, runtimeDirectory: stateDirectory },
    { EXIT_CODE: 'exited', EXIT_STATUS: '77' },
  );
  expect(readStopMark(stateDirectory)).toMatchObject({ startId: 's', clean });
});

describe('settle floor', () => {
  const floors = { settleMs: 3000, settleUncleanMs: 30_000 };
  const now = { bootId: 'b', bootMs: 100_000 };
  const start = { startId: 's', bootId: 'b', bootMs: 50_000, lingerMs: 25_000 };
  const stop = { ...start, bootMs: 99_000, clean: true };
  test.each([
    ['never ran here', null, null, 0],
    ['clean, a second ago', start, stop, 2000],
    ['clean, long ago', start, { ...stop, bootMs: 60_000 }, 0],
    ['unclean, a second ago', start, { ...stop, clean: false }, 29_000],
    ['no stop mark', start, null, 30_000],
    ['the stop mark of an earlier run', start, { ...stop, startId: 'r' }, 30_000],
    ['garbage', 'unreadable', stop, 80_000],
    ['garbage stop', start, 'unreadable', 30_000],
    [
      'a run of an older release, which asked for 75 s',
      { startId: 's', bootId: 'b', bootMs: 50_000 },
      null,
      80_000,
    ],
    [
      'a worker that Telegram may count for five minutes',
      { ...start, lingerMs: 300_000 },
      null,
      300_000,
    ],
    [
      'the same, which ended uncleanly a second ago',
      { ...start, lingerMs: 300_000 },
      { ...stop, clean: false },
      299_000,
    ],
    ['the same, which ended cleanly', { ...start, lingerMs: 300_000 }, stop, 2000],
    ['clean in an earlier boot', start, { ...stop, bootId: 'a' }, 3000],
    ['a stop in the future', start, { ...stop, bootMs: 900_000 }, 3000],
  ] as const)('%s', (_name, started, stopped, expected) => {
    expect(settleWaitMs(started, stopped, floors, now)).toBe(expected);
  });

  test.each([
    ['the first claim ever, of this boot', { epoch: 1, bootId: 'b' }, 4_000, 0],
    ['a claim of an earlier boot, whose marks are gone', { epoch: 1, bootId: 'a' }, 4_000, 30_000],
    ['a claim that was made anew in this boot', { epoch: 2, bootId: 'b' }, 4_000, 26_000],
    ['the same, long after the start of the machine', { epoch: 2, bootId: 'b' }, 31_000, 0],
  ] as const)('no mark: %s', (_name, claim, bootMs, expected) => {
    const unmarkedMs = unmarkedFloorMs(claim, { bootId: 'b', bootMs }, floors, 25_000);
    expect(settleWaitMs(null, null, floors, now, unmarkedMs)).toBe(expected);
  });
});

test('only an end by the contract is clean', () => {
  expect(isCleanEnd('exited', '0')).toBe(true);
  expect(isCleanEnd('exited', '66')).toBe(true);
  expect(isCleanEnd('exited', '1')).toBe(false);
  expect(isCleanEnd('killed', 'KILL')).toBe(false);
  expect(isCleanEnd(undefined, undefined)).toBe(false);
});

/** A release with the real wrapper, the real gate (bundled) and this Node. */
const installRelease = async (places: Places): Promise<string> => {
  const release = join(places.root, 'release');
  for (const path of ['bin', 'lib', 'runtime/bin'])
    mkdirSync(join(release, path), { recursive: true });
  copyFileSync(resolve('templates/bin/fleet-run'), join(release, 'bin/fleet-run'));
  symlinkSync(process.execPath, join(release, 'runtime/bin/node'));
  const options = {
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node24',
    logLevel: 'error',
  } as const;
  await build({
    ...options,
    entryPoints: ['hostside/gate/main.ts'],
    outfile: join(release, 'lib/gate.cjs'),
  });
  return join(release, 'bin/fleet-run');
};

interface WrapperRun {
  readonly status: number | null;
  readonly stderr: string;
  readonly stdout: string;
}

const prepareHost = (places: Places, claim: Partial<Claim>): void => {
  const bootId = readBootId() ?? '';
  const config = {
    format: 1,
    fleet: 'f',
    host: 'h',
    holdAfterMs: 1,
    requireClockSync: false,
    settleMs: 200,
    settleUncleanMs: 600,
  };
  writeFileSync(places.hostConfig, JSON.stringify(config));
  writeFileSync(places.bootVerdict, JSON.stringify({ ...verdict, bootId }));
  writeFileSync(places.bootInstanceId, 'machine-1\n');
  writeFileSync(runLockPath(places, keyId), '');
  writeClaim(places, readClaim(places, keyId), claimOf({ bootId, ...claim }));
};

const stateOf = (places: Places): string => {
  const path = join(places.accountState, keyId);
  mkdirSync(path, { recursive: true });
  return path;
};

const runWrapper = (
  places: Places,
  wrapper: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<WrapperRun> => {
  const run = join(places.accountRuntime, keyId);
  mkdirSync(run, { recursive: true });
  const system = {
    FLEET_ROOT: places.root,
    STATE_DIRECTORY: stateOf(places),
    RUNTIME_DIRECTORY: run,
    CREDENTIALS_DIRECTORY: run,
  };
  const [address] = dc.addresses;
  const telegram = { FLEET_TELEGRAM_ADDRESSES: `${address?.host}:${address?.port}` };
  // Not synchronously: the data centre answers in this process.
  const child = spawn(wrapper, args, {
    env: { PATH: process.env.PATH, ...system, ...telegram, ...env },
    timeout: 20_000,
  });
  return Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]).then(
    ([stdout, stderr, [status]]) => ({
      ...{ status: status as number | null, stdout, stderr },
    }),
  );
};

/** A custom worker that looks from inside whether the run lock is really held. */
const writeProbe = (places: Places): string => {
  const path = join(places.root, 'probe');
  writeFileSync(
    path,
    `#!/bin/sh\nflock -n '${runLockPath(places, keyId)}' true; echo "lock $? ` +
      '$FLEET_KEY_ID"\nexit 65\n',
  );
  chmodSync(path, 0o755);
  return path;
};

describe('fleet-run', () => {
  test('a custom worker runs behind the gate with the lock held, and its end is marked', async () => {
    const places = scratchPlaces();
    const wrapper = await installRelease(places);
    prepareHost(places, {});
    const FLEET_COMMAND = writeProbe(places);
    expect(await runWrapper(places, wrapper, [keyId], { FLEET_COMMAND })).toMatchObject({
      status: 65,
      stdout: `lock 1 ${keyId}\n`,
    });
    expect(readStartMark(stateOf(places))).toMatchObject({ startId: expect.any(String) });
    expect(spawnSync('flock', ['-n', runLockPath(places, keyId), 'true']).status).toBe(0);

    await runWrapper(places, wrapper, ['--stopped', keyId], {
      EXIT_CODE: 'exited',
      EXIT_STATUS: '65',
    });
    const start = readStartMark(stateOf(places));
    expect(readStopMark(stateOf(places))).toMatchObject({
      clean: true,
      startId: (start as { startId: string }).startId,
    });
  });

  test('a custom worker gets its arguments, and may ask the gate again before each connection', async () => {
    const places = scratchPlaces();
    const wrapper = await installRelease(places);
    prepareHost(places, {});
    const path = join(places.root, 'asker');
    const takeAway = `printf '{}' > '${places.bootVerdict}'`;
    writeFileSync(
      path,
      `#!/bin/sh\necho "$1 $2"; '${wrapper}' --check; echo $?; ${takeAway}; '${wrapper}' ` +
        '--check; echo $?\n',
    );
    chmodSync(path, 0o755);
    const run = await runWrapper(places, wrapper, [keyId], { FLEET_COMMAND: `${path} --chat=a b` });
    expect(run).toMatchObject({
      stdout: '--chat=a b\n0\n77\n',
      stderr: expect.stringMatching(/refused: this boot has no verdict/),
    });
  });

  test('a custom worker that is not on the host is no transient failure, and nothing is marked', async () => {
    const places = scratchPlaces();
    const wrapper = await installRelease(places);
    prepareHost(places, {});
    const run = await runWrapper(places, wrapper, [keyId], {
      FLEET_COMMAND: '/nowhere/run --fast',
    });
    expect(run).toMatchObject({
      status: workerExit.misconfigured,
      stderr: 'fleet-run: /nowhere/run is not there\n',
    });
    expect(existsSync(join(stateOf(places), 'started.json'))).toBe(false);
  });

  test('whoever did not come through the gate, or came at another epoch, is refused at the check', async () => {
    const places = scratchPlaces();
    const wrapper = await installRelease(places);
    prepareHost(places, {});
    const check = (ticket?: string) =>
      runWrapper(
        places,
        wrapper,
        ['--check', keyId],
        ticket === undefined ? {} : { FLEET_GATE_TICKET: ticket },
      );
    expect(await check()).toMatchObject({
      status: 77,
      stderr: expect.stringMatching(/did not come through the gate/),
    });
    const { epoch } = claimOf();
    expect((await check(String(epoch))).status).toBe(0);
    expect((await check(`${epoch} 1700000000000`)).status).toBe(0);
    expect(await check(String(epoch + 1))).toMatchObject({
      status: 77,
      stderr: expect.stringMatching(/another epoch/),
    });
  });

  test('a machine that was paused: Telegram is later than its clocks, and the account is held until the operator starts it', async () => {
    const places = scratchPlaces();
    const wrapper = await installRelease(places);
    prepareHost(places, {});
    const env = {
      FLEET_COMMAND: writeProbe(places),
      FLEET_LINGER_MS: '0',
      FLEET_GATE_TICKET: String(claimOf().epoch),
    };
    const run = () => runWrapper(places, wrapper, [keyId], env);
    const check = () => runWrapper(places, wrapper, ['--check', keyId], env);
    expect([(await run()).status, (await check()).status]).toEqual([65, 0]);
    dc.setClockSkew(3_600_000);
    const held = {
      status: 77,
      stderr: expect.stringMatching(/this machine stood still for 3[56]\d\d s/),
    };
    expect(await check()).toMatchObject(held);
    expect(await run()).toMatchObject(held);
    expect(await run()).toMatchObject(held);
    forgetStandstill(places, keyId);
    expect([(await run()).status, (await check()).status]).toEqual([65, 0]);
  });

  test('Telegram that does not tell its time: no connection now, and no start before it does', async () => {
    const places = scratchPlaces();
    const wrapper = await installRelease(places);
    prepareHost(places, {});
    dc.fault({ method: 'req_pq_multi', effect: { kind: 'close' } });
    const FLEET_GATE_TICKET = String(claimOf().epoch);
    expect(
      await runWrapper(places, wrapper, ['--check', keyId], { FLEET_GATE_TICKET }),
    ).toMatchObject({
      status: workerExit.transient,
      stderr: expect.stringMatching(/does not say its time/),
    });
    dc.fault({ method: 'req_pq_multi', times: 2, effect: { kind: 'close' } });
    expect(
      (await runWrapper(places, wrapper, [keyId], { FLEET_COMMAND: writeProbe(places) })).status,
    ).toBe(65);
    expect(dc.report().connectionsOpened).toBe(4);
  });

  test('the bundled worker becomes the locked process itself, and the lock outlives the shell', async () => {
    const places = scratchPlaces();
    const wrapper = await installRelease(places);
    prepareHost(places, {});
    const lock = JSON.stringify(runLockPath(places, keyId));
    const probe =
      'const ' +
      `{spawnSync}=require('node:child_process');console.log(spawnSync('flock',['-n',${lock}` +
      `,'true']).status)`;
    writeFileSync(join(places.root, 'release/lib/worker.cjs'), probe);
    expect(await runWrapper(places, wrapper, [keyId])).toMatchObject({ status: 0, stdout: '1\n' });
  });

  test('after a start without a stop mark it waits the longer floor', async () => {
    const places = scratchPlaces();
    const wrapper = await installRelease(places);
    prepareHost(places, {});
    const env = { FLEET_COMMAND: writeProbe(places), FLEET_LINGER_MS: '900' };
    await runWrapper(places, wrapper, [keyId], env);
    const startedMs = performance.now();
    expect((await runWrapper(places, wrapper, [keyId], env)).status).toBe(65);
    expect(performance.now() - startedMs).toBeGreaterThan(900);
    expect(
      JSON.parse(readFileSync(join(places.accountRuntime, keyId, 'status.json'), 'utf8')),
    ).toMatchObject({ state: 'starting' });
  });

  test.each<[string, (places: Places) => void, RegExp]>([
    [
      'a closed claim',
      (places) =>
        writeClaim(
          places,
          readClaim(places, keyId),
          claimOf({ state: 'releasing', successor: 'b' }),
        ),
      /releasing/,
    ],
    ['no verdict', (places) => writeFileSync(places.bootVerdict, ''), /no verdict/],
    ['no host configuration', (places) => writeFileSync(places.hostConfig, '{}'), /host\.json/],
    ['a torn claim', (places) => writeFileSync(join(places.claims, `${keyId}.claim`), 'x'), /torn/],
  ])('refuses with 77 and without a mark: %s', async (_name, spoil, reason) => {
    const places = scratchPlaces();
    const wrapper = await installRelease(places);
    prepareHost(places, {});
    spoil(places);
    const run = await runWrapper(places, wrapper, [keyId], { FLEET_COMMAND: writeProbe(places) });
    expect(run).toMatchObject({ status: 77, stdout: '', stderr: expect.stringMatching(reason) });
    expect(existsSync(join(stateOf(places), 'started.json'))).toBe(false);
  });

  test('refuses with 77 while another process holds the lock, without a lock file, and by hand', async () => {
    const places = scratchPlaces();
    const wrapper = await installRelease(places);
    prepareHost(places, {});
    const lock = runLockPath(places, keyId);
    const FLEET_COMMAND = writeProbe(places);
    const system = {
      FLEET_ROOT: places.root,
      FLEET_KEY_ID: keyId,
      FLEET_STATE_DIR: stateOf(places),
      FLEET_RUNTIME_DIR: places.root,
    };
    const byHand = spawnSync(
      process.execPath,
      [join(places.root, 'release/lib/gate.cjs'), 'pass'],
      {
        encoding: 'utf8',
        env: { ...process.env, ...system },
      },
    );
    expect(byHand).toMatchObject({
      status: 77,
      stderr: expect.stringMatching(/run lock is not held by this process/),
    });
    const env = { PATH: process.env.PATH, FLEET_ROOT: places.root, FLEET_COMMAND };
    const locked = spawnSync('flock', [lock, wrapper, keyId], { encoding: 'utf8', env });
    expect(locked).toMatchObject({
      status: 77,
      stderr: expect.stringMatching(/another process holds/),
    });
    expect(await runWrapper(places, wrapper, ['f'.repeat(32)], { FLEET_COMMAND })).toMatchObject({
      status: 77,
      stderr: expect.stringMatching(/no run lock/),
    });
  });
});

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readClaim } from '../../../hostside/claims/claim-file.ts';
import { markNames } from '../../../hostside/gate/marks.ts';
import { formatLimits, limitsPath } from '../../../hostside/helper/acts/stage.ts';
import { defaultControlGroup } from '../../../hostside/helper/processes.ts';
import { hashTree } from '../../../hostside/helper/read-tree.ts';
import { parseRequest } from '../../../hostside/helper/request.ts';
import { runRequest } from '../../../hostside/helper/run-request.ts';
import {
  actLockPath,
  authorityLockPath,
  behaviourPath,
  claimPath,
  epochPath,
  type Places,
  runLockPath,
  usersCompletePath,
  usersPath,
} from '../../../hostside/machine/places.ts';
import type {
  ActProgress,
  ActReply,
  AuthorityStamp,
  HostAct,
} from '../../../hostside/protocol/host-acts.ts';
import { hash, keyId, offerOf, scratchPlaces } from '../claims/claim-fixtures.ts';
import { ModelUnits } from './model-units.ts';

interface Host {
  readonly places: Places;
  readonly units: ModelUnits;
  bootId: string;
  instanceId: string;
}

const newHost = (): Host => ({
  places: scratchPlaces(),
  units: new ModelUnits(),
  bootId: 'boot-1',
  instanceId: 'machine-1',
});

const stampOf = (fields: Partial<AuthorityStamp> = {}): AuthorityStamp => ({
  id: 'ledger-1',
  serial: 1,
  nonce: 'n1',
  deadlineMs: 60_000,
  ...fields,
});

const ask = async (
  host: Host,
  acts: readonly HostAct[],
  authority: AuthorityStamp | null = stampOf(),
  listens: (line: object) => boolean = () => true,
) => {
  const lines: (ActReply | ActProgress)[] = [];
  const emit = (line: ActReply | ActProgress): boolean => {
    if (!listens(line)) return false;
    lines.push(JSON.parse(JSON.stringify(line)));
    return true;
  };
  const startedMs = performance.now();
  const request = { format: 2 as const, acts, ...(authority === null ? {} : { authority }) };
  const code = await runRequest(request, {
    ...host,
    now: () => new Date(0),
    proofMs: 200,
    elapsedMs: () => performance.now() - startedMs,
    emit,
  });
  const replies = lines.filter((line): line is ActReply => 'index' in line);
  return {
    code,
    replies,
    progress: lines.filter((line): line is ActProgress => 'progress' in line),
    refusals: replies.map(({ refusal }) => refusal ?? 'ok'),
  };
};

const limits = {
  memoryMaxBytes: 200_000_000,
  memoryHighBytes: 150_000_000,
  cpuMaxCores: 0.5,
  tasksMax: 64,
};
const secret = 'SESSION-CANARY';
const stage = (epoch: number): Extract<HostAct, { readonly act: 'stage' }> => ({
  act: 'stage',
  keyId,
  account: 'anna',
  epoch,
  moveId: `m${epoch}`,
  session: secret,
  config: '{"a":1}',
  limits,
});
const grant = (epoch: number): HostAct => ({
  act: 'grant',
  keyId,
  account: 'anna',
  epoch,
  moveId: `m${epoch}`,
  vaultHash: hash,
});
const release = (epoch: number): HostAct => ({
  act: 'release',
  keyId,
  epoch,
  moveId: `m${epoch + 1}`,
  successor: 'b',
});
const revoke = (epoch: number): HostAct => ({
  act: 'revoke',
  keyId,
  account: 'anna',
  epoch,
  moveId: `m${epoch}`,
});
const wipe = (epoch: number): HostAct => ({ act: 'wipe', keyId, epoch });
const accountDirectory = (places: Places): string => join(places.accounts, keyId);
const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);

describe('a life of an account', () => {
  test('stage, grant, release, wipe leave a tombstone and nothing else', async () => {
    const host = newHost();
    const { places } = host;
    expect(await ask(host, [stage(1), grant(1)])).toMatchObject({
      code: 0,
      refusals: ['ok', 'ok'],
    });
    expect(readlinkSync(join(accountDirectory(places), 'current'))).toBe('epochs/1');
    expect(readFileSync(join(accountDirectory(places), 'current/session'), 'utf8')).toBe(secret);
    expect([
      mode(join(epochPath(places, keyId, 1), 'session')),
      mode(epochPath(places, keyId, 1)),
      mode(claimPath(places, keyId)),
    ]).toEqual(['600', '700', '644']);
    expect(host.units.calls).toEqual(['reload', 'enable', 'start']);
    const limitsText = readFileSync(
      join(places.units, `fleet-account@${keyId}.service.d/limits.conf`),
      'utf8',
    );
    expect(limitsText).toContain(`User=fleet-${keyId.slice(0, 24)}\n`);
    expect(limitsText).toContain(
      'MemoryMax=200000000\nMemoryHigh=150000000\nCPUQuota=50%\nTasksMax=64\nEnvironment=FLEET_ACCOUNT=anna\n',
    );

    const state = join(places.accountState, keyId);
    mkdirSync(state);
    writeFileSync(join(state, 'notes'), 'x');
    const released = await ask(host, [release(1)]);
    const receipt = {
      state: 'released',
      epoch: 1,
      moveId: 'm2',
      successor: 'b',
      stateHash: hashTree(state, markNames),
    };
    expect(released.replies[0]?.result).toMatchObject({ kind: 'claim', claim: receipt });
    expect(host.units.calls.slice(3)).toEqual(['disable', 'stop']);
    expect(await ask(host, [release(1)])).toMatchObject({ code: 0, replies: [{ claim: receipt }] });

    expect((await ask(host, [wipe(1), wipe(1)])).code).toBe(0);
    expect([
      existsSync(accountDirectory(places)),
      existsSync(state),
      existsSync(join(places.units, `fleet-account@${keyId}.service.d`)),
    ]).toEqual([false, false, false]);
    expect(readClaim(places, keyId).claim).toMatchObject({ state: 'released', epoch: 1 });
  });

  test('every act may be repeated', async () => {
    const host = newHost();
    for (const act of [
      stage(1),
      grant(1),
      stage(1),
      grant(1),
      { act: 'stop', keyId },
      { act: 'start', keyId },
      release(1),
      wipe(1),
      revoke(2),
    ] as const) {
      expect((await ask(host, [act, act])).refusals).toEqual(['ok', 'ok']);
    }
    expect(readClaim(host.places, keyId)).toMatchObject({
      claim: { state: 'revoked', epoch: 2 },
      sequence: 4,
    });
  });

  test('unchanged limits need no reload, many changes need one', async () => {
    const host = newHost();
    await ask(host, [stage(1), { ...stage(1), keyId: 'f'.repeat(32) } as HostAct]);
    await ask(host, [stage(1)]);
    expect(host.units.calls).toEqual(['reload']);
  });

  test('a re-grant at a higher epoch takes the older copies of the session away', async () => {
    const host = newHost();
    await ask(host, [stage(1), grant(1), { act: 'stop', keyId }, stage(2), grant(2)]);
    expect(readClaim(host.places, keyId).claim).toMatchObject({ epoch: 2, state: 'active' });
    expect(existsSync(epochPath(host.places, keyId, 1))).toBe(false);
  });
});

describe('settings that were changed', () => {
  const restage = (epoch: number): HostAct => {
    const { moveId: _, ...files } = stage(epoch);
    return { ...files, act: 'restage', config: '{"a":2}', limits: { ...limits, tasksMax: 32 } };
  };
  const configOf = ({ places }: Host, epoch: number): string =>
    readFileSync(join(epochPath(places, keyId, epoch), 'config'), 'utf8');

  test('are written for the owned epoch, once systemd knows the limits, and touch neither claim nor worker', async () => {
    const host = newHost();
    await ask(host, [stage(1), grant(1)]);
    const [claim, calls] = [readClaim(host.places, keyId), [...host.units.calls]];
    expect((await ask(host, [restage(1), restage(1)])).refusals).toEqual(['ok', 'ok']);
    expect([configOf(host, 1), mode(join(epochPath(host.places, keyId, 1), 'session'))]).toEqual([
      '{"a":2}',
      '600',
    ]);
    expect(readFileSync(limitsPath(host.places, keyId), 'utf8')).toContain('TasksMax=32');
    expect([readClaim(host.places, keyId), host.units.calls]).toEqual([
      claim,
      [...calls, 'reload'],
    ]);
  });

  test('are refused for any other epoch, before the grant, after the release, and without authority', async () => {
    const host = newHost();
    await ask(host, [stage(1)]);
    expect((await ask(host, [restage(1), grant(1), restage(2)])).refusals).toEqual([
      'state',
      'ok',
      'state',
    ]);
    expect((await ask(host, [restage(1)], null)).refusals).toEqual(['authority']);
    expect((await ask(host, [release(1), restage(1)])).refusals).toEqual(['ok', 'state']);
    expect(configOf(host, 1)).toBe('{"a":1}');
  });
});

describe('what the account answers', () => {
  const configure = (text: string, account = 'anna'): HostAct => ({
    act: 'configure',
    keyId,
    account,
    behaviour: JSON.stringify({ format: 1, account: 'anna', text }),
  });
  const read = ({ places }: Host): unknown =>
    JSON.parse(readFileSync(behaviourPath(places, keyId), 'utf8'));

  test('is written beside the claim, replaced while it runs, for everybody to read, and wiped with the files', async () => {
    const host = newHost();
    expect(
      (await ask(host, [configure('early'), stage(1), configure('one'), grant(1)])).refusals,
    ).toEqual(['not-staged', 'ok', 'ok', 'ok']);
    expect([read(host), mode(behaviourPath(host.places, keyId))]).toEqual([
      { format: 1, account: 'anna', text: 'one' },
      '644',
    ]);
    const [claim, calls] = [readClaim(host.places, keyId), [...host.units.calls]];
    expect((await ask(host, [configure('two'), configure('two')])).refusals).toEqual(['ok', 'ok']);
    expect(read(host)).toMatchObject({ text: 'two' });
    expect([readClaim(host.places, keyId), host.units.calls]).toEqual([claim, calls]);
    await ask(host, [release(1), wipe(1)]);
    expect(existsSync(behaviourPath(host.places, keyId))).toBe(false);
    expect((await ask(host, [configure('late')])).refusals).toEqual(['not-staged']);
  });

  test('of another account, of another format, or without authority: refused, and the old one stands', async () => {
    const host = newHost();
    await ask(host, [stage(1), configure('one')]);
    const other = { ...configure('two'), behaviour: '{"format":2,"account":"anna"}' } as HostAct;
    expect((await ask(host, [configure('two', 'ben'), other])).refusals).toEqual([
      'request',
      'request',
    ]);
    expect((await ask(host, [configure('two')], null)).refusals).toEqual(['authority']);
    expect(read(host)).toMatchObject({ text: 'one' });
  });
});

describe('refusals', () => {
  test('authority: none, lower serial, the same serial of another run, another ledger', async () => {
    const host = newHost();
    expect((await ask(host, [{ act: 'contact' }], null)).refusals).toEqual(['authority']);
    expect((await ask(host, [stage(1)], stampOf({ serial: 5 }))).refusals).toEqual(['ok']);
    for (const stamp of [
      stampOf({ serial: 4 }),
      stampOf({ serial: 5, nonce: 'n2' }),
      stampOf({ id: 'ledger-2', serial: 9 }),
    ]) {
      expect(
        (await ask(host, [{ act: 'survey' }, grant(1), { act: 'contact' }], stamp)).refusals,
      ).toEqual(['ok', 'authority', 'authority']);
    }
    expect(readClaim(host.places, keyId).claim).toBeNull();
    expect(
      (await ask(host, [grant(1)], stampOf({ id: 'ledger-2', serial: 1, takeOver: true })))
        .refusals,
    ).toEqual(['ok']);
    expect((await ask(host, [grant(1)], stampOf({ serial: 6 }))).refusals).toEqual(['authority']);
  });

  test('the contact is recorded for the authority only', async () => {
    const host = newHost();
    await ask(host, [{ act: 'survey' }], null);
    expect(existsSync(host.places.contact)).toBe(false);
    await ask(host, [{ act: 'contact' }], stampOf({ serial: 3 }));
    expect(existsSync(host.places.contact)).toBe(false);
    await ask(host, [{ act: 'contact' }], stampOf({ serial: 3, contact: offerOf() }));
    expect(JSON.parse(readFileSync(host.places.contact, 'utf8'))).toMatchObject({
      bootId: 'boot-1',
    });
    rmSync(host.places.contact);
    await ask(host, [{ act: 'contact' }], stampOf({ serial: 2, contact: offerOf() }));
    expect(existsSync(host.places.contact)).toBe(false);
  });

  test('no act begins after the deadline', async () => {
    const host = newHost();
    expect(
      (await ask(host, [stage(1), { act: 'survey' }], stampOf({ deadlineMs: 0 }))).refusals,
    ).toEqual(['deadline', 'ok']);
    expect(existsSync(accountDirectory(host.places))).toBe(false);
  });

  test('a second act on the account waits, then says busy; the death of the holder frees it', async () => {
    const host = newHost();
    await ask(host, [stage(1)]);
    const holder = spawn('flock', [actLockPath(host.places, keyId), 'sh', '-c', 'echo; exec cat'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    await once(holder.stdout, 'data');
    expect((await ask(host, [grant(1)], stampOf({ deadlineMs: 2_000 }))).refusals).toEqual([
      'busy',
    ]);
    holder.stdin.end();
    await once(holder, 'exit');
    expect((await ask(host, [grant(1)])).refusals).toEqual(['ok']);
  });

  test('a higher serial waits until acts of the older run are over', async () => {
    const host = newHost();
    await ask(host, [{ act: 'contact' }]);
    const older = spawn(
      'flock',
      ['--shared', authorityLockPath(host.places), 'sh', '-c', 'echo; exec cat'],
      {
        stdio: ['pipe', 'pipe', 'ignore'],
      },
    );
    await once(older.stdout, 'data');
    expect(
      (await ask(host, [stage(1)], stampOf({ serial: 2, nonce: 'n2', deadlineMs: 300 }))).refusals,
    ).toEqual(['busy']);
    expect((await ask(host, [stage(1)])).refusals).toEqual(['ok']);
    older.stdin.end();
    await once(older, 'exit');
    expect((await ask(host, [stage(1)], stampOf({ serial: 2, nonce: 'n2' }))).refusals).toEqual([
      'ok',
    ]);
    expect((await ask(host, [stage(1)])).refusals).toEqual(['authority']);
  });

  test('a contact says which serial of its ledger the host knew before: 0 for none, nothing for a ledger that it does not remember', async () => {
    const host = newHost();
    const knew = async (fields: Partial<AuthorityStamp>) => {
      const { replies } = await ask(
        host,
        [{ act: 'contact' }],
        stampOf({ ...fields, contact: offerOf() }),
      );
      const result = replies[0]?.result;
      return result?.kind === 'contact' ? (result.knew ?? 'not told') : replies[0]?.refusal;
    };
    expect(await knew({ serial: 4, nonce: 'n4' })).toBe(0);
    expect(await knew({ serial: 7, nonce: 'n7' })).toBe(4);
    expect(await knew({ serial: 7, nonce: 'n7' })).toBe(7);
    expect(await knew({ serial: 6, nonce: 'n6' })).toBe('authority');
    expect(await knew({ id: 'ledger-2', takeOver: true })).toBe('not told');
    // It remembers what it left.
    expect(await knew({ serial: 8, nonce: 'n8', takeOver: true })).toBe(7);
    rmSync(host.places.authority);
    expect(await knew({ serial: 9, nonce: 'n9' })).toBe(0);
    writeFileSync(host.places.authority, 'x');
    expect(await knew({ serial: 10, nonce: 'n10', takeOver: true })).toBe('not told');
  });

  test('a torn claim refuses everything but a revoke', async () => {
    const host = newHost();
    await ask(host, [stage(1), grant(1)]);
    writeFileSync(claimPath(host.places, keyId), 'x');
    expect(
      (await ask(host, [stage(2), grant(2), release(1), wipe(1), { act: 'start', keyId }]))
        .refusals,
    ).toEqual(Array(5).fill('state'));
    expect((await ask(host, [revoke(2), stage(3), grant(3)])).refusals).toEqual(['ok', 'ok', 'ok']);
  });

  test('a clone: no grant, release or start, until a revoke', async () => {
    const host = newHost();
    await ask(host, [stage(1), grant(1), { act: 'stop', keyId }]);
    host.instanceId = 'machine-2';
    expect((await ask(host, [grant(1), release(1), { act: 'start', keyId }])).refusals).toEqual([
      'instance',
      'instance',
      'instance',
    ]);
    writeFileSync(host.places.bootInstanceId, 'machine-1');
    expect((await ask(host, [revoke(2), stage(3)])).refusals).toEqual(['ok', 'instance']);
  });

  test('an account unit that is not installed leaves no claim', async () => {
    const host = newHost();
    host.units.installed = false;
    expect((await ask(host, [stage(1), grant(1)])).refusals).toEqual(['ok', 'io']);
    expect(readClaim(host.places, keyId).claim).toBeNull();
  });
});

test('where systemd can, session and config lie encrypted, as soon as nothing is started from plain files any more', async () => {
  const host = newHost();
  const read = (epoch: number): string =>
    readFileSync(join(epochPath(host.places, keyId, epoch), 'session'), 'utf8');
  const unitText = (): string => readFileSync(limitsPath(host.places, keyId), 'utf8');
  // A host of before, or an account of before on a host that was upgraded.
  await ask(host, [stage(1), grant(1)]);
  host.units.canSeal = true;
  await ask(host, [stage(2)]);
  expect([read(1), read(2), unitText().includes('Encrypted')]).toEqual([secret, secret, false]);
  expect((await ask(host, [release(1), wipe(2), wipe(1)])).refusals).toEqual(['ok', 'ok', 'ok']);
  await ask(host, [stage(3)]);
  expect(read(3)).toBe(`sealed session ${Buffer.from(secret).toString('hex')}`);
  expect(unitText()).toContain(
    'LoadCredentialEncrypted=session:/var/lib/fleet/accounts/%i/current/session',
  );
  await ask(host, [grant(3)]);
  // What runs is started from encrypted files: no plain one is put beside them.
  host.units.canSeal = false;
  expect((await ask(host, [stage(4)])).refusals).toEqual(['io']);
  host.units.canSeal = true;
  expect((await ask(host, [stage(4)])).refusals).toEqual(['ok']);
  expect(read(4)).toMatch(/^sealed session /);
});

test('on systemd 247 the unit waits for the folder of its credentials, and its state is within reach of its user', async () => {
  const host = newHost();
  const unitText = (): string => readFileSync(limitsPath(host.places, keyId), 'utf8');
  await ask(host, [stage(1)]);
  expect(unitText()).not.toMatch(/fleet-credentials|UMask/);
  host.units.isOld = true;
  await ask(host, [stage(2)]);
  expect(unitText()).toMatch(
    /^Wants=fleet-credentials@%i\.service\nAfter=fleet-credentials@%i\.service$/m,
  );
  expect(unitText()).toMatch(/^UMask=0022$/m);
});

describe('proof of the stop', () => {
  const granted = async (): Promise<Host> => {
    const host = newHost();
    await ask(host, [stage(1), grant(1)]);
    return host;
  };

  test('the gate is closed before the stop, and stays closed when the stop fails', async () => {
    const host = await granted();
    const seen: unknown[] = [];
    const { stop } = host.units;
    host.units.stop = (key) => {
      seen.push(readClaim(host.places, keyId).claim?.state);
      stop(key);
    };
    host.units.stopFails = true;
    expect((await ask(host, [release(1)])).replies[0]).toMatchObject({
      refusal: 'not-stopped',
      claim: { state: 'releasing' },
    });
    expect(seen).toEqual(['releasing']);
    expect((await ask(host, [grant(1), grant(2)])).refusals).toEqual(['epoch', 'state']);
    host.units.stopFails = false;
    expect((await ask(host, [release(1)])).replies[0]).toMatchObject({
      ok: true,
      claim: { state: 'released' },
    });
  });

  test('a process left in a cgroup below the unit', async () => {
    const host = await granted();
    const nested = join(host.places.root, 'sys/fs/cgroup', defaultControlGroup(keyId), 'nested');
    mkdirSync(nested, { recursive: true });
    writeFileSync(join(nested, '../cgroup.procs'), '');
    writeFileSync(join(nested, 'cgroup.procs'), '4711\n');
    expect((await ask(host, [release(1)])).replies[0]).toMatchObject({
      refusal: 'not-stopped',
      message: expect.stringMatching(/1 processes/),
    });
  });

  test.each([
    ['outside any unit', '0::/user.slice\n', 'not-stopped'],
    ['in its own unit', `0::/system.slice/fleet-account@${keyId}.service\n`, 'not-stopped'],
    [
      'of another account that was given the same number',
      `0::/system.slice/fleet-account@${'f'.repeat(32)}.service\n`,
      'ok',
    ],
  ])('a process of the user %s', async (_name, cgroup, expected) => {
    const host = await granted();
    host.units.set(keyId, { uid: 64_000 });
    const left = join(host.places.root, 'proc/4711');
    mkdirSync(left, { recursive: true });
    writeFileSync(
      join(left, 'status'),
      'Name:\tnode\nState:\tS (sleeping)\nUid:\t64000\t64000\t64000\t64000\n',
    );
    writeFileSync(join(left, 'cgroup'), cgroup);
    expect((await ask(host, [release(1)])).refusals).toEqual([expected]);
  });

  const processOf = (host: Host, cgroup: string, user = 64_000): string => {
    const left = join(host.places.root, 'proc/4711');
    mkdirSync(join(left, 'fd'), { recursive: true });
    writeFileSync(
      join(left, 'status'),
      `Name:\tnode\nState:\tD (disk sleep)\nUid:\t${user}\t${user}\t${user}\t${user}\n`,
    );
    writeFileSync(join(left, 'cgroup'), cgroup);
    return left;
  };
  const ofUnit = (key: string): string => `0::/other.slice/fleet-account@${key}.service\n`;

  test('a process in the unit, wherever its cgroup lies and whoever runs it', async () => {
    const host = await granted();
    processOf(host, ofUnit(keyId), 0);
    expect((await ask(host, [release(1)])).refusals).toEqual(['not-stopped']);
  });

  test.runIf(process.getuid?.() === 0)(
    'files that belong to nobody tell no user: what the unit recorded in this boot does',
    async () => {
      const host = await granted();
      const state = join(host.places.accountState, keyId);
      mkdirSync(state, { recursive: true });
      chownSync(state, 65_534, 65_534);
      expect((await ask(host, [release(1)])).replies[0]).toMatchObject({
        refusal: 'not-stopped',
        message: expect.stringMatching(/under which user/),
      });
      // A helper that stops a unit that runs remembers whose it was.
      host.units.set(keyId, { uid: 64_000, activeState: 'active' });
      await ask(host, [{ act: 'stop', keyId }]);
      expect(readFileSync(usersPath(host.places, keyId), 'utf8')).toBe('64000\n');
      writeFileSync(usersPath(host.places, keyId), '64000\n64001\n');
      processOf(host, '0::/user.slice\n', 64_001);
      expect((await ask(host, [release(1)])).refusals).toEqual(['not-stopped']);
      rmSync(join(host.places.root, 'proc/4711'), { recursive: true });
      expect((await ask(host, [release(1)])).refusals).toEqual(['ok']);
      const held = await granted();
      mkdirSync(join(held.places.accountState, keyId), { recursive: true });
      chownSync(join(held.places.accountState, keyId), 65_534, 65_534);
      mkdirSync(held.places.usersOfBoot, { recursive: true });
      writeFileSync(usersCompletePath(held.places), '');
      expect((await ask(held, [release(1)])).refusals).toEqual(['ok']);
    },
  );

  test('a survey names an account of which nothing is left but a process', async () => {
    const host = newHost();
    processOf(host, ofUnit(keyId));
    const [reply] = (await ask(host, [{ act: 'survey' }])).replies;
    expect(reply?.result).toMatchObject({
      survey: { accounts: [{ keyId, claim: null, processes: 1 }] },
    });
    const byUser = newHost();
    mkdirSync(byUser.places.usersOfBoot, { recursive: true });
    writeFileSync(usersPath(byUser.places, keyId), '64000\n');
    processOf(byUser, '0::/user.slice\n');
    expect((await ask(byUser, [{ act: 'survey' }])).replies[0]?.result).toMatchObject({
      survey: { accounts: [{ keyId, processes: 1 }] },
    });
  });

  test.each([
    ['the unit of another account, which was handed the descriptor', ofUnit('f'.repeat(32)), 'ok'],
    ['no unit of fleet', '0::/user.slice\n', 'not-stopped'],
  ])('a run lock that is held in %s', async (_name, cgroup, expected) => {
    const host = await granted();
    const lock = runLockPath(host.places, keyId);
    const holder = spawn('flock', [lock, 'sh', '-c', 'echo; exec cat'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    await once(holder.stdout, 'data');
    symlinkSync(lock, join(processOf(host, cgroup, 64_500), 'fd/3'));
    expect((await ask(host, [release(1)])).refusals).toEqual([expected]);
    holder.stdin.end();
    await once(holder, 'exit');
  });

  test('a held run lock, and a unit whose stop spares processes', async () => {
    const host = await granted();
    const holder = spawn('flock', [runLockPath(host.places, keyId), 'sh', '-c', 'echo; exec cat'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    await once(holder.stdout, 'data');
    expect((await ask(host, [release(1)])).replies[0]).toMatchObject({
      refusal: 'not-stopped',
      message: expect.stringMatching(/run lock/),
    });
    holder.stdin.end();
    await once(holder, 'exit');
    const careless = await granted();
    careless.units.set(keyId, { killMode: 'process' });
    expect((await ask(careless, [release(1)])).replies[0]).toMatchObject({
      refusal: 'not-stopped',
      claim: { state: 'active' },
    });
  });

  test('a revoke stops what an unheard grant has started', async () => {
    const host = await granted();
    expect((await ask(host, [revoke(1)])).replies[0]).toMatchObject({
      ok: true,
      claim: { state: 'revoked', epoch: 1 },
    });
    expect(host.units.show(keyId).activeState).toBe('inactive');
    expect((await ask(host, [grant(1)])).refusals).toEqual(['epoch']);
  });
});

test('a broken reply pipe ends the request after the act that was under way', async () => {
  const host = newHost();
  const { code } = await ask(host, [stage(1), grant(1)], stampOf(), () => false);
  expect(code).toBe(3);
  expect(existsSync(epochPath(host.places, keyId, 1))).toBe(true);
  expect(readClaim(host.places, keyId).claim).toBeNull();
});

test('a helper that was killed while staging leaves nothing that counts, and the next stage cleans up', async () => {
  const host = newHost();
  const left = `${epochPath(host.places, keyId, 1)}.new`;
  mkdirSync(left, { recursive: true });
  writeFileSync(join(left, 'session'), secret);
  const surveyed = await ask(host, [{ act: 'survey' }], null);
  expect(surveyed.replies[0]?.result).toMatchObject({
    survey: {
      accounts: [{ keyId, claim: null, claimFault: null, stagedEpochs: [], processes: 0 }],
    },
  });
  await ask(host, [stage(2)]);
  expect(existsSync(left)).toBe(false);
});

test('await follows status files and unit ends until everything is settled', async () => {
  const host = newHost();
  const other = 'f'.repeat(32);
  const late = 'e'.repeat(32);
  for (const key of [keyId, late]) {
    mkdirSync(join(host.places.accountRuntime, key));
    host.units.set(key, { activeState: 'active' });
  }
  host.units.set(other, {
    activeState: 'failed',
    exitStatus: 77,
    statusText: 'gate: held since the boot',
  });
  const write = (key: string, state: string) =>
    writeFileSync(
      join(host.places.accountRuntime, key, 'status.json'),
      JSON.stringify({ state, reason: '' }),
    );
  write(keyId, 'starting');
  write(late, 'offline');
  setTimeout(() => write(keyId, 'online'), 250);
  const { replies, progress, code } = await ask(
    host,
    [{ act: 'await', keyIds: [keyId, other, late], timeoutMs: 900 }],
    null,
  );
  expect(code).toBe(0);
  expect(replies[0]?.result).toEqual({
    kind: 'awaited',
    accounts: [
      { keyId, settled: true, state: 'online', reason: '' },
      { keyId: other, settled: true, state: 'gate', reason: 'gate: held since the boot' },
      { keyId: late, settled: false, state: 'offline', reason: '' },
    ],
  });
  expect(
    progress
      .filter(({ progress: { keyId: key } }) => key === keyId)
      .map(({ progress: { state } }) => state),
  ).toEqual(['online']);
});

test('a request that waited until fleet was taken off the host does nothing there', async () => {
  const host = newHost();
  await ask(host, [stage(1)]);
  rmSync(host.places.current);
  expect((await ask(host, [grant(1), { act: 'start', keyId }])).refusals).toEqual([
    'state',
    'state',
  ]);
  expect(readClaim(host.places, keyId).claim).toBeNull();
});

test('the start of an account that was ended is not merged with the run that is refused for it', async () => {
  const host = newHost();
  await ask(host, [stage(1), grant(1)]);
  const mark = join(host.places.overQuota, keyId);
  const { units } = host;
  const seen: [string, boolean][] = [];
  const stop = units.stop;
  const start = units.start;
  units.stop = (key) => {
    seen.push(['stop', existsSync(mark)]);
    stop(key);
  };
  units.start = (key) => {
    seen.push(['start', existsSync(mark)]);
    start(key);
  };
  for (const activeState of ['activating', 'deactivating', 'failed']) {
    mkdirSync(host.places.overQuota, { recursive: true });
    writeFileSync(mark, 'it has more than 20000 files (limits.files_max)');
    units.set(keyId, { activeState });
    expect((await ask(host, [{ act: 'start', keyId }])).refusals).toEqual(['ok']);
    const first = activeState === 'failed' ? [] : [['stop', true]];
    expect(seen.splice(0)).toEqual([...first, ['start', false]]);
  }
  // One that starts by itself is left to it.
  units.set(keyId, { activeState: 'activating' });
  await ask(host, [{ act: 'start', keyId }]);
  expect(seen).toEqual([['start', false]]);
});

describe('nobody listens any more', () => {
  const stop: HostAct = { act: 'stop', keyId };
  const start: HostAct = { act: 'start', keyId };
  const deaf = async (host: Host, acts: readonly HostAct[]): Promise<number> =>
    (await ask(host, acts, stampOf({ serial: 2, nonce: 'n2' }), () => false)).code;

  test('what was stopped to be started anew is started, with what lies in between', async () => {
    const host = newHost();
    await ask(host, [stage(1), grant(1)]);
    const { units } = host;
    const restage: HostAct = { ...stage(1), act: 'restage', session: 'ANOTHER' };
    units.calls.splice(0);
    expect(await deaf(host, [stop, restage, start, release(1)])).toBe(3);
    expect([units.show(keyId).activeState, readClaim(host.places, keyId).claim?.state]).toEqual([
      'active',
      'active',
    ]);
    const session = join(accountDirectory(host.places), 'current/session');
    expect(readFileSync(session, 'utf8')).toBe('ANOTHER');
  });

  test('any other act is the last one', async () => {
    const host = newHost();
    await ask(host, [stage(1), grant(1)]);
    expect(await deaf(host, [release(1), wipe(1)])).toBe(3);
    expect(existsSync(epochPath(host.places, keyId, 1))).toBe(true);
    const other = newHost();
    await ask(other, [stage(1), grant(1)]);
    expect(await deaf(other, [stop, release(1)])).toBe(3);
    expect(readClaim(other.places, keyId).claim?.state).toBe('active');
    expect(other.units.show(keyId).activeState).not.toBe('active');
  });
});

describe('requests', () => {
  test.each<[unknown, RegExp]>([
    [undefined, /not an object/],
    [{ format: 1 }, /"acts" is missing/],
    [{ format: 3, acts: [] }, /format 1 and 2/],
    [{ format: 1, acts: [{ act: 'explode' }] }, /act 0: field "act"/],
    [{ format: 1, acts: [{ ...stage(1), keyId: '../../etc' }] }, /act 0: stage: field "keyId"/],
    [{ format: 1, acts: [{ ...stage(1), account: 'a\nExecStart=/bin/sh' }] }, /"account"/],
    [
      { format: 1, acts: [{ ...stage(1), limits: { ...limits, tasksMax: '1' } }] },
      /limits: field "tasksMax"/,
    ],
    [
      { format: 1, acts: [{ ...stage(1), limits: { ...limits, diskMaxBytes: -1 } }] },
      /limits: field "diskMaxBytes"/,
    ],
    [{ format: 1, acts: [{ ...stage(1), command: 'bin/x' }] }, /"command"/],
    [{ format: 1, acts: [{ ...stage(1), command: '/bin/x  y' }] }, /"command"/],
    [{ format: 1, acts: [{ ...stage(1), command: '/bin/x *' }] }, /"command"/],
    [{ format: 1, acts: [{ ...stage(1), command: '/bin/x "y"' }] }, /"command"/],
    [{ format: 1, acts: [{ ...stage(1), command: '/bin/x %h' }] }, /"command"/],
    [{ format: 1, acts: [{ ...stage(1), command: '/bin/x\nUser=root' }] }, /"command"/],
    [
      { format: 1, acts: [{ act: 'configure', keyId, account: 'anna', behaviour: '[]' }] },
      /configure: field "behaviour"/,
    ],
    [{ format: 1, acts: [{ ...grant(1), epoch: 1.5 }] }, /"epoch"/],
    [{ format: 1, acts: [{ act: 'await', keyIds: ['x'], timeoutMs: 1 }] }, /"keyIds"/],
    [{ format: 1, acts: [], authority: { ...stampOf(), serial: 0 } }, /authority: field "serial"/],
  ])('%j', (value, fault) => {
    const parsed = parseRequest(value);
    expect('fault' in parsed ? parsed.fault : 'accepted').toMatch(fault);
    expect(JSON.stringify(parsed)).not.toContain(secret);
  });

  test('a custom worker may have arguments', () => {
    expect(
      parseRequest({ format: 1, acts: [{ ...stage(1), command: '/bin/x --log=y @a' }] }),
    ).toHaveProperty('request');
    const limited = formatLimits({
      ...stage(1),
      limits: { ...limits, diskMaxBytes: 5e8, filesMax: 900, logMax: 70 },
    });
    expect(limited).toContain('\nLogRateLimitBurst=70\n');
    expect(limited).toMatch(/\n\[X-Fleet\]\nDiskMax=500000000\nFilesMax=900\n$/);
    expect(formatLimits({ ...stage(1), command: '/bin/x --log=y @a' })).toContain(
      '\nEnvironment="FLEET_COMMAND=/bin/x --log=y @a"\n',
    );
  });

  test('the helper as a program: exit code 2 and no echo of what it could not read, 3 for a refusal', () => {
    const run = (input: string) =>
      spawnSync(process.execPath, [resolve('hostside/helper/main.ts')], {
        input,
        encoding: 'utf8',
        env: { ...process.env, FLEET_ROOT: scratchPlaces().root },
      });
    const garbage = run(`{"session":"${secret}"`);
    expect(garbage).toMatchObject({ status: 2, stdout: '' });
    expect(garbage.stderr).not.toContain(secret);
    expect(run(JSON.stringify({ format: 1, acts: [{ act: 'contact' }] }))).toMatchObject({
      status: 3,
      stdout: expect.stringMatching(/^{"index":0,"ok":false/),
    });
    expect(
      run(JSON.stringify({ format: 1, authority: stampOf(), acts: [{ act: 'contact' }] })),
    ).toMatchObject({
      status: 0,
      stdout: '{"index":0,"ok":true,"result":{"kind":"contact","closed":[],"knew":0}}\n',
    });
  });
});

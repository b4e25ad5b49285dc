import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type {
  ActReply,
  AuthorityStamp,
  HostAct,
  HostSurvey,
} from '../../../hostside/protocol/host-acts.ts';
import { fillForGood, unfillForGood } from '../../e2e/full-disk.ts';
import { type Lab, startLab } from '../../lab/lab.ts';
import { askHelper, installHost } from './lab-host.ts';

const keyId = '0123456789abcdef0123456789abcdef';
const unit = `fleet-account@${keyId}.service`;
const limits = {
  memoryMaxBytes: 200_000_000,
  memoryHighBytes: 150_000_000,
  cpuMaxCores: 0.5,
  tasksMax: 64,
};
const canary = 'CANARY-7f3a';

let lab: Lab;
let serial = 0;
let epoch = 0;

beforeAll(async () => {
  lab = await startLab({ hosts: 1 });
  await installHost(lab, 1);
});
afterAll(() => lab.down());

/** As the authority believes it. */
let holdAfterMs = 600_000;
const stamp = (): AuthorityStamp => {
  const owned = epoch === 0 ? [] : [{ keyId, epoch, moveId: `m${epoch}` }];
  const roster = { revision: 1, owned, arriving: [], gone: [] };
  const contact = { sentAtMs: Date.now(), holdAfterMs, holdGapMs: 90_000, roster };
  return { id: 'ledger-1', serial, nonce: `n${serial}`, deadlineMs: 60_000, contact };
};
const ask = async (...acts: HostAct[]): Promise<readonly ActReply[]> => {
  serial += 1;
  return (await askHelper(lab, 1, { format: 2, authority: stamp(), acts })).replies;
};
const stageAct = (): HostAct => ({
  act: 'stage',
  keyId,
  account: 'anna',
  epoch,
  moveId: `m${epoch}`,
  session: canary,
  config: '{}',
  limits,
});
const grantAct = (): HostAct => ({
  act: 'grant',
  keyId,
  account: 'anna',
  epoch,
  moveId: `m${epoch}`,
  vaultHash: 'a'.repeat(64),
});
const releaseAct = (): HostAct => ({
  act: 'release',
  keyId,
  epoch,
  moveId: `r${epoch}`,
  successor: 'b',
});
const awaitAct: HostAct = { act: 'await', keyIds: [keyId], timeoutMs: 60_000 };
const run = async (command: string): Promise<string> =>
  (await lab.ssh(1, command, { timeoutMs: 60_000 })).stdout.trim();

const survey = async (): Promise<HostSurvey> => {
  const { replies } = await askHelper(lab, 1, { format: 1, acts: [{ act: 'survey' }] });
  const result = replies[0]?.result;
  if (result?.kind !== 'survey') throw new Error(JSON.stringify(replies));
  return result.survey;
};

/**
 * The account as it is a moment after its worker has said online: systemd is told by a process of
 * its own, which counts while it runs.
 */
const expectAccount = (account: object): Promise<void> =>
  expect.poll(async () => (await survey()).accounts, { timeout: 60_000 }).toMatchObject([account]);

const online = { ok: true, result: { accounts: [{ state: 'online', settled: true }] } };

/** Stages and grants the next epoch; ends with the account online. */
const grantNext = async (): Promise<void> => {
  epoch += 1;
  expect(await ask(stageAct(), grantAct(), awaitAct)).toMatchObject([
    { ok: true },
    { ok: true },
    online,
  ]);
};

/** Ends whatever a test has left. */
const release = async (): Promise<ActReply | undefined> => (await ask(releaseAct()))[0];

describe('an account on a real host', () => {
  test('comes online within its sandbox and limits, and is seen by survey and agent', async () => {
    await grantNext();
    await expectAccount({
      keyId,
      claim: { state: 'active', epoch },
      unit: 'active',
      processes: 1,
      stagedEpochs: [epoch],
    });
    expect(
      await run(`systemctl show -p MemoryMax,TasksMax,CPUQuotaPerSecUSec --value ${unit}`),
    ).toContain('200000000');
    expect(await run(`cat /var/lib/private/fleet-accounts/${keyId}/seen.txt`)).toBe(
      `${epoch} may connect`,
    );
    expect(await run(`flock -n /var/lib/fleet/locks/${keyId}.lock true; echo $?`)).toBe('1');
    const look =
      `require('node:http').get({socketPath:'/run/fleet/agent.sock',path:'/sample'},async(r)=>{for ` +
      'await(const c of r)process.stdout.write(c)})';
    const asUbuntu = async (): Promise<unknown> =>
      JSON.parse(
        (await lab.ssh(1, `/opt/fleet/current/runtime/bin/node -e "${look}"`, { user: 'ubuntu' }))
          .stdout,
      );
    const unitSeen = { activeState: 'active', subState: 'running', restarts: 0 };
    // The agent looks every 15 s.
    await expect.poll(asUbuntu, { timeout: 60_000 }).toMatchObject({
      protocol: 2,
      accounts: [
        {
          keyId,
          account: 'anna',
          unit: unitSeen,
          memoryBytes: expect.any(Number),
          status: { state: 'online' },
        },
      ],
    });
  });

  test('its unit is rated 3.0 or better, and the agent stays below 60 MB', async () => {
    const rating = /: ([\d.]+)/.exec(await run(`systemd-analyze security ${unit} | grep Overall`));
    expect(Number(rating?.[1])).toBeLessThanOrEqual(3);
    const rss = await run(
      'awk "/VmRSS/ {print \\$2}" /proc/$(systemctl show -p MainPID --value fleet-agent)/status',
    );
    expect(Number(rss)).toBeLessThan(60_000);
  });

  test('the session is nowhere but in its files, encrypted with the key of the host', async () => {
    const found = await run(
      `grep -rlaF ${canary} /var/log /run/log /tmp /etc /var/lib/fleet /var/lib/private ` +
        `2>/dev/null; ps axeww | grep -F ${canary} | grep -vc grep`,
    );
    // Not even in those, where systemd can encrypt them.
    expect(found).toBe('0');
    const file = `/var/lib/fleet/accounts/${keyId}/epochs/${epoch}/session`;
    expect(await run(`systemd-creds decrypt --name=session ${file} -`)).toBe(canary);
  });

  test('after a SIGKILL it starts again, alone, and not before the unclean floor', async () => {
    const before = await run(`systemctl show -p MainPID --value ${unit}`);
    const startedMs = performance.now();
    await run(`kill -9 ${before}`);
    const isBack =
      `pid=$(systemctl show -p MainPID --value ${unit}); [ $pid != ${before} ] && [ $pid != ` +
      `0 ] && cat /run/fleet-accounts/${keyId}/status.json`;
    // Telegram may count the connections of the bundled worker, whose place the stub takes, for 25
    // s.
    await expect.poll(() => run(isBack), { timeout: 60_000, interval: 300 }).toContain('"online"');
    expect(performance.now() - startedMs).toBeGreaterThan(3_000);
    await expectAccount({ processes: 1 });
    expect(await run(`cat /var/lib/private/fleet-accounts/${keyId}/stopped.json`)).toContain(
      '"clean":false',
    );
  });

  test('release proves the stop, its receipt repeats, and nothing starts the account again', async () => {
    const receipt = await release();
    expect(receipt).toMatchObject({
      ok: true,
      claim: {
        state: 'released',
        epoch,
        successor: 'b',
        stateHash: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    });
    expect((await ask(releaseAct()))[0]?.claim).toEqual(receipt?.claim);
    await run(`systemctl start ${unit}`);
    expect(await ask(awaitAct)).toMatchObject([
      {
        result: {
          accounts: [
            {
              state: 'gate',
              settled: true,
              reason: `gate: the claim is released at epoch ${epoch}`,
            },
          ],
        },
      },
    ]);
    expect((await survey()).accounts).toMatchObject([{ processes: 0, unit: 'failed' }]);
  });

  test('a drop-in that spares processes makes the release refuse, before anything is stopped', async () => {
    await grantNext();
    const dropIn = `/etc/systemd/system/${unit}.d/99-careless.conf`;
    await run(`printf '[Service]\\nKillMode=process\\n' > ${dropIn}; systemctl daemon-reload`);
    expect(await release()).toMatchObject({ refusal: 'not-stopped', claim: { state: 'active' } });
    await run(`rm ${dropIn}; systemctl daemon-reload`);
    expect(await release()).toMatchObject({ ok: true });
  });

  test('a helper that is killed while it stops leaves the gate closed; the repeat gives the receipt', async () => {
    await grantNext();
    const dropIn = `/etc/systemd/system/${unit}.d/99-slow.conf`;
    await run(`printf '[Service]\nExecStop=/bin/sleep 8\n' > ${dropIn}; systemctl daemon-reload`);
    serial += 1;
    const cut = lab.ssh(1, 'timeout -s KILL 5 /opt/fleet/current/bin/fleet-host', {
      input: JSON.stringify({ format: 2, authority: stamp(), acts: [releaseAct()] }),
    });
    await expectAccount({ claim: { state: 'releasing' }, processes: 2 });
    expect((await cut).stdout).toBe('');
    expect(await release()).toMatchObject({ ok: true, claim: { state: 'released' } });
    await run(`rm ${dropIn}; systemctl daemon-reload`);
    expect((await survey()).accounts).toMatchObject([{ processes: 0 }]);
  });

  test('a full disk refuses a release before anything is stopped, and the account runs on', async () => {
    await grantNext();
    await fillForGood(lab, 1);
    expect(await release()).toMatchObject({ refusal: 'space' });
    await expectAccount({ claim: { state: 'active', epoch }, unit: 'active', processes: 1 });
    await unfillForGood(lab, 1);
    expect(await release()).toMatchObject({ ok: true });
  });

  test('a reboot soon after a contact: the account comes back by itself', async () => {
    await grantNext();
    await lab.reboot(1);
    expect(await ask(awaitAct)).toMatchObject([online]);
    expect(await survey()).toMatchObject({ bootVerdict: { verdict: 'run' } });
  });

  test('a reboot long after a contact: held, until a grant at a higher epoch', async () => {
    holdAfterMs = 0;
    expect(await ask({ act: 'contact' })).toMatchObject([{ ok: true }]);
    await lab.reboot(1);
    expect(await ask({ act: 'contact' }, awaitAct)).toMatchObject([
      { ok: true },
      {
        result: {
          accounts: [{ state: 'gate', reason: expect.stringMatching(/^gate: held since/) }],
        },
      },
    ]);
    expect(await ask(grantAct(), { act: 'start', keyId })).toMatchObject([
      { refusal: 'state' },
      { refusal: 'state' },
    ]);
    await run('systemctl restart fleet-hold');
    expect(await survey()).toMatchObject({
      bootVerdict: { verdict: 'hold', reasons: [expect.stringMatching(/^the last contact/)] },
      accounts: [{ processes: 0, claim: { format: 2 } }],
    });
    holdAfterMs = 600_000;
    // What a boot held stays held, although contacts list it.
    await ask({ act: 'contact' });
    await lab.reboot(1);
    expect(await ask(awaitAct)).toMatchObject([{ result: { accounts: [{ state: 'gate' }] } }]);
    await expectAccount({ processes: 0, claim: { format: 2 } });
    await grantNext();
  });

  test("an operator's stop lasts over a reboot, his start brings the account back", async () => {
    expect(await ask({ act: 'stop', keyId })).toMatchObject([{ ok: true }]);
    await lab.reboot(1);
    expect((await survey()).accounts).toMatchObject([
      { claim: { state: 'active' }, processes: 0, unit: 'inactive' },
    ]);
    expect(await ask({ act: 'start', keyId }, awaitAct)).toMatchObject([{ ok: true }, online]);
  });

  test('a wipe after the release leaves the claim and the locks', async () => {
    await release();
    expect(await ask({ act: 'wipe', keyId, epoch })).toMatchObject([{ ok: true }]);
    // What fleet-quota noted of it goes at its next look.
    const left = await run(
      'find /var/lib/fleet /var/lib/private/fleet-accounts /var/lib/fleet-accounts ' +
        '/run/fleet-accounts /etc/systemd/system -path /var/lib/fleet/init -prune -o -name ' +
        `'*${keyId}*' -print | sort`,
    );
    expect(left.split('\n')).toEqual(
      ['act', 'claim', 'lock']
        .map((end) => `/var/lib/fleet/${end === 'claim' ? 'claims' : 'locks'}/${keyId}.${end}`)
        .sort(),
    );
  });
});

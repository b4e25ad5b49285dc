import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { HostName } from '../../src/model/names.ts';
import { createSshRemote } from '../../src/remote/ssh-remote.ts';
import { remoteContract } from '../contract/remote.ts';
import { FakeRemote } from '../fakes/fake-remote.ts';
import { missingSshd, startSshd, type TestSshd } from './sshd.ts';

remoteContract('the fake', async () => new FakeRemote({ host: 'host-1' as HostName }));

describe.skipIf(missingSshd !== null)('a real sshd', () => {
  let sshd: TestSshd;
  beforeAll(async () => {
    sshd = await startSshd();
  });
  afterAll(() => sshd.stop());
  remoteContract('SSH', async () => createSshRemote(sshd.spec(), await sshd.context()));
});

describe.skipIf(missingSshd !== null)('an sshd with a banner and MaxSessions 2', () => {
  let sshd: TestSshd;
  beforeAll(async () => {
    sshd = await startSshd(['Banner %DIR%/sshd_config', 'MaxSessions 2']);
  });
  afterAll(() => sshd.stop());
  remoteContract('SSH', async () => createSshRemote(sshd.spec(), await sshd.context()));
});

test.skipIf(missingSshd === null)(`the contract on a real sshd was skipped: ${missingSshd}`, () => {
  // On a laptop this is a choice; in CI it would hide that nothing was proven.
  expect(process.env.CI).not.toBe('true');
});

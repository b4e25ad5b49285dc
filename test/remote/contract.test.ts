import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { HostName } from '../../src/model/names.ts';
import { createSshRemote } from '../../src/remote/ssh/ssh-remote.ts';
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
  describe.skipIf(!existsSync('/usr/bin/ssh'))('by OpenSSH', () => {
    remoteContract('OpenSSH', async () =>
      createSshRemote(sshd.spec({ transport: 'openssh' }), await sshd.context()),
    );
  });
});

describe
  .skipIf(missingSshd !== null)
  .each(['DisableForwarding yes', 'AllowStreamLocalForwarding no'])('an sshd with %s', (line) => {
  let sshd: TestSshd;
  beforeAll(async () => {
    sshd = await startSshd([line]);
  });
  afterAll(() => sshd.stop());
  if (line.startsWith('Disable'))
    remoteContract('SSH without socket forwarding', async () =>
      createSshRemote(sshd.spec(), await sshd.context()),
    );

  test('the first use finds it out, later ones go the other way at once, and a missing socket is named', async () => {
    const remote = createSshRemote(sshd.spec(), await sshd.context());
    const path = join(sshd.directory, 'agent.sock');
    const server = createServer((_, response) => response.end('hello'));
    await new Promise<void>((done) => server.listen(path, done));
    expect((await remote.get(path, '/')).status).toBe(200);
    expect(Buffer.from((await remote.get(path, '/')).body).toString()).toBe('hello');
    const failure = await remote
      .get(join(sshd.directory, 'none.sock'), '/')
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: 'agent-unreachable',
      message: expect.stringContaining('No such file or directory'),
    });
    await remote.close();
    server.close();
  });
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

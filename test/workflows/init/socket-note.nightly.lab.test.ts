import { afterAll, beforeAll, expect, test } from 'vitest';
import { hostPaths } from '../../../hostside/protocol/paths.ts';
import { samplePath } from '../../../src/facts/agent-sample.ts';
import { createSshContext } from '../../../src/remote/config/ssh-context.ts';
import { createSshRemote } from '../../../src/remote/ssh/ssh-remote.ts';
import { loadInitMaterials } from '../../../src/workflows/init/init-materials.ts';
import { connectLab, type Lab } from '../../lab/lab.ts';
import { surroundings } from '../../remote/sshd.ts';
import { packageDirectory } from './init-fixture.ts';
import { initOnHost, labHost } from './init-on-host.ts';

let lab: Lab;
beforeAll(async () => {
  lab = await connectLab();
  await lab.wipe(1, 'equipped');
});
afterAll(() => lab.wipe(1));

const sshdSays = async (line: string): Promise<void> => {
  const command =
    `echo '${line}' > /etc/ssh/sshd_config.d/00-fleet-test.conf; systemctl reset-failed ssh; ` +
    'systemctl restart ssh';
  expect((await lab.ssh(1, command)).code).toBe(0);
};

test('a host whose sshd forwards nothing: init says so, and the agent is asked by a command', async () => {
  await sshdSays('DisableForwarding yes');
  const materials = await loadInitMaterials({
    root: packageDirectory,
    profiles: ['minimal'],
    runtimeMirror: null,
  });
  const host = labHost(lab, 1, 'minimal');
  const ask = async () => {
    const remote = createSshRemote(
      host,
      createSshContext(surroundings('/nonexistent', lab.knownHostsFile)),
    );
    return remote.get(hostPaths.agentSocket, samplePath).finally(() => remote.close());
  };
  for (const state of ['changed', 'ready']) {
    const outcome = await initOnHost(lab, host, materials, {});
    expect([outcome.error, outcome.state]).toEqual([null, state]);
    expect(outcome.notes.join()).toContain('sshd forwards no sockets');
  }
  expect(await ask()).toMatchObject({ status: 200, byCommand: true });
  await sshdSays('DisableForwarding no');
  expect(await ask()).toMatchObject({ status: 200, byCommand: false });
  expect((await initOnHost(lab, host, materials, {})).notes.join()).not.toContain(
    'forwards no sockets',
  );
});

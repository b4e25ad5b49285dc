import type { HostSpec } from '../../../src/model/inventory.ts';
import { createSshContext } from '../../../src/remote/config/ssh-context.ts';
import { createSshRemote } from '../../../src/remote/ssh/ssh-remote.ts';
import { type HostInitOutcome, runInit } from '../../../src/workflows/init/init.ts';
import type { InitMaterials } from '../../../src/workflows/init/init-materials.ts';
import {
  type HostInitPlan,
  type InitOptions,
  planInit,
} from '../../../src/workflows/init/init-plan.ts';
import type { Lab } from '../../lab/lab.ts';
import { hold, hostSpec } from './init-fixture.ts';

/** A lab host as an inventory has it. */
export const labHost = (lab: Lab, index: number, profile: string): HostSpec => {
  const at = lab.hosts[index - 1];
  if (at === undefined) throw new Error(`the lab has no host ${index}`);
  const ssh = {
    address: at.address,
    user: 'root',
    identityFiles: [lab.keyFile],
    hostKeys: [at.fingerprint],
  };
  return hostSpec(`h${index}`, { ssh, profile });
};

/** Runs one program on a lab host, as `fleet init` does. */
export async function runOnHost(
  lab: Lab,
  plans: readonly HostInitPlan[],
  openBlob: InitMaterials['openBlob'],
): Promise<HostInitOutcome> {
  const context = createSshContext({
    homeDirectory: '/nonexistent',
    localUser: 'test',
    agentSocket: null,
    knownHosts: lab.knownHostsFile,
    configFiles: [],
    readSecret: async () => '',
  });
  const [plan] = plans;
  if (plan === undefined) throw new Error('no plan');
  const remote = createSshRemote(plan.host, context);
  const [outcome] = await runInit(plans, {
    remoteFor: () => remote,
    freshRemote: () => createSshRemote(plan.host, context),
    openBlob,
    onEvent: () => {},
    concurrency: 1,
  });
  await remote.close();
  if (outcome === undefined) throw new Error('no outcome');
  return outcome;
}

export const initOnHost = (
  lab: Lab,
  host: HostSpec,
  from: InitMaterials,
  options: Partial<InitOptions>,
): Promise<HostInitOutcome> => {
  const whole = { check: false, diff: false, upgrade: false, only: [], skip: [], ...options };
  return runOnHost(
    lab,
    planInit({ fleet: 'test', hold, hosts: [host] }, from, whole),
    from.openBlob,
  );
};

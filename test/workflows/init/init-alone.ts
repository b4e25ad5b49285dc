/**
 * `node init-alone.ts HOSTSPEC KNOWN_HOSTS`: initialises one host and says a line when it begins,
 * so that a test can kill it.
 */
import type { HostSpec } from '../../../src/model/inventory.ts';
import { createSshContext } from '../../../src/remote/config/ssh-context.ts';
import { createSshRemote } from '../../../src/remote/ssh/ssh-remote.ts';
import { runInit } from '../../../src/workflows/init/init.ts';
import { loadInitMaterials } from '../../../src/workflows/init/init-materials.ts';
import { planInit } from '../../../src/workflows/init/init-plan.ts';
import { hold, packageDirectory } from './init-fixture.ts';

const host = JSON.parse(process.argv[2] ?? '') as HostSpec;
const materials = await loadInitMaterials({
  root: packageDirectory,
  profiles: [host.profile],
  runtimeMirror: null,
});
const context = createSshContext({
  homeDirectory: '/nonexistent',
  localUser: 'test',
  agentSocket: null,
  knownHosts: process.argv[3] ?? '',
  configFiles: [],
  readSecret: async () => '',
});
const remote = createSshRemote(host, context);
const plans = planInit({ fleet: 'test', hold, hosts: [host] }, materials, {
  check: false,
  diff: false,
  upgrade: false,
  only: [],
  skip: [],
});
console.log('begins');
await runInit(plans, {
  remoteFor: () => remote,
  freshRemote: () => createSshRemote(host, context),
  openBlob: materials.openBlob,
  onEvent: () => {},
  concurrency: 1,
});
await remote.close();

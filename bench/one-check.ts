/**
 * `node bench/one-check.ts JSON`: how long a check of one host takes over a link that is open
 * already, ms; the best of three. For bench/init.ts.
 */
import { createSshContext } from '../src/remote/config/ssh-context.ts';
import { createSshRemote } from '../src/remote/ssh/ssh-remote.ts';
import { runInit } from '../src/workflows/init/init.ts';
import { loadInitMaterials } from '../src/workflows/init/init-materials.ts';
import { planInit } from '../src/workflows/init/init-plan.ts';
import { hold, hostSpec, packageDirectory } from '../test/workflows/init/init-fixture.ts';

const { address, key, fingerprint } = JSON.parse(process.argv[2] ?? '') as {
  address: string;
  key: string;
  fingerprint: string;
};
const host = hostSpec('h1', { ssh: { address, identityFiles: [key], hostKeys: [fingerprint] } });
const context = createSshContext({
  homeDirectory: '/nonexistent',
  localUser: 'bench',
  agentSocket: null,
  knownHosts: '/nonexistent',
  configFiles: [],
  readSecret: async () => '',
});
const materials = await loadInitMaterials({
  root: packageDirectory,
  profiles: [host.profile],
  runtimeMirror: null,
});
const flags = { check: true, diff: false, upgrade: false, only: [], skip: [] };
const plans = planInit({ fleet: 'bench', hold, hosts: [host] }, materials, flags);
const remote = createSshRemote(host, context);
await remote.connect();
const world = {
  remoteFor: () => remote,
  freshRemote: () => remote,
  openBlob: materials.openBlob,
  onEvent: () => {},
  concurrency: 1,
};
const times: number[] = [];
for (let round = 0; round < 3; round += 1) {
  const began = performance.now();
  const [outcome] = await runInit(plans, world);
  if (outcome === undefined || outcome.error !== null) throw outcome?.error;
  times.push(performance.now() - began);
}
await remote.close();
console.log(Math.min(...times));

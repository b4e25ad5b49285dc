import { join } from 'node:path';
import type { HostSpec, SshSettings } from '../../../src/model/inventory.ts';
import type { HostName } from '../../../src/model/names.ts';
import type { HostBundle } from '../../../src/release/host-bundle.ts';
import { suiteFacts, suiteOfRun } from '../../lab/suites.ts';

export const packageDirectory = join(import.meta.dirname, '..', '..', '..');

const ssh: SshSettings = {
  address: null,
  user: 'root',
  port: null,
  identityFiles: [],
  hostKeys: [],
  password: null,
  passphrase: null,
  sudoPassword: null,
  sudo: 'full',
  initUser: null,
  transport: 'ssh2',
  connectTimeoutMs: 10_000,
  commandTimeoutMs: 30_000,
};

/** A host as the inventory gives it; what a test does not care about has some value. */
export const hostSpec = (
  name: string,
  change: Partial<Omit<HostSpec, 'ssh'>> & { readonly ssh?: Partial<SshSettings> } = {},
): HostSpec => ({
  name: name as HostName,
  groups: [],
  labels: {},
  zone: null,
  location: null,
  fence: null,
  profile: 'account-host',
  maxAccounts: 5,
  cordoned: false,
  limits: {
    memoryMaxBytes: 512e6,
    memoryHighBytes: 400e6,
    memoryReserveBytes: 200e6,
    cpuMaxCores: 0.5,
    cpuReserveCores: 0.2,
    tasksMax: 64,
    diskMaxBytes: 1e9,
    filesMax: 20_000,
    logMax: 500,
  },
  timeZone: 'Etc/UTC',
  allowUnsupportedOs: !suiteFacts(suiteOfRun()).isSupported,
  ...change,
  ssh: { ...ssh, ...change.ssh },
});

export const hold = {
  holdAfterMs: 600_000,
  requireClockSync: false,
  settleMs: 3000,
  settleUncleanMs: 9000,
};

/** A release without content, for plans that are only looked at. */
export const emptyBundle: HostBundle = {
  release: {
    id: '0123456789abcdef',
    files: [{ path: 'lib/agent.cjs', mode: 0o644, sha256: 'a'.repeat(64), bytes: 3 }],
  },
  units: [{ name: 'fleet-agent.service', text: '[Unit]\n' }],
  open: () => null,
};

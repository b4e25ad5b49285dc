import type { AccountLimits, HostSpec, Location, SshSettings } from '../../model/inventory.ts';
import { formatSecretReference } from '../schema/secret-reference.ts';
import {
  byDefault,
  explainKeys,
  explainRows,
  type Layer,
  type Origin,
  originIn,
  type Row,
  type Setting,
  type SettingValue,
  type Written,
  writtenDuration,
  writtenSize,
} from './setting.ts';

export const writtenPlace = (place: Location | null): string | null =>
  place === null
    ? null
    : `${place.name}${place.country === null ? '' : `, ${place.country}`} ` +
      `(${place.latitude}, ${place.longitude})`;

/** Limits of accounts, as a host or an account says them. */
export const limitRows: readonly Row<Partial<AccountLimits>>[] = [
  {
    path: ['limits', 'memory_max'],
    value: ({ memoryMaxBytes: size }) => (size === undefined ? null : writtenSize(size)),
  },
  {
    path: ['limits', 'memory_high'],
    others: [['limits', 'memory_max']],
    value: ({ memoryHighBytes: size }) => (size === undefined ? null : writtenSize(size)),
  },
  {
    path: ['limits', 'memory_reserve'],
    value: ({ memoryReserveBytes: size }) => (size === undefined ? null : writtenSize(size)),
  },
  { path: ['limits', 'cpu_max'], value: ({ cpuMaxCores }) => cpuMaxCores ?? null },
  { path: ['limits', 'cpu_reserve'], value: ({ cpuReserveCores }) => cpuReserveCores ?? null },
  { path: ['limits', 'tasks_max'], value: ({ tasksMax }) => tasksMax ?? null },
  {
    path: ['limits', 'disk_max'],
    value: ({ diskMaxBytes: size }) => (size === undefined ? null : writtenSize(size)),
  },
  { path: ['limits', 'files_max'], value: ({ filesMax }) => filesMax ?? null },
  { path: ['limits', 'log_max'], value: ({ logMax }) => logMax ?? null },
];

/** Everything of a host but labels, limits and ssh. */
export const hostRows: readonly Row<HostSpec>[] = [
  { path: ['groups'], value: ({ groups }) => groups },
  { path: ['zone'], value: ({ zone }) => zone },
  { path: ['location'], value: ({ location }) => writtenPlace(location) },
  { path: ['profile'], value: ({ profile }) => profile },
  { path: ['max_accounts'], value: ({ maxAccounts }) => maxAccounts },
  { path: ['cordoned'], value: ({ cordoned }) => cordoned },
  { path: ['time_zone'], value: ({ timeZone }) => timeZone },
  { path: ['fence'], value: ({ fence }) => (fence === null ? null : fence.off) },
  { path: ['allow_unsupported_os'], value: ({ allowUnsupportedOs }) => allowUnsupportedOs },
];

const reference = (secret: SshSettings['password']): string | null =>
  secret === null ? null : formatSecretReference(secret);

/** The keys of ssh that no ssh config says. */
export const sshRows: readonly Row<SshSettings>[] = [
  { path: ['password'], value: ({ password }) => reference(password) },
  { path: ['passphrase'], value: ({ passphrase }) => reference(passphrase) },
  { path: ['sudo'], value: ({ sudo }) => sudo },
  { path: ['sudo_password'], value: ({ sudoPassword }) => reference(sudoPassword) },
  { path: ['init_user'], value: ({ initUser }) => initUser },
  { path: ['transport'], value: ({ transport }) => transport },
  { path: ['connect_timeout'], value: ({ connectTimeoutMs }) => writtenDuration(connectTimeoutMs) },
  { path: ['command_timeout'], value: ({ commandTimeoutMs }) => writtenDuration(commandTimeoutMs) },
];

/**
 * How a host is reached once the ssh config has its say; `sources`: keyword of that config, in
 * lower case, to `FILE:LINE`.
 */
export interface ReachedBy {
  readonly address: string;
  readonly port: number;
  readonly user: string;
  readonly identityFiles: readonly string[];
  readonly identitiesExplicit: boolean;
  readonly agentSocket: string | null;
  /** `user@address:port`, first one first. */
  readonly jumps: readonly string[];
  readonly keyName: string;
  readonly sources: ReadonlyMap<string, string>;
}

/** Groups of a host, as they apply. */
const layersOf = (
  { name, groups }: HostSpec,
  general: Layer,
  below: readonly string[],
): readonly Layer[] => [
  general,
  ...groups.map((group): Layer => ({ text: `group ${group}`, path: ['groups', group, ...below] })),
  { text: 'host', path: ['hosts', name, ...below] },
];

function reachSettings(
  spec: HostSpec,
  reached: ReachedBy,
  written: Written,
  layers: readonly Layer[],
): readonly Setting[] {
  const config = (keyword: string): Origin | null => {
    const place = reached.sources.get(keyword);
    return place === undefined ? null : { kind: 'ssh-config', text: 'ssh config', place };
  };
  const own = (key: string): Origin | null => originIn(written, layers, [key]);
  const host: readonly Layer[] = [{ text: 'host', path: ['hosts', spec.name] }];
  const environment = (text: string): Origin => ({ kind: 'environment', text, place: null });
  const rows: readonly (readonly [string, SettingValue, Origin])[] = [
    [
      'address',
      reached.address,
      config('hostname') ?? originIn(written, host, ['address']) ?? byDefault("the host's name"),
    ],
    ['ssh.user', reached.user, own('user') ?? config('user') ?? environment('whoever runs fleet')],
    ['ssh.port', reached.port, own('port') ?? config('port') ?? byDefault("OpenSSH's default")],
    [
      'ssh.identity_files',
      reached.identityFiles,
      own('identity_files') ?? config('identityfile') ?? byDefault("OpenSSH's defaults"),
    ],
    ['ssh-agent', reached.agentSocket, config('identityagent') ?? environment('SSH_AUTH_SOCK')],
    ['ProxyJump', reached.jumps, config('proxyjump') ?? byDefault()],
    [
      'name in known_hosts',
      reached.keyName,
      config('hostkeyalias') ?? byDefault('address and port'),
    ],
    ['host_keys', spec.ssh.hostKeys, originIn(written, host, ['host_keys']) ?? byDefault()],
  ];
  return rows.map(([key, value, from]) => ({ key, value, from }));
}

/** What is in effect for a host, and who says it. `reached` null: the ssh config refuses it. */
export function explainHost(
  spec: HostSpec,
  reached: ReachedBy | null,
  written: Written,
): readonly Setting[] {
  const layers = layersOf(spec, { text: 'defaults', path: ['defaults'] }, []);
  const ssh = layersOf(spec, { text: 'ssh', path: ['ssh'] }, ['ssh']);
  const sshSettings = explainRows(sshRows, spec.ssh, written, ssh).map((setting) => ({
    ...setting,
    key: `ssh.${setting.key}`,
  }));
  return [
    ...(reached === null ? [] : reachSettings(spec, reached, written, ssh)),
    ...sshSettings,
    ...explainRows(hostRows, spec, written, layers),
    ...explainKeys('labels', spec.labels, written, layers),
    ...explainRows(limitRows, spec.limits, written, layers),
  ];
}

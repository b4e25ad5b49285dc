import { hostPaths } from '../../hostside/protocol/paths.ts';
import type { HostRelease, HostRuntime } from '../model/release.ts';
import { firewallStep } from './firewall.ts';
import { type FileGroup, guardedFilesStep, isGuarded } from './guard.ts';
import { limitsStep, sysctlStep } from './kernel.ts';
import { checksStep, ownUnitsStep, startedUnits, usersStep } from './own.ts';
import { packagesStep, upgradeStep } from './packages.ts';
import {
  foreignStep,
  type HostNames,
  hostSupportStep,
  identityStep,
  ledgerStep,
  type MemoryWish,
  memoryStep,
  spaceStep,
} from './preflight.ts';
import type { Profile } from './profile.ts';
import { type PythonEnvironment, pythonStep } from './python.ts';
import { agentStep, hostConfigStep, releaseStep, runtimeStep, unitsStep } from './release.ts';
import { servicesStep } from './services.ts';
import { filesStep, type Step } from './step.ts';
import { type NarrowSudo, sudoStep } from './sudo.ts';
import { timeZoneStep } from './time-zone.ts';
import { directoriesStep, formerUserStep, serviceUser, userStep } from './user.ts';

/** Everything that decides a host's steps, read beforehand. */
export interface DesiredHost {
  readonly names: HostNames;
  readonly profile: Profile;
  /** Text of every `source` that the profile names. */
  readonly sources: Readonly<Record<string, string>>;
  /** One for each entry of the profile's `python`. */
  readonly python: readonly PythonEnvironment[];
  /** Whether differences of the project's files are to be shown. */
  readonly showTexts: boolean;
  readonly timeZone: string;
  readonly memory: MemoryWish;
  readonly allowUnsupportedOs: boolean;
  readonly upgrade: boolean;
  /** Content of /etc/fleet/host.json. */
  readonly hostConfig: string;
  /** null: sudo stays as the operator has it. */
  readonly narrowSudo: NarrowSudo | null;
  /** {@link Inventory.egress} */
  readonly egress: readonly string[] | null;
  readonly release: HostRelease;
  readonly runtimes: readonly HostRuntime[];
  readonly units: readonly { readonly name: string; readonly text: string }[];
}

const ownDirectories = [
  { path: '/opt/fleet', mode: '755', owner: 'root:root' },
  { path: hostPaths.releases, mode: '755', owner: 'root:root' },
  { path: hostPaths.runtimes, mode: '755', owner: 'root:root' },
  { path: '/etc/fleet', mode: '755', owner: 'root:root' },
  { path: '/var/lib/fleet', mode: '755', owner: 'root:root' },
  { path: '/var/lib/fleet/init', mode: '755', owner: 'root:root' },
  // Accounts open files there by their own key id and cannot list the others'; the agent's group
  // may.
  { path: hostPaths.claims, mode: '751', owner: `root:${serviceUser}` },
  { path: hostPaths.locks, mode: '711', owner: 'root:root' },
  { path: hostPaths.behaviour, mode: '711', owner: 'root:root' },
  { path: hostPaths.accountState, mode: '711', owner: 'root:root' },
  { path: hostPaths.accounts, mode: '700', owner: 'root:root' },
] as const;

/**
 * A host's steps in the order in which they run: refusals first, then settings (so that a daemon
 * finds them when its package starts it),
 * packages in the background, meanwhile runtime, release and agent, and last what needs the
 * packages. Custom workers' environments come at the very end: one
 * that fails keeps nothing else from being ready.
 */
export function hostSteps(desired: DesiredHost): readonly Step[] {
  const { profile, release } = desired;
  const entries = (value: object): number => Object.keys(value).length;
  const groups = fileGroups(profile, desired.sources);
  const guarded = groups.filter(isGuarded);
  // What keeps accounts to a list.
  const packages = [
    ...new Set([...profile.packages, ...(desired.egress === null ? [] : ['nftables'])]),
  ];
  return [
    hostSupportStep(desired.allowUnsupportedOs),
    ledgerStep(),
    identityStep(desired.names),
    spaceStep(),
    foreignStep(),
    memoryStep(desired.memory),
    ...groups.filter((group) => !isGuarded(group)).map(plainFilesStep),
    ...(packages.length > 0 ? [packagesStep(packages, profile.aptWait)] : []),
    ...(entries(profile.limits) > 0 ? [limitsStep(profile.limits)] : []),
    ...(entries(profile.sysctl) > 0 ? [sysctlStep(profile.sysctl)] : []),
    userStep(),
    directoriesStep([...ownDirectories, ...profile.directories]),
    runtimeStep(desired.runtimes),
    releaseStep(release, desired.runtimes),
    hostConfigStep(desired.hostConfig, desired.egress),
    unitsStep(desired.units),
    agentStep(release),
    sudoStep(desired.narrowSudo),
    formerUserStep(),
    ...(desired.upgrade ? [upgradeStep()] : []),
    ...(profile.timeZone !== false ? [timeZoneStep(desired.timeZone)] : []),
    ...(profile.users.length > 0 ? [usersStep(profile.users)] : []),
    ...(profile.units.length > 0 ? [ownUnitsStep(profile.units, desired.sources)] : []),
    ...guarded.map((group) => guardedFilesStep(group, profile.services)),
    ...servicesSteps(profile),
    ...(profile.firewall === true ? [firewallStep()] : []),
    ...(entries(profile.checks) > 0 ? [checksStep(profile.checks)] : []),
    ...desired.python.map((environment) => pythonStep(environment, desired.showTexts)),
  ];
}

/** Units that have to run, and those that only have to read files again. */
function servicesSteps(profile: Profile): readonly Step[] {
  const readers = Object.values(profile.files).flatMap(({ restart }) =>
    restart === undefined ? [] : [restart],
  );
  const services = [...new Set([...profile.services, ...startedUnits(profile.units)])];
  const onlyReaders = [...new Set(readers)].filter((unit) => !services.includes(unit));
  return services.length + onlyReaders.length > 0 ? [servicesStep(services, onlyReaders)] : [];
}

const fileGroups = (
  profile: Profile,
  sources: Readonly<Record<string, string>>,
): readonly FileGroup[] =>
  Object.entries(profile.files).map(([id, { title, restart = null, files }]) => ({
    id,
    title,
    restart,
    files: files.map(({ path, source, mode, owner }) => ({
      path,
      text: sources[source] ?? '',
      mode: mode ?? usualMode(path),
      owner,
      ...(restart === null ? {} : { owes: `restart.${restart}` }),
    })),
  }));

/** sudo wants its own mode. */
const usualMode = (path: string): string => (path.startsWith('/etc/sudoers') ? '440' : '644');

const plainFilesStep = ({ id, title, files }: FileGroup): Step => filesStep(id, title, files);

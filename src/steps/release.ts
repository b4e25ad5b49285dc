import { hostPaths } from '../../hostside/protocol/paths.ts';
import type { HostRelease, HostRuntime } from '../model/release.ts';
import { quoteShell } from '../remote/shared/shell-command.ts';
import { filesStep, type ManagedFile, type Step, shellWords } from './step.ts';

const runtimePath = ({ version, arch, sha256 }: HostRuntime): string =>
  `${hostPaths.runtimes}/${version}-${arch}-${sha256.slice(0, 12)}`;
const octal = (mode: number): string => mode.toString(8);

/** Each step declares all that it uses: `--only` may leave out the others. */
const declareRuntimes = (runtimes: readonly HostRuntime[]): string =>
  [
    'declare -A RUNTIME=()',
    ...runtimes.map(
      (runtime) =>
        `RUNTIME[${runtime.arch}]=${quoteShell(`${runtime.sha256} ${runtime.bytes} ${runtimePath(runtime)}`)}`,
    ),
  ].join('\n');

/**
 * The Node.js binary for the host's own architecture; asked for as a blob when it is not there, and
 * run once before it counts.
 */
export function runtimeStep(runtimes: readonly HostRuntime[]): Step {
  return {
    id: 'runtime',
    title: `runtime (Node ${runtimes[0]?.version ?? ''})`,
    looksAt: { paths: runtimes.map((runtime) => `${runtimePath(runtime)}/bin/node`) },
    declare: declareRuntimes(runtimes),
    check: 'want_runtime',
    apply: 'put_runtime',
  };
}

/**
 * The release's directory, whole or absent; files that an earlier release already brought are not
 * sent again.
 */
export function releaseStep(release: HostRelease, runtimes: readonly HostRuntime[]): Step {
  const directory = `${hostPaths.releases}/${release.id}`;
  return {
    id: 'release',
    title: `release ${release.id}`,
    looksAt: { paths: [directory, ...release.files.map((file) => `${directory}/${file.path}`)] },
    declare: [
      declareRuntimes(runtimes),
      `RELEASE=${release.id}`,
      `RELEASE_FILES=(${shellWords(release.files.map((file) => `${file.sha256} ${file.bytes} ${octal(file.mode)} ${file.path}`))}` +
        ')',
    ].join('\n'),
    check: 'want_release',
    apply: 'put_release',
  };
}

/**
 * What the host knows about itself, `/etc/fleet/host.json`, and where its accounts may connect to
 * (from their next start).
 */
export function hostConfigStep(text: string, egress: readonly string[] | null): Step {
  const allowed = (egress ?? []).map((entry) => `allow ${entry}\n`).join('');
  const egressText =
    '# Written by fleet init. Where something is allowed here, accounts can connect to ' +
    `nothing else but name servers.\n${allowed}`;
  return filesStep('host-config', 'settings of this host', [
    {
      path: hostPaths.hostConfig,
      text,
      mode: '644',
      owner: 'root:root',
      owes: 'restart.fleet-agent.service',
    },
    { path: hostPaths.egress, text: egressText, mode: '644', owner: 'root:root' },
  ]);
}

/**
 * fleet's own units. Running accounts are not touched by a changed template: it counts from their
 * next start.
 */
export function unitsStep(
  units: readonly { readonly name: string; readonly text: string }[],
): Step {
  const files = units.map(
    ({ name, text }): ManagedFile => ({
      path: `/etc/systemd/system/${name}`,
      text,
      mode: '644',
      owner: 'root:root',
      owes: name === 'fleet-agent.service' ? 'restart.fleet-agent.service' : 'reload',
    }),
  );
  return filesStep('units', `units (${units.length})`, files);
}

/**
 * Switches `current` to the release, starts hold and agent, and asks the agent over its socket.
 * When it does not answer within 20 s the
 * former release with its units is put back and the step fails.
 */
export function agentStep(release: HostRelease): Step {
  return {
    id: 'agent',
    title: `agent of release ${release.id}`,
    looksAt: {
      paths: [hostPaths.current],
      units: ['fleet-agent.service', 'fleet-hold.service', 'fleet-quota.service'],
    },
    declare: `RELEASE=${release.id} AGENT_SOCKET=${hostPaths.agentSocket}`,
    check: 'want_agent',
    apply: 'put_agent',
  };
}

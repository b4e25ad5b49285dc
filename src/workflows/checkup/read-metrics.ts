import { hostPaths } from '../../../hostside/protocol/paths.ts';
import { sampleLimitBytes } from '../../facts/agent-sample.ts';
import { selectHosts } from '../../inventory/select-hosts.ts';
import { listHosts } from '../../ledger/queries/hosts.ts';
import { FleetError } from '../../model/errors.ts';
import type { HostSpec } from '../../model/inventory.ts';
import { isExpectedAway } from '../../ownership/announced-reboot.ts';
import { forEachHost } from '../../remote/for-each-host.ts';
import type { FleetContext } from '../context.ts';

export interface FleetMetrics {
  /** Prometheus' text format, each family once. */
  readonly text: string;
  /** Hosts that did not answer: `fleet_host_up` is 0 for them. */
  readonly errors: readonly FleetError[];
}

/**
 * The metrics of all chosen hosts as one text, for a scrape or a collector's file. Looks only;
 * hosts that fail are left out and counted.
 */
export async function readMetrics(
  context: FleetContext,
  limit: readonly string[],
): Promise<FleetMetrics> {
  const hosts = selectHosts(context.inventory, limit);
  const outcomes = await forEachHost(
    hosts,
    context.inventory.concurrency,
    (host) => readHost(context, host),
    context.signal,
  );
  const up = outcomes
    .map(({ host, ok }) => `fleet_host_up{host="${host.name}"} ${ok ? 1 : 0}\n`)
    .join('');
  const rows = new Map((await listHosts(context.ledger.db)).map((row) => [row.name, row]));
  const isAway = ({ name }: HostSpec): boolean =>
    isExpectedAway(rows.get(name)?.announced_until ?? null, context.now());
  const announced = hosts
    .map((host) => `fleet_host_reboot_announced{host="${host.name}"} ${isAway(host) ? 1 : 0}\n`)
    .join('');
  const texts = outcomes.flatMap((outcome) => (outcome.ok ? [outcome.value] : []));
  const head =
    '# HELP fleet_host_up Whether the agent of the host answered just now.\n# TYPE ' +
    `fleet_host_up gauge\n${up}# HELP fleet_host_reboot_announced Whether the host is ` +
    `expected to be away.\n# TYPE fleet_host_reboot_announced gauge\n${announced}`;
  return {
    text: `${head}${mergeMetrics(texts)}`,
    errors: outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.error])),
  };
}

async function readHost(context: FleetContext, host: HostSpec): Promise<string> {
  const reply = await context.remoteFor(host).get(hostPaths.agentSocket, '/metrics', {
    maxBytes: sampleLimitBytes(host.maxAccounts),
  });
  if (reply.status === 200) return ownMetrics(host.name, Buffer.from(reply.body).toString('utf8'));
  throw new FleetError(
    'agent-reply',
    `${host.name}: the agent answered with status ${reply.status}`,
    {
      host: host.name,
      hint: `its release is older than the metrics: fleet init --limit ${host.name}`,
    },
  );
}

const familyName = 'fleet_[a-z0-9_]{1,80}';
const headPattern = new RegExp(
  `^# (?:HELP ${familyName} [ -~]{0,200}|TYPE ${familyName} (?:gauge|counter|histogram))$`,
);
const label = '[a-z_]{1,40}="(?:[^"\\\\\\x00-\\x1f\\x7f]|\\\\[\\\\"n]){0,600}"';
const pointPattern = new RegExp(
  `^(${familyName})\\{host="([^"]*)"(?:,${label})*\\} (?:NaN|[+-]?[0-9][0-9.e+-]{0,30})$`,
);

/** What this side says of a host. */
const ofOperator: readonly string[] = ['fleet_host_up', 'fleet_host_reboot_announced'];

/**
 * The lines of a host's text that are metrics of fleet about that very host, in the form in which
 * the agent writes them: it speaks for no other host, and what
 * it adds reaches no collector. Pure.
 */
export const ownMetrics = (host: string, text: string): string =>
  text
    .split('\n')
    .filter((line) => {
      if (line.startsWith('#')) return headPattern.test(line);
      const [, name, about] = pointPattern.exec(line) ?? [];
      return about === host && !ofOperator.includes(name ?? '');
    })
    .map((line) => `${line}\n`)
    .join('');

/**
 * Texts of several hosts as one. The format wants all lines of a family together, below its one
 * HELP and TYPE. Pure.
 */
export function mergeMetrics(texts: readonly string[]): string {
  const families = new Map<string, { readonly head: string[]; readonly points: string[] }>();
  for (const text of texts) {
    let family: { readonly head: string[]; readonly points: string[] } | undefined;
    for (const line of text.split('\n').filter((each) => each !== '')) {
      const [, word = '', name = ''] = /^# (HELP|TYPE) (\S+)/.exec(line) ?? [];
      if (word === 'HELP') {
        family = families.get(name) ?? { head: [], points: [] };
        families.set(name, family);
      }
      if (word === '') family?.points.push(line);
      else if (family !== undefined && family.head.length < 2) family.head.push(line);
    }
  }
  return [...families.values()]
    .map(({ head, points }) => `${[...head, ...points].join('\n')}\n`)
    .join('');
}

import { isIP } from 'node:net';
import type { HostRow } from '../../ledger/schema.ts';
import { FleetError, isUnreachable } from '../../model/errors.ts';
import type { HostSpec } from '../../model/inventory.ts';
import type { Remote } from '../../remote/remote.ts';
import type { FleetContext } from '../context.ts';
import type { HostReading } from './read-samples.ts';

/** Hosts that are asked at most whether they get through. */
const mostNeighbours = 2;
const lookBytes = 4_096;

/**
 * The same readings; of hosts that no connection reaches from here the reason is another where
 * other hosts of the fleet get through to them.
 */
export async function nameShutOut(
  context: FleetContext,
  readings: readonly HostReading[],
): Promise<HostReading[]> {
  const answering = readings.filter(({ problem }) => problem === null).map(({ host }) => host);
  const name = async (reading: HostReading): Promise<HostReading> => {
    if (reading.problem === null || !isUnreachable(reading.problem)) return reading;
    return {
      ...reading,
      problem: (await askNeighbours(context, reading.host, answering)) ?? reading.problem,
    };
  };
  return Promise.all(readings.map(name));
}

/**
 * {@link nameShutOut} for one host, by those that answered last. null: nobody gets through to it.
 */
export async function shutOutOf(
  context: FleetContext,
  host: HostSpec,
  rows: readonly HostRow[],
): Promise<FleetError | null> {
  const healthy = rows.filter(
    ({ health, off_at, destroyed_at }) =>
      health === 'healthy' && off_at === null && destroyed_at === null,
  );
  const neighbours = context.inventory.hosts.filter(
    ({ name }) => name !== host.name && healthy.some((row) => row.name === name),
  );
  return askNeighbours(context, host, neighbours);
}

async function askNeighbours(
  context: FleetContext,
  host: HostSpec,
  neighbours: readonly HostSpec[],
): Promise<FleetError | null> {
  const asked = neighbours
    .slice(0, mostNeighbours)
    .map((neighbour) => lookThrough(context, host, neighbour));
  return Promise.any(asked).catch(() => null);
}

/**
 * A login through another host: the same host key, the same user. Rejects where that does not get
 * through either.
 */
async function lookThrough(
  context: FleetContext,
  host: HostSpec,
  neighbour: HostSpec,
): Promise<FleetError> {
  const remote = context.remoteThrough(host, neighbour);
  try {
    const there = await remote.connect();
    const between = context.remoteFor(neighbour);
    const way = await between.connect();
    const own = await ownAddress(between);
    const until = own === '' ? null : await banOf(remote, own);
    const from = own === '' ? 'this address' : `this address (${own})`;
    const what =
      until === null
        ? `takes no connections from ${from} now, and runs`
        : `has banned ${from}: fail2ban, until ${until}`;
    const cause =
      until === null
        ? 'a ban after refused logins (fail2ban), a firewall, or the network in between: wait'
        : 'wait';
    const ssh =
      `ssh -J ${way.user}@${bracketed(way.address)}:${way.port} -p ${there.port} ` +
      `${there.user}@${there.address}`;
    return new FleetError(
      'ssh-refused',
      `${host.name}: the host ${what}; ${neighbour.name} gets through to it`,
      {
        host: host.name,
        hint:
          `${cause}, or look at it from there: ${ssh}; as root there, a ban ends by: ` +
          `fail2ban-client set sshd unbanip ${own || 'ADDRESS'}`,
      },
    );
  } finally {
    await remote.close();
  }
}

const bracketed = (address: string): string => (isIP(address) === 6 ? `[${address}]` : address);

/** From where hosts see this machine's connections; '' where that cannot be told. */
async function ownAddress(neighbour: Remote): Promise<string> {
  const address = await said(neighbour, `printf '%s' "\${SSH_CONNECTION%% *}"`, false);
  return isIP(address) === 0 ? '' : address;
}

/**
 * Until when, in words of the host's clock, fail2ban keeps the address out; null: it does not, or
 * that cannot be seen.
 */
async function banOf(remote: Remote, address: string): Promise<string | null> {
  const line = await said(
    remote,
    `fail2ban-client get sshd banip --with-time | grep -F -- '${address} '`,
    true,
  );
  return /= (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\s*$/.exec(line)?.[1] ?? null;
}

async function said(remote: Remote, command: string, asRoot: boolean): Promise<string> {
  const result = await remote
    .run({ command, asRoot, replyLimit: { bytes: lookBytes } })
    .catch(() => null);
  return result?.exitCode === 0 ? Buffer.from(result.stdout).toString('utf8').trim() : '';
}

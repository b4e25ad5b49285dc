import { hostPaths } from '../../../hostside/protocol/paths.ts';
import { agentProtocol, type HostSample } from '../../../hostside/protocol/sample.ts';
import type { LedgerDb } from '../../ledger/ledger.ts';
import { recordInstance } from '../../ledger/queries/host-machine.ts';
import { ensureHosts, recordFailure, recordSeen } from '../../ledger/queries/hosts.ts';
import { latestSamples, recordSample } from '../../ledger/queries/records.ts';
import { FleetError } from '../../model/errors.ts';
import type { HostSpec } from '../../model/inventory.ts';
import { judgeAll } from '../../ownership/host-identity.ts';
import { forEachHost } from '../../remote/for-each-host.ts';
import type { Remote } from '../../remote/remote.ts';
import type { FleetContext } from '../context.ts';
import { wasCut } from '../interrupted.ts';
import { identityError, listMachines } from './host-identity.ts';

/**
 * What is known about a host's load. `sample` and `problem` may both be there: an old sample of a
 * host that no longer answers.
 */
export interface HostReading {
  readonly host: HostSpec;
  readonly sample: HostSample | null;
  /** By the operator's clock; null: never. */
  readonly takenAtMs: number | null;
  readonly problem: FleetError | null;
}

/**
 * The newest sample of each host, refreshed over SSH, concurrently, where it is older than
 * `maxAgeMs` (0: always). A host that does
 * not answer is a value, and its failure is counted in the ledger. Same order as `hosts`.
 */
export async function readSamples(
  context: FleetContext,
  hosts: readonly HostSpec[],
  maxAgeMs: number,
): Promise<HostReading[]> {
  const known = await knownReadings(context, hosts);
  const isFresh = (takenAtMs: number): boolean => {
    const ageMs = context.now() - takenAtMs;
    // From the future: this machine's clock was ahead when it was taken.
    return ageMs >= 0 && ageMs < maxAgeMs;
  };
  const stale = known.filter(({ takenAtMs }) => takenAtMs === null || !isFresh(takenAtMs));
  if (stale.length === 0) return known;
  await ensureHosts(
    context.ledger.db,
    hosts.map(({ name }) => name),
  );
  const outcomes = await forEachHost(
    stale.map(({ host }) => host),
    context.inventory.concurrency,
    (host) => refresh(context, host),
    context.signal,
  );
  const samples = outcomes.flatMap((outcome) => (outcome.ok ? [outcome.value] : []));
  const heard = samples.map(({ host, sample }) => ({
    name: host.name,
    instanceId: sample.host.instanceId,
    machineId: null,
  }));
  const faults = judgeAll(heard, await listMachines(context));
  const fresh = new Map<string, HostReading>();
  // All at once: each commit waits for the disk.
  await context.ledger.db.transaction().execute(async (transaction) => {
    for (const outcome of outcomes) {
      const { host } = outcome;
      const before = known.find((reading) => reading.host.name === host.name);
      const fault = faults.get(host.name);
      const problem = !outcome.ok
        ? outcome.error
        : fault === undefined
          ? null
          : identityError(host.name, fault);
      if (outcome.ok && problem === null) await recordFresh(transaction, outcome.value);
      else if (problem !== null && !wasCut([problem]))
        await recordFailure(transaction, host.name, problem.message);
      if (outcome.ok && problem !== null)
        await recordInstance(transaction, host.name, outcome.value.sample.host.instanceId);
      const reading =
        outcome.ok && problem === null
          ? { sample: outcome.value.sample, takenAtMs: outcome.value.takenAtMs, problem }
          : { sample: before?.sample ?? null, takenAtMs: before?.takenAtMs ?? null, problem };
      fresh.set(host.name, { host, ...reading });
    }
  });
  return known.map((reading) => fresh.get(reading.host.name) ?? reading);
}

/** What the ledger has, without asking anybody. */
export async function knownReadings(
  context: Pick<FleetContext, 'ledger'>,
  hosts: readonly HostSpec[],
): Promise<HostReading[]> {
  const samples = new Map((await latestSamples(context.ledger.db)).map((row) => [row.host, row]));
  const read = async (host: HostSpec): Promise<HostReading> => {
    const row = samples.get(host.name);
    if (row === undefined) return { host, sample: null, takenAtMs: null, problem: null };
    return {
      host,
      sample: await recordedSample(host.name, row.sample_json),
      takenAtMs: row.taken_at,
      problem: null,
    };
  };
  return Promise.all(hosts.map(read));
}

/**
 * A sample was parsed before it was recorded; only one that was recorded by an older fleet is
 * parsed again.
 */
async function recordedSample(host: string, json: string): Promise<HostSample> {
  const sample = JSON.parse(json) as HostSample & { readonly protocol: number };
  if (sample.protocol === agentProtocol) return sample;
  const { parseHostSample } = await import('../../facts/agent-sample.ts');
  return parseHostSample(host, new TextEncoder().encode(json));
}

interface FreshSample {
  readonly host: HostSpec;
  readonly sample: HostSample;
  readonly takenAtMs: number;
  readonly latencyMs: number;
}

/**
 * What the agent measures now, and how long a round trip takes, ms. Records nothing. Errors: those
 * of the Remote, `agent-reply`.
 */
export async function askAgent(
  remote: Remote,
  maxAccounts: number,
): Promise<{ readonly sample: HostSample; readonly latencyMs: number }> {
  const { parseHostSample, sampleLimitBytes, samplePath } = await import(
    '../../facts/agent-sample.ts'
  );
  const { latencyMs } = await remote.connect();
  const reply = await remote.get(hostPaths.agentSocket, samplePath, {
    maxBytes: sampleLimitBytes(maxAccounts),
  });
  if (reply.status !== 200) {
    throw new FleetError(
      'agent-reply',
      `${remote.host}: the agent answered with status ${reply.status}`,
      {
        host: remote.host,
        hint: `look at it with: fleet exec ${remote.host} -- journalctl -u fleet-agent -n 20`,
      },
    );
  }
  return { sample: parseHostSample(remote.host, reply.body), latencyMs };
}

async function refresh(context: FleetContext, host: HostSpec): Promise<FreshSample> {
  return {
    host,
    ...(await askAgent(context.remoteFor(host), host.maxAccounts)),
    takenAtMs: context.now(),
  };
}

async function recordFresh(
  db: LedgerDb,
  { host, sample, takenAtMs, latencyMs }: FreshSample,
): Promise<void> {
  await recordSample(db, host.name, takenAtMs, JSON.stringify(sample));
  await recordSeen(db, host.name, takenAtMs, {
    latencyMs,
    instanceId: sample.host.instanceId,
    arch: sample.host.arch,
    os: sample.host.os,
  });
}

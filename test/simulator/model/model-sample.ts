import { claimedKeyIds, readClaim } from '../../../hostside/claims/claim-file.ts';
import { readBootInstanceId, readBootVerdict } from '../../../hostside/machine/boot.ts';
import { protocolVersion } from '../../../hostside/protocol/host-acts.ts';
import { agentProtocol, type HostSample } from '../../../hostside/protocol/sample.ts';
import { clockAheadCounter } from '../../../hostside/protocol/worker.ts';
import type { ModelHost } from './model-host.ts';

const none = { m1: null, m5: null, m15: null };
const gibibyte = 2 ** 30;

/** What the agent of a quiet host of 2 cores and 4 GiB says. */
export function sampleOf(host: ModelHost): HostSample {
  const keyIds = new Set([...claimedKeyIds(host.places), ...host.units.showAll().keys()]);
  return {
    protocol: agentProtocol,
    takenAtMs: host.wallMs,
    agent: { version: '0', startedAtMs: host.wallMs - host.uptimeMs, ...releaseOf(host) },
    host: {
      ...{
        name: host.name,
        instanceId: readBootInstanceId(host.places) ?? '',
        bootId: host.bootId,
      },
      ...{ uptimeSeconds: host.uptimeMs / 1000, os: 'model', kernel: 'model', arch: 'x64' },
    },
    cpu: { cores: 2, busyRatio: { ...none, now: 0.1 } },
    memory: {
      totalBytes: 4 * gibibyte,
      availableBytes: 3 * gibibyte,
      swapTotalBytes: 0,
      swapFreeBytes: 0,
    },
    disk: { totalBytes: 100 * gibibyte, freeBytes: 50 * gibibyte },
    loadAverage: [0, 0, 0],
    pressure: null,
    clock: { synchronized: host.isClockSynchronized, offsetMs: 0 },
    bootVerdict: readBootVerdict(host.places),
    accounts: [...keyIds].sort().map((keyId) => accountSample(host, keyId)),
  };
}

const releaseOf = ({ agentPrograms }: ModelHost) =>
  agentPrograms.isBefore
    ? { release: 'r0', helperProtocol: 1 }
    : { release: 'r1', helperProtocol: protocolVersion };

function accountSample(host: ModelHost, keyId: string): HostSample['accounts'][number] {
  const { claim } = readClaim(host.places, keyId);
  const unit = host.units.show(keyId);
  const worker = host.units.workerOf(keyId);
  const isOnline = worker?.isOnline() === true;
  // The release before does not tell Telegram's time.
  const counters =
    worker?.isBefore === true ? { connects: 1 } : { connects: 1, [clockAheadCounter]: 0 };
  const at = new Date(host.simulation.nowMs).toISOString();
  return {
    keyId,
    account: claim?.account ?? '',
    claim: claim === null ? null : { state: claim.state, epoch: claim.epoch },
    unit: {
      activeState: unit.activeState,
      subState: unit.subState,
      restarts: 0,
      exitStatus: unit.exitStatus,
    },
    cpuCores: none,
    memoryBytes: null,
    status: isOnline
      ? {
          format: 1,
          state: 'online',
          since: at,
          reason: '',
          updatedAt: at,
          userId: null,
          until: null,
          latencyMs: 50,
          counters,
        }
      : null,
    statusFault: null,
  };
}

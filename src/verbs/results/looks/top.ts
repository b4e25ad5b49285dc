import type { FleetMoment } from '../../../workflows/trials/watch-fleet.ts';

/** The same for programs. */
export const momentData = ({ atMs, hosts, accounts }: FleetMoment): Record<string, unknown> => ({
  at: new Date(atMs).toISOString(),
  hosts: hosts.map(({ host, sample, latencyMs, problem, accounts: count, maxAccounts }) => ({
    host,
    accounts: count,
    maxAccounts,
    latencyMs,
    code: problem?.code ?? null,
    sample: sample === null ? null : { ...sample, accounts: undefined },
  })),
  accounts: accounts.map(({ name, host, state, reason, measured }) => ({
    name,
    host,
    state,
    reason,
    cpuCores: measured?.cpuCores ?? null,
    memoryBytes: measured?.memoryBytes ?? null,
    restarts: measured?.unit.restarts ?? null,
    latencyMs: measured?.status?.latencyMs ?? null,
  })),
});

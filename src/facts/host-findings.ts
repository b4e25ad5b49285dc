import { protocolVersion } from '../../hostside/protocol/host-acts.ts';
import type { HostSample } from '../../hostside/protocol/sample.ts';
import { troubleIn } from './account-trouble.ts';
import { clockFault } from './clock.ts';

/** Something about a host that an operator should know; `critical` wants action now. */
export interface HostFinding {
  readonly level: 'warning' | 'critical';
  readonly text: string;
  /** What to do next. */
  readonly remedy: string;
}

/** Shares of a host from which a sweep speaks up. */
const levels = {
  cpu: { warning: 0.7, critical: 0.85 },
  memory: { warning: 0.8, critical: 0.9 },
  disk: { warning: 0.8, critical: 0.9 },
} as const;

/** More restarts than this are looked into. */
const restartLimit = 3;
/**
 * Telegram refuses messages whose clock is more than about 30 s off; this leaves time to act.
 * Milliseconds.
 */
const clockLimitMs = 2_000;

/**
 * What a sample shows that is not as it should be. `release`: the one that `init` left there. Pure.
 */
export function findingsIn(
  sample: HostSample,
  release: string | null,
  requireClockSync: boolean,
): HostFinding[] {
  const { cpu, memory, disk, clock, bootVerdict, agent, accounts } = sample;
  const { name } = sample.host;
  const relief =
    'fleet rebalance --dry-run shows whether another host can take some; fleet rankings ' +
    'who is free';
  // Minimal images have no time service at all: "NTP not supported".
  const setClock =
    `fleet exec ${name} --root -- "timedatectl set-ntp true || apt-get -y install ` +
    'systemd-timesyncd"';
  const busy = cpu.busyRatio.m15 ?? cpu.busyRatio.m5 ?? cpu.busyRatio.m1 ?? 0;
  const found = [
    share('CPU', busy, levels.cpu, relief),
    share('memory', 1 - memory.availableBytes / memory.totalBytes, levels.memory, relief),
    share(
      'disk',
      1 - disk.freeBytes / disk.totalBytes,
      levels.disk,
      `fleet exec ${name} --root -- 'du -xm / | sort -n | tail' shows what fills it`,
    ),
    clock.offsetMs !== null && Math.abs(clock.offsetMs) > clockLimitMs
      ? critical(`its clock is off by ${(clock.offsetMs / 1000).toFixed(1)} s`, setClock)
      : null,
    requireClockSync && clock.synchronized === false
      ? warning('its clock is not synchronised', setClock)
      : null,
    clockByTelegram(accounts, setClock),
    memoryCounting(sample),
    bootVerdict?.verdict === 'hold'
      ? warning(
          `it holds accounts since its boot: ${bootVerdict.reasons.join('; ')}`,
          'fleet sweep',
        )
      : null,
    (agent.helperProtocol ?? 1) < protocolVersion
      ? critical(
          'its programs speak an earlier protocol: nothing is moved to it or from it, and ' +
            'its accounts are held at a boot',
          `fleet init --limit ${name}`,
        )
      : null,
    release !== null && agent.release !== release
      ? warning(
          `its agent is of release ${agent.release}, not ${release}`,
          `fleet init --limit ${name}`,
        )
      : null,
    ...accounts.map(({ account, status }) => {
      const trouble = troubleIn(status?.counters);
      return trouble === null
        ? null
        : {
            level: trouble.level,
            text: `${account}: ${trouble.text}`,
            remedy: `fleet why-silent ${account}`,
          };
    }),
    ...accounts.map(({ account, contained }) =>
      contained === undefined
        ? null
        : critical(
            `it has ended ${account}: ${contained}`,
            `fleet logs ${account}, then fleet accounts start ${account}`,
          ),
    ),
    ...accounts.map(({ account, unit }) =>
      unit.restarts > restartLimit
        ? warning(`${account} was restarted ${unit.restarts} times`, `fleet logs ${account}`)
        : null,
    ),
  ];
  return found.filter((finding): finding is HostFinding => finding !== null);
}

const warning = (text: string, remedy: string): HostFinding => ({ level: 'warning', text, remedy });
const critical = (text: string, remedy: string): HostFinding => ({
  level: 'critical',
  text,
  remedy,
});

/**
 * The accounts correct for it; everything else on the host, and whoever reads its logs, does not.
 */
function clockByTelegram(accounts: HostSample['accounts'], remedy: string): HostFinding | null {
  const told = accounts
    .map(({ status }) => clockFault(status?.counters))
    .find((text) => text !== null);
  return told === undefined ? null : warning(`${told}; its accounts go by Telegram's`, remedy);
}

/** What is not counted is not limited either. */
function memoryCounting({ host, accounts }: HostSample): HostFinding | null {
  if (
    !accounts.some(({ unit, memoryBytes }) => unit.activeState === 'active' && memoryBytes === null)
  )
    return null;
  return warning(
    'the memory of its accounts is not counted, nor limited: its kernel has no memory ' +
      'controller for control groups',
    `fleet exec ${host.name} -- cat /proc/cgroups /proc/cmdline shows it: boot it with ` +
      'cgroup_enable=memory; until then limits.memory_reserve counts',
  );
}

function share(
  what: string,
  ratio: number,
  { warning: low, critical: high }: (typeof levels)['cpu' | 'memory' | 'disk'],
  remedy: string,
): HostFinding | null {
  if (ratio < low) return null;
  const text = `${what} at ${Math.round(ratio * 100)} %`;
  return ratio < high ? warning(text, remedy) : critical(text, remedy);
}

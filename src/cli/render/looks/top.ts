import { formatAge } from '../../../model/time-words.ts';
import type {
  FleetMoment,
  WatchedAccount,
  WatchedHost,
} from '../../../workflows/trials/watch-fleet.ts';
import { chalk } from '../../style.ts';
import { noAccounts } from '../accounts/accounts.ts';
import { noHosts } from '../hosts/hosts.ts';
import { formatState } from '../states.ts';
import { formatTable } from '../table.ts';

const unknown = chalk.dim('-');
const percent = (ratio: number | null | undefined): string => {
  if (ratio === null || ratio === undefined) return unknown;
  const text = `${Math.round(ratio * 100)} %`;
  return ratio >= 0.85 ? chalk.red(text) : ratio >= 0.7 ? chalk.yellow(text) : text;
};
const megabytes = (bytes: number | null | undefined): string =>
  bytes === null || bytes === undefined ? unknown : `${Math.round(bytes / 1_048_576)} MB`;

function hostRow({
  host,
  sample,
  latencyMs,
  problem,
  accounts,
  maxAccounts,
}: WatchedHost): string[] {
  if (sample === null) {
    const note =
      problem === null ? 'not ready: fleet init comes first' : chalk.red(problem.message);
    return [
      host,
      unknown,
      unknown,
      unknown,
      unknown,
      unknown,
      `${accounts}/${maxAccounts}`,
      unknown,
      unknown,
      note,
    ];
  }
  const { cpu, memory, disk, loadAverage, pressure } = sample;
  return [
    host,
    percent(cpu.busyRatio.now),
    percent(1 - memory.availableBytes / memory.totalBytes),
    percent(1 - disk.freeBytes / disk.totalBytes),
    loadAverage[0].toFixed(2),
    percent(pressure?.cpu),
    `${accounts}/${maxAccounts}`,
    formatAge(sample.host.uptimeSeconds * 1000),
    latencyMs === null ? unknown : `${latencyMs.toFixed(0)} ms`,
    sample.bootVerdict?.verdict === 'hold' ? chalk.yellow('holds its accounts since its boot') : '',
  ];
}

function accountRow({ name, host, state, reason, measured }: WatchedAccount): string[] {
  // What an account used before it ended is no use now.
  const cores = measured?.unit.activeState === 'active' ? measured.cpuCores.m1 : null;
  const latency = measured?.status?.latencyMs;
  return [
    name,
    host ?? unknown,
    formatState(state),
    cores === null || cores === undefined ? unknown : `${(cores * 100).toFixed(1)} %`,
    megabytes(measured?.memoryBytes),
    measured === null ? unknown : String(measured.unit.restarts),
    latency === null || latency === undefined ? unknown : `${latency.toFixed(0)} ms`,
    reason,
  ];
}

/** Who needs somebody first, then who works most, then by name. */
const byNeed = (left: WatchedAccount, right: WatchedAccount): number =>
  Number(left.state === 'online') - Number(right.state === 'online') ||
  (right.measured?.cpuCores.m1 ?? 0) - (left.measured?.cpuCores.m1 ?? 0) ||
  left.name.localeCompare(right.name);

/** The fleet at one moment, on at most `maxLines` lines: what does not fit is counted. */
export function formatMoment(
  fleet: string,
  { atMs, hosts, accounts }: FleetMoment,
  maxLines: number,
): string {
  const answering = hosts.filter(({ sample }) => sample !== null).length;
  const online = accounts.filter(({ state }) => state === 'online').length;
  const time = new Date(atMs).toISOString().slice(11, 19);
  const head =
    `${chalk.bold(fleet)}  ${time}Z  ${answering} of ${hosts.length} hosts answer, ${online} ` +
    `of ${accounts.length} accounts online`;
  const hostTable = formatTable(
    ['HOST', 'CPU', 'MEMORY', 'DISK', 'LOAD', 'WAITING', 'ACCOUNTS', 'UP', 'RTT', 'NOTE'],
    hosts.map(hostRow),
    noHosts,
  );
  const accountTable = formatTable(
    ['ACCOUNT', 'HOST', 'STATE', 'CPU', 'MEMORY', 'RESTARTS', 'TELEGRAM', 'NOTE'],
    [...accounts].sort(byNeed).map(accountRow),
    noAccounts,
  );
  const lines = [head, '', ...hostTable.split('\n'), '', ...accountTable.split('\n')];
  if (lines.length <= maxLines) return lines.join('\n');
  const shown = lines.slice(0, Math.max(1, maxLines - 1));
  return [...shown, chalk.dim(`... and ${lines.length - shown.length} more lines`)].join('\n');
}

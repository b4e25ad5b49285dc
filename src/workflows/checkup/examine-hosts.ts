import {
  checkupCommand,
  checkupFindings,
  type HostCheckup,
  parseCheckup,
} from '../../facts/host-checkup.ts';
import { findingsIn } from '../../facts/host-findings.ts';
import { nextLoginAt } from '../../facts/next-login.ts';
import { headsNotIn } from '../../ledger/history-chain.ts';
import { listHosts } from '../../ledger/queries/hosts.ts';
import { readStaleness } from '../../ledger/queries/staleness.ts';
import type { HostRow } from '../../ledger/schema.ts';
import { FleetError } from '../../model/errors.ts';
import type { Finding } from '../../model/finding.ts';
import type { HostSpec } from '../../model/inventory.ts';
import { formatTime } from '../../model/time-words.ts';
import { forEachHost } from '../../remote/for-each-host.ts';
import { quantumAdvice } from '../../remote/session/post-quantum.ts';
import { canonicalAddress } from '../../sessions/data-centres.ts';
import type { FleetContext } from '../context.ts';
import { type HostReading, readSamples } from '../hosts/read-samples.ts';
import type { HostInitOutcome } from '../init/init.ts';
import { serialFindings } from './serial-findings.ts';

/** Most accounts live there. */
const commandFor = ({ ssh }: HostSpec): string =>
  checkupCommand(canonicalAddress(2), ssh.sudo === 'narrow' ? ssh.user : null);

/** Failed units and open ports of a host that has far too many of both. */
const checkupBytes = 256 * 1024;

/** The finding names its host, so the message need not. */
const problem = ({ message, hint }: FleetError, where: string): Finding => ({
  where,
  level: 'critical',
  text: message.startsWith(`${where}: `) ? message.slice(where.length + 2) : message,
  remedy: hint,
});

/**
 * Every host's side: reachable, sudo, agent, measurements, failed units, open ports, the way to
 * Telegram, and what `fleet init` would
 * change (`checkInit`, in check mode). Changes nothing on hosts. A host that does not answer is one
 * finding. In the order of `hosts`.
 */
export async function examineHosts(
  context: FleetContext,
  hosts: readonly HostSpec[],
  checkInit: (hosts: readonly HostSpec[]) => Promise<readonly HostInitOutcome[]>,
): Promise<Finding[]> {
  const rows = new Map((await listHosts(context.ledger.db)).map((row) => [row.name, row]));
  const looks = await forEachHost(
    hosts,
    context.inventory.concurrency,
    async (host) => {
      const { exitCode, stdout, stderr } = await context.remoteFor(host).run({
        command: commandFor(host),
        asRoot: true,
        timeoutMs: 60_000,
        replyLimit: { bytes: checkupBytes },
      });
      if (exitCode === 0) {
        const { exchange } = await context.remoteFor(host).connect();
        const advice = quantumAdvice(exchange);
        return { ...parseCheckup(new TextDecoder().decode(stdout)), advice };
      }
      throw new FleetError(
        'command-failed',
        `${host.name}: it could not be looked at: ${new TextDecoder().decode(stderr).trim()}`,
        {
          host: host.name,
          hint: `log in and look: fleet ssh ${host.name}`,
        },
      );
    },
    context.signal,
  );
  const answering = looks.filter(({ ok }) => ok).map(({ host }) => host);
  const ready = answering.filter(({ name }) => rows.get(name)?.release != null);
  const [readings, outcomes] = await Promise.all([
    readSamples(context, ready, 0),
    checkInit(answering),
  ]);
  const heard = looks.flatMap((look) =>
    look.ok ? [[look.host.name, look.value.authority] as const] : [],
  );
  const refusedNow = new Map((await listHosts(context.ledger.db)).map((row) => [row.name, row]));
  const faults = [
    ...(await historyFaults(context, heard)),
    ...(await serialFindings(context, heard, rows)),
  ];
  return looks.flatMap((look) => {
    const { name } = look.host;
    if (!look.ok)
      return [
        problem(look.error, name),
        ...refusedFindings(name, refusedNow.get(name), context.now()),
      ];
    const reading = readings.find(({ host }) => host.name === name);
    const outcome = outcomes.find(({ host }) => host === name);
    const found = [
      ...initFindings(name, outcome),
      ...sampleFindings(context, name, reading, rows.get(name)),
      ...checkupFindings(name, look.value),
      ...faults.filter(({ where }) => where === name),
    ];
    const narrow = look.value.narrowSudo === 'narrow' ? ', sudo narrow' : '';
    const well =
      'reachable, ready, measured, no failed unit, no open port but ssh, Telegram in ' +
      `reach${narrow}`;
    const link = look.value.advice;
    return [
      ...(found.length > 0
        ? found
        : [{ where: name, level: 'ok' as const, text: well, remedy: '' }]),
      ...(link === null ? [] : [{ where: name, level: 'warning' as const, ...link }]),
    ];
  });
}

/**
 * What hosts have heard of this ledger's history and it does not contain. An old copy of the ledger
 * says so itself.
 */
async function historyFaults(
  { ledger }: FleetContext,
  heard: readonly (readonly [string, HostCheckup['authority']])[],
): Promise<Finding[]> {
  if ((await readStaleness(ledger.db)) !== null) return [];
  const faults = await Promise.all(
    heard.map(async ([where, authority]): Promise<Finding[]> => {
      const [lost] =
        authority?.id === ledger.authorityId ? await headsNotIn(ledger.db, authority.heads) : [];
      if (lost === undefined) return [];
      const text =
        `it has heard of ${lost.length} entries of the ledger's history, which are not there ` +
        'like that any more';
      const remedy =
        'who changed the ledger? Compare with a backup (fleet restore FILE --dry-run). If it ' +
        `was away while fleet adopt ran: fleet hosts take-over ${where}`;
      return [{ where, level: 'critical', text, remedy }];
    }),
  );
  return faults.flat();
}

/** Sweeps leave a host alone for a while that refuses the login. */
function refusedFindings(where: string, row: HostRow | undefined, nowMs: number): Finding[] {
  const againMs = row === undefined ? null : nextLoginAt(row);
  if (row?.refused_since == null || againMs === null) return [];
  const minutes = Math.max(0, Math.ceil((againMs - nowMs) / 60_000));
  const text =
    `it has refused ${row.refusals} ${row.refusals === 1 ? 'login' : 'logins'} since ` +
    `${formatTime(row.refused_since)}; sweeps ask it again in ${minutes} min, so that it ` +
    'does not shut this address out';
  return [
    {
      where,
      level: 'warning',
      text,
      remedy: `when it is mended: fleet status --live --limit ${where} asks at once`,
    },
  ];
}

function initFindings(where: string, outcome: HostInitOutcome | undefined): Finding[] {
  if (outcome === undefined) return [];
  if (outcome.error !== null) return [problem(outcome.error, where)];
  const pending = outcome.steps.filter(({ state }) => state === 'pending').map(({ id }) => id);
  const warnings = outcome.warnings.map(
    (text): Finding => ({
      where,
      level: 'warning',
      text,
      remedy: `fleet init --limit ${where}, or take it out of its profile`,
    }),
  );
  if (pending.length === 0) return warnings;
  const text = `not as the inventory wants it: ${pending.join(', ')}`;
  return [
    {
      where,
      level: 'critical',
      text,
      remedy: `fleet init --dry-run --diff --limit ${where}, then without --dry-run`,
    },
    ...warnings,
  ];
}

function sampleFindings(
  context: FleetContext,
  where: string,
  reading: HostReading | undefined,
  row: HostRow | undefined,
): Finding[] {
  if (reading === undefined)
    return [
      {
        where,
        level: 'critical',
        text: 'it is not ready to run accounts',
        remedy: `fleet init --limit ${where}`,
      },
    ];
  if (reading.problem !== null) return [problem(reading.problem, where)];
  if (reading.sample === null) return [];
  return findingsIn(
    reading.sample,
    row?.release ?? null,
    context.inventory.hold.requireClockSync,
  ).map((finding) => ({
    where,
    ...finding,
  }));
}

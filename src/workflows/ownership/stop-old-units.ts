import { accountUnit, hostPaths } from '../../../hostside/protocol/paths.ts';
import { recordEvent } from '../../ledger/queries/events.ts';
import { FleetError } from '../../model/errors.ts';
import type { HostSpec } from '../../model/inventory.ts';
import type { OutdatedClaim } from '../../ownership/claim-drift.ts';
import { quoteShell } from '../../remote/shared/shell-command.ts';
import type { FleetContext } from '../context.ts';

/** One stop with SIGKILL and its proof, ms. */
const stopTimeoutMs = 90_000;

/**
 * Keeps a host of an earlier release from starting what has moved on (docs/exclusivity.md, rule
 * R3). That needs no authority, which its helper would take
 * for a contact: the units are stopped and disabled, and lose the link to their session, without
 * which no gate lets them start. The claims are closed by the
 * first contact after `fleet init`. Gives what the operator is told. Errors: those of the Remote,
 * `command-failed`.
 */
export async function stopOldUnits(
  context: FleetContext,
  host: HostSpec,
  claims: readonly OutdatedClaim[],
): Promise<FleetError> {
  const stops = claims.map(({ keyId }) => {
    const unit = quoteShell(accountUnit(keyId));
    const link = quoteShell(`${hostPaths.accounts}/${keyId}/current`);
    return (
      `systemctl disable --quiet ${unit}; rm -f ${link} && sync -f ${hostPaths.accounts} && ` +
      `systemctl stop ${unit} || failed=1`
    );
  });
  const { exitCode, stderr } = await context.remoteFor(host).run({
    command: `failed=0\n${stops.join('\n')}\nexit $failed`,
    asRoot: true,
    narrow: ['retire', ...claims.map(({ keyId }) => keyId)],
    timeoutMs: stopTimeoutMs * claims.length,
    replyLimit: { bytes: 64 * 1024 },
  });
  const accounts = claims.map(({ account }) => account).join(', ');
  if (exitCode !== 0) {
    const said = new TextDecoder().decode(stderr).trim().split('\n').at(-1) ?? '';
    throw new FleetError(
      'command-failed',
      `${host.name} still claims ${accounts}, which moved on, and did not stop them: ${said}`,
      {
        host: host.name,
        hint: `stop them there (systemctl stop), then: fleet init --limit ${host.name}`,
      },
    );
  }
  for (const { account } of claims) {
    await recordEvent(context.ledger.db, {
      ...{ at: context.now(), kind: 'old-claim-stopped', host: host.name, account },
    });
  }
  return new FleetError(
    'host-not-ready',
    `${host.name} came back with claims on ${accounts}, which moved on, and with programs ` +
      'of an earlier fleet',
    {
      host: host.name,
      hint:
        'their units were stopped there; upgrade it, then it is told: fleet init --limit ' +
        `${host.name}`,
    },
  );
}

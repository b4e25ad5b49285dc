import { FleetError } from '../../model/errors.ts';
import type { HostName } from '../../model/names.ts';
import { SUPPORTED_SYSTEMS } from '../../steps/preflight.ts';

/**
 * A link that broke while the host waits for its confirmation was cut by the change itself, as far
 * as anybody can tell.
 */
export function whileUnconfirmed(
  error: FleetError,
  step: string | null,
  host: HostName,
): FleetError {
  if (step === null) return error;
  return new FleetError(
    error.code,
    `${host}: ${step}: the connection broke with the change in place: ${error.message}`,
    {
      hint:
        'the host takes the change back by itself within a minute; correct it in the ' +
        'profile, then run fleet init again',
      host,
      cause: error,
    },
  );
}

/** The program's end is missing. `stderr`: what it, or the shell in its place, said. */
export function diedEarly(host: HostName, exitCode: number | null, stderr: string): FleetError {
  const said = stderr.trim().split('\n').slice(-3).join('; ').slice(0, 500);
  if (exitCode === 127 && /bash/.test(said)) {
    return new FleetError('host-unsupported', `${host}: there is no bash`, {
      hint: `supported are ${SUPPORTED_SYSTEMS}`,
      host,
    });
  }
  return new FleetError(
    'host-step',
    `${host}: the program on the host ended early (exit ${exitCode ?? 'by a signal'}` +
      `)${said === '' ? '' : `: ${said}`}`,
    {
      hint: 'run fleet init again: it goes on where it stopped',
      host,
    },
  );
}

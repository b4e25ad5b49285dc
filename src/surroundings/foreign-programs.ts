import { FleetError } from '../model/errors.ts';

/**
 * Whether programs that an inventory names (channels of kind command, fences) may be run here:
 * whoever sets `FLEET_SECRETS` to anything but `all` does not trust
 * what it names, be it a secret's `exec:` or a program of its own. `what` begins the message.
 * Errors: `secret`.
 */
export function requireOwnPrograms(
  what: string,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): void {
  const mode = environment.FLEET_SECRETS || 'all';
  if (mode === 'all') return;
  throw new FleetError(
    'secret',
    `${what} is a program that the inventory names, and FLEET_SECRETS is ${mode}: it was not run`,
    {
      hint:
        'Whoever set it does not trust what the inventory names: run this where ' +
        'FLEET_SECRETS is all, or not set.',
    },
  );
}

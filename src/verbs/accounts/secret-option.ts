import {
  parseSecretReference,
  secretReferenceForm,
} from '../../inventory/schema/secret-reference.ts';
import { FleetError } from '../../model/errors.ts';
import type { SecretReference } from '../../model/secret-reference.ts';

/**
 * null: the option was not given. Errors: `usage`; a secret itself is never an argument, which
 * every user of this machine could read.
 */
export function secretOption(
  option: string,
  secret: string,
  text: string | undefined,
): SecretReference | null {
  if (text === undefined) return null;
  const reference = parseSecretReference(text);
  if (reference !== null) return reference;
  throw new FleetError('usage', `${option} is no secret reference`, {
    hint: `write ${secretReferenceForm}, never ${secret} itself`,
  });
}

import { FleetError } from '../../model/errors.ts';

/**
 * The ssh config asks for something that decides where or how one connects, and that fleet's own
 * SSH cannot do. OpenSSH may.
 */
export class UnsupportedConfig extends FleetError {
  constructor(message: string, facts: { readonly hint: string; readonly host?: string }) {
    super('ssh-config', message, facts);
  }
}

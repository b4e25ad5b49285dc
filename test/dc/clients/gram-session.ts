import { TELEGRAM_ADDRESSES } from '../server.ts';

/**
 * The session string of GramJS (`new StringSession(...)`) for a login in the test data centre.
 * Without `address`: Telegram's own.
 */
export function gramSession(login: {
  readonly authKey: Uint8Array;
  readonly dcId: number;
  readonly address?: string;
}): string {
  const address = Buffer.from(
    login.address ?? TELEGRAM_ADDRESSES[String(login.dcId)] ?? '',
    'latin1',
  );
  const head = Buffer.alloc(3);
  head.writeUInt8(login.dcId, 0);
  head.writeUInt16BE(address.length, 1);
  const port = Buffer.alloc(2);
  port.writeUInt16BE(80);
  return `1${Buffer.concat([head, address, port, login.authKey]).toString('base64')}`;
}

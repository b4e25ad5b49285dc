import { TelegramClient } from 'telegram';
import { Logger, LogLevel } from 'telegram/extensions/Logger.js';
import type { Connection } from 'telegram/network/connection/Connection.js';
import { StringSession } from 'telegram/sessions/index.js';
import type { ListenAddress } from '../server.ts';
import { gramSession } from './gram-session.ts';

export interface GramClientOptions {
  /** The SOCKS front of the data centre. */
  readonly front: ListenAddress;
  readonly login: { readonly authKey: Uint8Array; readonly dcId: number };
  /** Address that the data centre is to see. Default 10.0.0.1. */
  readonly ip?: string;
  /** GramJS' connection class. Default: its own, TCPFull. */
  readonly connection?: typeof Connection;
  readonly deviceModel?: string;
}

/**
 * The unmodified GramJS client as tests use it: quiet, quick to retry, never asleep on a flood
 * wait. Not connected yet.
 */
export function gramClient(options: GramClientOptions): TelegramClient {
  const { front, login, ip = '10.0.0.1', connection, deviceModel = 'Test' } = options;
  const client = new TelegramClient(new StringSession(gramSession(login)), 12_345, 'test', {
    proxy: { ip: front.host, port: front.port, socksType: 5, username: ip, password: 'any' },
    baseLogger: new Logger(LogLevel.NONE),
    retryDelay: 50,
    floodSleepThreshold: 0,
    securityChecks: true,
    deviceModel,
    ...(connection === undefined ? {} : { connection }),
  });
  client.onError = async () => {};
  return client;
}

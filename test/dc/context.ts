import type { ExchangeKey } from './auth/key-exchange.ts';
import type { Connection } from './connection.ts';
import type { Schemas } from './tl/schemas.ts';
import type { ServerMessageIds } from './wire/message-ids.ts';
import type { World } from './world/world.ts';

/** Something that happened, for a human who asked to see it. Holds no secret. */
export interface DataCentreEvent {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly event: 'opened' | 'authorized' | 'request' | 'closed' | 'kill' | 'violation' | 'refusal';
  readonly connectionId: number;
  readonly detail: string;
}

/** How this data centre behaves; see {@link DataCentreOptions} for the meaning. */
export interface Behaviour {
  readonly dupWindowMs: number;
  readonly idleTimeoutMs: number;
  readonly gzipAboveBytes: number;
  /** May be changed while the data centre runs. */
  clockSkewMs: number;
  readonly dcAddresses: Readonly<Record<string, string>>;
  readonly dcPorts: readonly number[];
  /** Null: key exchanges are not offered. */
  readonly exchangeKey: ExchangeKey | null;
}

/** What every connection of one data centre shares. */
export interface Context {
  readonly world: World;
  readonly schemas: Schemas;
  readonly behaviour: Behaviour;
  readonly messageIds: ServerMessageIds;
  /** Open TCP connections by their id. */
  readonly connections: Map<number, Connection>;
  readonly onEvent: (event: DataCentreEvent) => void;
}

/** The clock that the clients see, in milliseconds since 1970. */
export function serverNow(context: Context): number {
  return Date.now() + context.behaviour.clockSkewMs;
}

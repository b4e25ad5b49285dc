import type { Behaviour, Context } from '../context.ts';
import type { Session } from '../session.ts';
import type { TlObject, TlValue } from '../tl/codec.ts';
import type { Account, Login, World } from '../world/world.ts';

/**
 * What a handler may look at. It answers with a value of the method's result type or throws {@link
 * RpcError}.
 */
export interface RpcContext {
  readonly world: World;
  readonly behaviour: Behaviour;
  readonly account: Account;
  readonly login: Login;
  readonly session: Session;
  /** For what others are to be told. */
  readonly dataCentre: Context;
  /** Unix time in seconds, as the client is to see it. */
  readonly nowS: number;
  /** The same in milliseconds. */
  readonly nowMs: number;
}

export type Handler = (request: TlObject, context: RpcContext) => TlValue | Promise<TlValue>;

/** Handlers by method name. A new part of the API is a new table. */
export type HandlerTable = Readonly<Record<string, Handler>>;

import { type Context, serverNow } from '../context.ts';
import { briefUpdate, peersIn, updateObject } from '../rpc/objects.ts';
import type { Session } from '../session.ts';
import { encodeObject, type TlObject } from '../tl/codec.ts';
import type { Account, Login } from '../world/world.ts';
import type { Delivery } from './chats.ts';
import type { Message } from './message.ts';

/**
 * Tells every live session of the accounts, except the one that did it; events to be lost (see
 * `World.lostUpdates`) stay untold.
 */
export function pushAll(
  context: Context,
  deliveries: readonly Delivery[],
  except: Session | null = null,
): void {
  for (const { account, event } of deliveries) {
    if (isLost(context, account)) continue;
    const { message } = event;
    const isPlain =
      event.kind === 'new' &&
      message.action === null &&
      !message.hasMedia &&
      !message.isUnreadable &&
      message.sender !== null;
    push(context, account, except, () =>
      isPlain && message.chat.kind === 'group' && message.chat.isBrief
        ? briefUpdate(event, account)
        : wrapped(context, updateObject(event, account), [message], account),
    );
  }
}

/** `updates` makes what is told, once for each layer, and only when somebody listens. */
export function push(
  context: Context,
  account: Account,
  except: Session | null,
  updates: () => TlObject,
): void {
  const bodies = new Map<number, Buffer>();
  for (const login of account.logins) {
    const schema = login.layer === null ? undefined : context.schemas.api(login.layer);
    if (login.status !== 'live' || login.layer === null || schema === undefined) continue;
    for (const session of login.sessions.values()) {
      if (session === except || !session.isOnline) continue;
      const body = bodies.get(login.layer) ?? encodeObject(schema, updates());
      bodies.set(login.layer, body);
      session.queue({ body, isContent: true, isAnswer: false });
    }
  }
}

/** The key's QR code was scanned: told although nobody is logged in. */
export function tellScanned(context: Context, login: Login): void {
  const schema = login.layer === null ? undefined : context.schemas.api(login.layer);
  if (schema === undefined) return;
  const date = Math.floor(serverNow(context) / 1000);
  const body = encodeObject(schema, { _: 'updateShort', update: { _: 'updateLoginToken' }, date });
  for (const session of login.sessions.values())
    if (session.isOnline) session.queue({ body, isContent: true, isAnswer: false });
}

/** Updates with everything that they name. */
export function wrapped(
  context: Context,
  update: TlObject,
  messages: readonly Message[],
  viewer: Account,
): TlObject {
  const date = Math.floor(serverNow(context) / 1000);
  return { _: 'updates', updates: [update], ...peersIn(messages, viewer), date, seq: 0 };
}

function isLost({ world }: Context, account: Account): boolean {
  const key = String(account.userId);
  const left = world.lostUpdates.get(key) ?? 0;
  if (left === 0) return false;
  world.lostUpdates.set(key, left - 1);
  return true;
}

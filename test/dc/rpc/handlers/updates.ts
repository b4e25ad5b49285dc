import { type Feed, type FeedEvent, feedAfter } from '../../chats/feed.ts';
import type { TlObject } from '../../tl/codec.ts';
import type { Account } from '../../world/world.ts';
import type { HandlerTable, RpcContext } from '../handler.ts';
import { messageObject, peersIn, updateObject } from '../objects.ts';
import { supergroupOf } from '../peers.ts';
import { RpcError } from '../rpc-error.ts';

const MAX_EVENTS = 100;

export const updateHandlers: HandlerTable = {
  'updates.getState': (_request, context) => state(context),
  'updates.getDifference': (request, context) => difference(request, context),
  'updates.getChannelDifference': (request, context) => channelDifference(request, context),
};

function state({ account, nowS }: RpcContext): TlObject {
  return { _: 'updates.state', pts: account.feed.pts, qts: 0, date: nowS, seq: 0, unread_count: 0 };
}

function difference(request: TlObject, context: RpcContext): TlObject {
  const { account, nowS } = context;
  const events = eventsAfter(account.feed, Number(request.pts), MAX_EVENTS);
  if (events === null) return { _: 'updates.differenceTooLong', pts: account.feed.pts };
  const last = events.at(-1);
  if (last === undefined) return { _: 'updates.differenceEmpty', date: nowS, seq: 0 };
  const content = contentOf(events, account);
  const reached = { ...state(context), pts: last.pts };
  return last.pts === account.feed.pts
    ? { _: 'updates.difference', ...content, state: reached }
    : { _: 'updates.differenceSlice', ...content, intermediate_state: reached };
}

function channelDifference(request: TlObject, { world, account }: RpcContext): TlObject {
  const group = supergroupOf(request.channel as TlObject, world, account);
  const events = eventsAfter(
    group.feed,
    Number(request.pts),
    Math.min(Number(request.limit), MAX_EVENTS),
  );
  if (events === null) throw new RpcError(400, 'PERSISTENT_TIMESTAMP_OUTDATED');
  const last = events.at(-1);
  if (last === undefined)
    return { _: 'updates.channelDifferenceEmpty', final: true, pts: group.feed.pts };
  return {
    _: 'updates.channelDifference',
    final: last.pts === group.feed.pts,
    pts: last.pts,
    ...contentOf(events, account),
  };
}

function eventsAfter(feed: Feed, pts: number, limit: number): readonly FeedEvent[] | null {
  if (pts < 1 || pts > feed.pts) throw new RpcError(400, 'PERSISTENT_TIMESTAMP_INVALID');
  return feedAfter(feed, pts, limit);
}

/** New messages stand by themselves; what happened to older ones are updates. */
function contentOf(events: readonly FeedEvent[], viewer: Account) {
  const fresh = events.filter(({ kind, message }) => kind === 'new' && !message.isDeleted);
  const others = events.filter(({ kind }) => kind !== 'new');
  return {
    new_messages: fresh.map(({ message }) => messageObject(message, viewer)),
    other_updates: others.map((event) => updateObject(event, viewer)),
    ...peersIn(
      events.map(({ message }) => message),
      viewer,
    ),
  };
}

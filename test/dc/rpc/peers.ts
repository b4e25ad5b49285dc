import type { Chat, Group } from '../chats/message.ts';
import { markedId } from '../chats/message.ts';
import type { TlObject } from '../tl/codec.ts';
import type { Account, World } from '../world/world.ts';
import { channelHash } from './objects.ts';
import { RpcError } from './rpc-error.ts';

/**
 * The chat behind an `InputPeer`. Throws PEER_ID_INVALID, CHAT_ID_INVALID, CHANNEL_INVALID or
 * CHANNEL_PRIVATE.
 */
export function chatOfPeer(peer: TlObject, world: World, viewer: Account): Chat {
  switch (peer._) {
    case 'inputPeerSelf':
      return world.chats.privateOf(viewer, viewer);
    case 'inputPeerUser':
      return world.chats.privateOf(viewer, userOfPeer(peer, world, viewer));
    case 'inputPeerChat':
      return basicGroup(peer, world, viewer);
    case 'inputPeerChannel':
      return supergroupOf(peer, world, viewer);
    default:
      throw new RpcError(400, 'PEER_ID_INVALID');
  }
}

/** Of an `InputPeerChannel` or `InputChannel`. */
export function supergroupOf(peer: TlObject, world: World, viewer: Account): Group {
  const group = world.chats.groups.get(markedId('supergroup', peer.channel_id as bigint));
  if (group === undefined || peer.access_hash !== channelHash(group, viewer))
    throw new RpcError(400, 'CHANNEL_INVALID');
  if (!group.members.has(String(viewer.userId))) throw new RpcError(400, 'CHANNEL_PRIVATE');
  return group;
}

function basicGroup(peer: TlObject, world: World, viewer: Account): Group {
  const group = world.chats.groups.get(markedId('group', peer.chat_id as bigint));
  if (group?.members.has(String(viewer.userId)) !== true)
    throw new RpcError(400, 'CHAT_ID_INVALID');
  return group;
}

function userOfPeer(peer: TlObject, world: World, viewer: Account): Account {
  const account = world.accounts.get(String(peer.user_id));
  if (account === undefined || (account !== viewer && peer.access_hash !== account.accessHash))
    throw new RpcError(400, 'PEER_ID_INVALID');
  return account;
}

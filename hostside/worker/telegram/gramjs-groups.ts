import { returnBigInt } from 'telegram/Helpers.js';
import { Api } from 'telegram/tl/index.js';
import { isAbsent, markedChannelId, markedIdOf, unmarkedId } from './gramjs-events.ts';
import { isUnreadableAnswer, refused } from './gramjs-failure.ts';
import { Recent } from './recent.ts';
import type { ChatGroup, GroupList, Membership } from './telegram-port.ts';

/** Asks Telegram, limited in time. `what` is for the message of a failure. */
export type Ask = <A, R>(request: Api.Request<A, R>, what: string) => Promise<R>;

const pageSize = 100;
const mostGroups = 500;
/** Five for that many groups; the others are for what cannot be read. */
const mostRequests = 60;
/** A group that was not there is looked for again after so long, ms. */
const lookAgainMs = 60_000;
const mostPeers = 1_000;

/** Where a page of dialogs begins. */
interface Offset {
  readonly offsetDate: number;
  readonly offsetId: number;
  readonly offsetPeer: Api.TypeInputPeer;
}

const firstOffset: Offset = { offsetDate: 0, offsetId: 0, offsetPeer: new Api.InputPeerEmpty() };

/**
 * The groups of an account and how to address them. The access hash of a supergroup comes from the
 * list of dialogs, asked for when a
 * group is first needed, and from every update that carries it. Nothing is stored: a restart costs
 * one request that way, and no hash
 * can be stale.
 */
export class GramJsGroups {
  readonly #ask: Ask;
  readonly #now: () => number;
  readonly #peers = new Recent<Api.InputPeerChannel>(mostPeers);
  #askedAt = Number.NEGATIVE_INFINITY;
  readonly #memberships = new Recent<Membership>(mostPeers);
  readonly #onMembership: (chatId: string, membership: Membership) => void;
  #asking: Promise<GroupList> | null = null;

  /** `now`: Telegram's time, ms since the epoch. */
  constructor(
    ask: Ask,
    now: () => number,
    onMembership: (chatId: string, membership: Membership) => void,
  ) {
    this.#ask = ask;
    this.#now = now;
    this.#onMembership = onMembership;
  }

  /** As far as Telegram has told it on this connection, by marked id. */
  memberships(): ReadonlyMap<string, Membership> {
    return this.#memberships.all();
  }

  isKnown(chatId: string): boolean {
    return this.#memberships.get(chatId) !== undefined;
  }

  /** See `TelegramLink.groups`. Who asks while an answer is awaited gets the same one. */
  list(): Promise<GroupList> {
    this.#asking ??= this.#list().finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  /**
   * Rejects with PEER_ID_INVALID where the account has no such group; looks for it at most once a
   * minute.
   */
  async peer(chatId: string, selfId: string | null): Promise<Api.TypeInputPeer> {
    const parts = unmarkedId(chatId);
    if (parts?.kind === 'group') return new Api.InputPeerChat({ chatId: returnBigInt(parts.id) });
    if (parts?.kind === 'user' && chatId === selfId) return new Api.InputPeerSelf();
    if (parts?.kind === 'supergroup' && this.#peers.get(chatId) === undefined && this.#isLookDue())
      await this.list();
    const peer = this.#peers.get(chatId);
    if (peer === undefined) throw refused(400, 'PEER_ID_INVALID');
    return peer;
  }

  know(chats: readonly Api.TypeChat[]): void {
    for (const chat of chats) {
      this.#knowMembership(chat);
      if (!(chat instanceof Api.Channel) || chat.min || isAbsent(chat.accessHash)) continue;
      const chatId = markedChannelId(chat.id);
      if (this.#peers.get(chatId)?.accessHash.equals(chat.accessHash)) continue;
      this.#peers.set(
        chatId,
        new Api.InputPeerChannel({ channelId: chat.id, accessHash: chat.accessHash }),
      );
    }
  }

  #knowMembership(chat: Api.TypeChat): void {
    const [chatId, membership] = membershipIn(chat) ?? [];
    if (chatId === undefined || membership === undefined) return;
    const before = this.#memberships.get(chatId);
    this.#memberships.set(chatId, membership);
    if (before?.is !== membership.is) this.#onMembership(chatId, membership);
  }

  #isLookDue(): boolean {
    return this.#asking !== null || performance.now() - this.#askedAt > lookAgainMs;
  }

  async #list(): Promise<GroupList> {
    const found = new Map<string, ChatGroup>();
    let from: Offset | null = firstOffset;
    let [size, dateS, backS] = [pageSize, Math.floor(this.#now() / 1000) + 1, 1];
    const seen = new Set<string>();
    let [count, isSkipped] = [Number.NaN, false];
    for (
      let request = 0;
      request < mostRequests && found.size < mostGroups && from !== null;
      request += 1
    ) {
      const page = await this.#page(from, size);
      if (page === 'unreadable') {
        // A newest message that is unknown here takes the page along: smaller ones find it, and it
        // is passed by its date.
        if (size === 1) from = { ...firstOffset, offsetDate: dateS - backS };
        isSkipped ||= size === 1;
        // Second by second at first: a longer step could pass a neighbour, too.
        [size, backS] =
          size === 1 ? [1, backS < 8 ? backS + 1 : backS * 2] : [Math.floor(size / 2), backS];
        continue;
      }
      if (page === null) break;
      for (const group of groupsOf(page)) found.set(group.chatId, group);
      for (const { peer } of page.dialogs) seen.add(markedIdOf(peer));
      count = page instanceof Api.messages.DialogsSlice ? page.count : seen.size;
      from = page instanceof Api.messages.DialogsSlice ? this.#offsetAfter(page) : null;
      [size, dateS, backS] = [Math.min(pageSize, size * 2), from?.offsetDate ?? dateS, 1];
    }
    this.#askedAt = performance.now();
    return { groups: [...found.values()], isWhole: !isSkipped && seen.size >= count };
  }

  async #page(
    from: Offset,
    limit: number,
  ): Promise<Api.messages.Dialogs | Api.messages.DialogsSlice | null | 'unreadable'> {
    try {
      const request: Api.messages.GetDialogs = new Api.messages.GetDialogs({
        ...from,
        limit,
        hash: returnBigInt(0),
      });
      const answer: Api.messages.TypeDialogs = await this.#ask(request, 'the list of groups');
      if (answer instanceof Api.messages.DialogsNotModified) return null;
      this.know(answer.chats);
      return answer;
    } catch (error) {
      if (isUnreadableAnswer(error)) return 'unreadable';
      throw error;
    }
  }

  /** Null: nothing follows, or it cannot be said where. */
  #offsetAfter({ dialogs, messages, users }: Api.messages.DialogsSlice): Offset | null {
    const last = dialogs.findLast((dialog) => dialog instanceof Api.Dialog);
    if (last === undefined) return null;
    const top = messages.find(
      (message) => message.id === last.topMessage && isIn(message, last.peer),
    );
    const offsetPeer = this.#offsetPeer(last.peer, users);
    if (top === undefined || top instanceof Api.MessageEmpty || offsetPeer === null) return null;
    return { offsetDate: top.date, offsetId: top.id, offsetPeer };
  }

  #offsetPeer(peer: Api.TypePeer, users: readonly Api.TypeUser[]): Api.TypeInputPeer | null {
    if (peer instanceof Api.PeerChat) return new Api.InputPeerChat({ chatId: peer.chatId });
    if (peer instanceof Api.PeerChannel) return this.#peers.get(markedIdOf(peer)) ?? null;
    const user = users.find((one) => one instanceof Api.User && one.id.equals(peer.userId));
    const accessHash = user instanceof Api.User ? user.accessHash : undefined;
    return isAbsent(accessHash) ? null : new Api.InputPeerUser({ userId: peer.userId, accessHash });
  }
}

/** Null: it tells nothing of that, or is no group. */
const membershipIn = (chat: Api.TypeChat): readonly [string, Membership] | null => {
  if (chat instanceof Api.ChatForbidden) return [`-${chat.id}`, { is: 'out' }];
  if (chat instanceof Api.ChannelForbidden) return [markedChannelId(chat.id), { is: 'out' }];
  if (chat instanceof Api.Channel)
    return chat.min ? null : [markedChannelId(chat.id), { is: chat.left ? 'out' : 'in' }];
  if (!(chat instanceof Api.Chat)) return null;
  const to = chat.migratedTo;
  if (to instanceof Api.InputChannel)
    return [`-${chat.id}`, { is: 'moved', to: markedChannelId(to.channelId) }];
  return [`-${chat.id}`, { is: chat.left || chat.deactivated ? 'out' : 'in' }];
};

const isIn = ({ peerId }: Api.TypeMessage, peer: Api.TypePeer): boolean =>
  !isAbsent(peerId) && markedIdOf(peerId) === markedIdOf(peer);

const groupsOf = ({
  dialogs,
  chats,
}: Api.messages.Dialogs | Api.messages.DialogsSlice): ChatGroup[] => {
  const titles = new Map(chats.filter(isGroup).map((chat) => [groupId(chat), chat.title]));
  return dialogs.flatMap((dialog) => {
    const title = titles.get(markedIdOf(dialog.peer));
    return dialog instanceof Api.Dialog && title !== undefined
      ? [{ chatId: markedIdOf(dialog.peer), title, lastMessageId: dialog.topMessage }]
      : [];
  });
};

/** One that the account is in and that was not upgraded to a supergroup. */
const isGroup = (chat: Api.TypeChat): chat is Api.Chat | Api.Channel =>
  (chat instanceof Api.Chat && !chat.left && !chat.deactivated) ||
  (chat instanceof Api.Channel && !chat.broadcast && !chat.left);

const groupId = (chat: Api.Chat | Api.Channel): string =>
  chat instanceof Api.Channel ? markedChannelId(chat.id) : `-${chat.id.toString()}`;

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ChatEvent, ChatMessage } from '../../../../hostside/protocol/chat.ts';
import {
  classifyError,
  classifyRefusal,
  type Refusal,
} from '../../../../hostside/worker/telegram/classify-error.ts';
import {
  type ErrorMeaning,
  listedErrors,
} from '../../../../hostside/worker/telegram/telegram-errors.ts';
import {
  type Membership,
  TelegramFailure,
  type TelegramLink,
  type TelegramPort,
} from '../../../../hostside/worker/telegram/telegram-port.ts';
import { type DataCentre, type LoginCredentials, startDataCentre } from '../../../dc/server.ts';
import { credentialsOf, dialTo, type PortMaking } from './telegram-contract.ts';

/** A link with what it heard. */
interface Heard {
  readonly link: TelegramLink;
  readonly events: ChatEvent[];
  readonly gaps: (string | null)[];
  readonly memberships: [string, Membership][];
}

/** What every implementation of the port must do in chats, against the test data centre. */
export const telegramChatContract = (
  name: string,
  make: (making: PortMaking) => TelegramPort,
): void => {
  describe(`telegram port, chats: ${name}`, { timeout: 15_000 }, () => {
    let dc: DataCentre;
    let ann: LoginCredentials;
    const links: TelegramLink[] = [];
    const limits = {
      connectLimitMs: 5000,
      checkLimitMs: 5000,
      keepAliveMs: 60_000,
      pingLimitMs: 5000,
      requestLimitMs: 5000,
    };
    const [bob, cleo, bot] = ['1001', '1002', '1003'];

    beforeEach(async () => {
      dc = await startDataCentre();
      ann = dc.addAccount({ userId: '7770001234567', firstName: 'Ann', username: 'ann_helps' });
      dc.people.addPerson({ userId: bob, firstName: 'Bob', username: 'bobby', language: 'de' });
      dc.people.addPerson({ userId: cleo, firstName: 'Cleo' });
      dc.people.addPerson({ userId: bot, firstName: 'Beep', username: 'beep_bot', isBot: true });
    });
    afterEach(async () => {
      await Promise.all(links.splice(0).map((link) => link.close()));
      const { violations, kills } = dc.report();
      await dc.stop();
      expect({ violations, kills }).toEqual({ violations: [], kills: [] });
    });

    const supergroup = (
      more: { members?: string[]; title?: string; slowModeSeconds?: number } = {},
    ): string =>
      dc.people.addGroup({ kind: 'supergroup', members: [ann.userId, bob, cleo, bot], ...more });
    const basicGroup = (isBrief = false): string =>
      dc.people.addGroup({ kind: 'group', members: [ann.userId, bob, cleo, bot], isBrief });
    const open = async (login = ann, changes: Partial<PortMaking> = {}): Promise<TelegramLink> => {
      const port = make({
        credentials: credentialsOf(login),
        dial: dialTo(dc),
        ...limits,
        ...changes,
      });
      const link = await port.connect(new AbortController().signal);
      links.push(link);
      return link;
    };
    const hear = async (link?: TelegramLink): Promise<Heard> => {
      const heard: Heard = { link: link ?? (await open()), events: [], gaps: [], memberships: [] };
      heard.link.listen({
        onEvent: (event) => heard.events.push(event),
        onGap: (chatId) => heard.gaps.push(chatId),
        onMembership: (chatId, membership) => heard.memberships.push([chatId, membership]),
      });
      return heard;
    };
    const until = (condition: () => unknown) =>
      expect.poll(condition, { timeout: 8000, interval: 5 });
    const texts = (events: readonly ChatEvent[]) =>
      events.map((event) => (event.kind === 'message' ? event.text : event.kind));
    const only = async ({ events }: Heard): Promise<ChatEvent> => {
      await until(() => events.length).toBe(1);
      return events[0] as ChatEvent;
    };
    const refusalOf = async (work: Promise<unknown>) => {
      const error = await work.catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(TelegramFailure);
      return classifyRefusal((error as TelegramFailure).failure);
    };
    const say = (
      chatId: string,
      text: string,
      more: Partial<Parameters<typeof dc.people.say>[0]> = {},
    ) => dc.people.say({ chatId, from: bob, text, ...more });
    const message = (
      chatId: string,
      text: string,
      randomId = '1',
      replyTo: number | null = null,
    ) => ({ chatId, text, randomId, replyTo });

    describe.each(['supergroup', 'group', 'brief group'] as const)('in a %s', (kind) => {
      let chatId: string;
      beforeEach(() => {
        chatId = kind === 'supergroup' ? supergroup() : basicGroup(kind === 'brief group');
      });
      /**
       * The short form names nobody, so somebody unknown is a gap; whoever spoke before is known.
       */
      const known = async (heard: Heard): Promise<Heard> => {
        if (kind !== 'brief group') return heard;
        say(chatId, 'first', { hasMedia: true });
        say(chatId, 'first', { from: cleo, hasMedia: true });
        say(chatId, 'first', { from: bot, hasMedia: true });
        await until(() => heard.events.length).toBe(3);
        heard.events.length = 0;
        return heard;
      };

      it('a message, as it was said', async () => {
        const heard = await known(await hear());
        say(chatId, 'hello');
        expect(await only(heard)).toEqual({
          ...{
            kind: 'message',
            chatId,
            messageId: kind === 'brief group' ? 4 : 1,
            text: 'hello',
            replyTo: null,
            isReplyToMe: false,
            isMention: false,
          },
          sender: { id: bob, isBot: false, firstName: 'Bob', username: 'bobby', language: 'de' },
          sentAtMs: expect.toSatisfy(
            (ms: number) => ms % 1000 === 0 && Math.abs(Date.now() - ms) < 5000,
          ),
          ...{ hasMedia: false, isOwn: false, isEdit: false },
        });
      });

      it('hundreds of messages in the order in which they were said', async () => {
        const heard = await known(await hear());
        const said = Array.from({ length: 300 }, (_, index) => `number ${index}`);
        for (const text of said) say(chatId, text, { from: text.endsWith('7') ? cleo : bob });
        await until(() => heard.events.length).toBe(300);
        expect(texts(heard.events)).toEqual(said);
        expect(heard.gaps).toEqual([]);
      });

      it('replies and mentions, to us and to others', async () => {
        const heard = await known(await hear());
        const own = await heard.link.send(message(chatId, 'ask me'));
        const ours = dc.people.said({ userId: ann.userId }).at(-1)?.ref ?? 0;
        const { ref: theirs } = say(chatId, 'plain');
        say(chatId, 'reply to ours', { from: cleo, replyTo: ours });
        say(chatId, 'reply to theirs', { from: cleo, replyTo: theirs });
        say(chatId, 'hi @Ann_Helps!');
        say(chatId, 'hi @bobby', { from: cleo });
        say(chatId, 'hi Ann', { mentions: [ann.userId] });
        say(chatId, '@ann_helps: Bob is right', { from: cleo, replyTo: theirs });
        await until(() => heard.events.length).toBe(7);
        const flags = (heard.events as ChatMessage[]).map(({ isReplyToMe, isMention }) => [
          isReplyToMe,
          isMention,
        ]);
        expect(flags).toEqual([
          [false, false],
          [true, false],
          [false, false],
          [false, true],
          [false, false],
          [false, true],
          [false, true],
        ]);
        const replies = (heard.events as ChatMessage[]).map(({ replyTo }) => replyTo);
        expect(replies[1]).toBe(own.messageId);
        expect(replies[2]).toBe((heard.events[0] as ChatMessage).messageId);
      });

      it('media with and without a caption, bots, the group itself', async () => {
        const heard = await known(await hear());
        say(chatId, '', { hasMedia: true });
        say(chatId, 'look', { hasMedia: true });
        say(chatId, 'beep', { from: bot });
        say(chatId, 'announcement', { from: null });
        await until(() => heard.events.length).toBe(4);
        const seen = (heard.events as ChatMessage[]).map(({ text, hasMedia, sender }) => [
          text,
          hasMedia,
          sender?.isBot,
        ]);
        expect(seen).toEqual([
          ['', true, false],
          ['look', true, false],
          ['beep', false, true],
          ['announcement', false, undefined],
        ]);
      });

      it('edits, joins by hand and by link; what else happens in a group is no event', async () => {
        const heard = await hear();
        const { ref } = say(chatId, 'helo', { hasMedia: true });
        dc.people.edit(ref, 'hello');
        dc.people.pin(ref, bob);
        dc.people.retitle(chatId, 'New title', bob);
        dc.people.addPerson({ userId: '2001', firstName: 'Dan' });
        dc.people.addPerson({ userId: '2002', firstName: 'Eve' });
        dc.people.addPerson({ userId: '2003', firstName: 'Fay' });
        dc.people.join(chatId, ['2001', '2002'], bob);
        dc.people.join(chatId, ['2003']);
        dc.people.leave(chatId, '2001');
        dc.people.remove(ref);
        say(chatId, 'last', { hasMedia: true });
        await until(() => heard.events.length).toBe(5);
        expect(texts(heard.events)).toEqual(['helo', 'hello', 'joined', 'joined', 'last']);
        const [first, edit, added, came] = heard.events;
        expect(edit).toMatchObject({ isEdit: true, messageId: first?.messageId });
        expect(added).toMatchObject({
          chatId,
          users: [{ id: '2001', firstName: 'Dan' }, { firstName: 'Eve' }],
        });
        expect(came).toMatchObject({ users: [{ id: '2003', firstName: 'Fay' }] });
        expect(heard.gaps).toEqual([]);
      });

      it('says something, once for one random id, as an answer, and is not told of it', async () => {
        const heard = await known(await hear());
        const { ref } = say(chatId, 'anybody?');
        const asked = await only(heard);
        const sent = await heard.link.send(
          message(chatId, 'me!', '-9223372036854775808', asked.messageId),
        );
        expect(sent.messageId).toBe(asked.messageId + 1);
        expect(Math.abs(sent.sentAtMs - Date.now())).toBeLessThan(5000);
        expect(
          await heard.link.send(message(chatId, 'me!', '-9223372036854775808', asked.messageId)),
        ).toMatchObject({ messageId: null });
        expect(dc.people.said({ replyTo: ref })).toMatchObject([
          { chatId, userId: ann.userId, keyId: ann.keyId, text: 'me!', kind: 'message' },
        ]);
        say(chatId, 'thanks');
        await until(() => heard.events.length).toBe(2);
        expect(heard.gaps).toEqual([]);
      });

      it('hears what the account says on another of its devices', async () => {
        const phone = dc.addAccount({ userId: ann.userId });
        const heard = await hear();
        const elsewhere = await open(phone);
        const { messageId } = await elsewhere.send(message(chatId, 'by hand'));
        expect(await only(heard)).toMatchObject({
          isOwn: true,
          sender: { id: ann.userId },
          text: 'by hand',
          messageId,
        });
        say(chatId, 'so?', { replyTo: 1, hasMedia: true });
        await until(() => heard.events.at(-1)).toMatchObject({ isReplyToMe: true });
      });

      it('shows that it types', async () => {
        const link = await open();
        await link.typing(chatId);
        expect(dc.people.typings()).toMatchObject([{ chatId, userId: ann.userId }]);
      });

      it('reads what was said while it was away, and what is not told at all', async () => {
        const before = await known(await hear());
        say(chatId, 'seen');
        const { messageId } = await only(before);
        await before.link.close();
        const { ref } = say(chatId, 'missed');
        say(chatId, 'edited later', { hasMedia: true });
        dc.people.edit(ref + 1, 'edited');
        dc.people.addPerson({ userId: '2001', firstName: 'Dan' });
        dc.people.join(chatId, ['2001']);
        say(chatId, 'gone');
        dc.people.remove(ref + 3);
        const { link } = await hear();
        const missed = await link.readAfter(chatId, messageId, 100);
        expect(texts(missed)).toEqual(['missed', 'edited', 'joined']);
        expect(missed[1]).toMatchObject({
          isEdit: false,
          hasMedia: true,
          sender: { firstName: 'Bob', username: 'bobby' },
        });
        say(chatId, 'untold', { isTold: false });
        expect(texts(await link.readAfter(chatId, missed.at(-1)?.messageId ?? 0, 100))).toEqual([
          'untold',
        ]);
        expect(await link.readAfter(chatId, 99, 100)).toEqual([]);
      });

      it('reads the newest of many, oldest first, in pages', async () => {
        for (let index = 1; index <= 250; index += 1) say(chatId, `${index}`);
        const link = await open();
        expect(texts(await link.readAfter(chatId, 0, 230))).toEqual(
          Array.from({ length: 230 }, (_, index) => `${index + 21}`),
        );
        expect(texts(await link.readAfter(chatId, 147, 1000))).toEqual(
          Array.from({ length: 103 }, (_, index) => `${index + 148}`),
        );
      });

      it('knows a reply to a message that it said in an earlier life', async () => {
        const earlier = await open();
        await earlier.send(message(chatId, 'ask me'));
        await earlier.close();
        const heard = await hear();
        say(chatId, 'so?', { replyTo: 1, hasMedia: true });
        expect(await only(heard)).toMatchObject({ isReplyToMe: true, isMention: false });
      });

      it('tells of events that never came, once, after giving them time', async () => {
        const heard = await known(await hear());
        say(chatId, 'one');
        await until(() => heard.events.length).toBe(1);
        dc.people.loseUpdates(ann.userId, 3);
        for (const text of ['two', 'three', 'four', 'five', 'six']) say(chatId, text);
        await until(() => heard.gaps).toEqual([kind === 'supergroup' ? chatId : null]);
        expect(texts(heard.events)).toEqual(['one', 'five', 'six']);
        const missed = await heard.link.readAfter(chatId, heard.events[0]?.messageId ?? 0, 100);
        expect(texts(missed)).toEqual(['two', 'three', 'four', 'five', 'six']);
      });

      it('a flood wait and other refusals are told with their seconds or name, and nothing is said', async () => {
        const link = await open();
        const fault = (code: number, text: string) =>
          dc.fault({
            method: 'messages.sendMessage',
            effect: { kind: 'error', code, message: text },
          });
        for (const [name, seconds] of [
          ['FLOOD_WAIT_31', 31],
          ['FLOOD_PREMIUM_WAIT_32', 32],
          ['TAKEOUT_INIT_DELAY_33', 33],
          ['2FA_CONFIRM_WAIT_34', 34],
          ['A_WAIT_OF_TOMORROW_WAIT_35', 35],
          ['A_WAIT_OF_TOMORROW_WAIT_2MIN', 120],
          ['FLOOD_WAIT_99999999999999', 7 * 86_400],
        ] as const) {
          fault(420, name);
          expect([name, await refusalOf(link.send(message(chatId, 'hi')))]).toEqual([
            name,
            { refusal: 'flood-wait', seconds },
          ]);
        }
        fault(500, 'INTERNAL');
        expect(await refusalOf(link.send(message(chatId, 'hi')))).toEqual({ refusal: 'unclear' });
        expect(await refusalOf(link.send(message(chatId, ' ')))).toEqual({
          refusal: 'rejected',
          name: 'MESSAGE_EMPTY',
        });
        dc.people.restrict(chatId, ann.userId, 'muted');
        expect(await refusalOf(link.send(message(chatId, 'hi')))).toEqual({
          refusal: 'forbidden',
          name: 'CHAT_WRITE_FORBIDDEN',
        });
        dc.people.restrict(chatId, ann.userId, 'banned');
        expect(await refusalOf(link.send(message(chatId, 'hi')))).toEqual({
          refusal: 'forbidden',
          name: 'USER_BANNED_IN_CHANNEL',
        });
        dc.people.restrict(chatId, ann.userId, null);
        dc.people.leave(chatId, ann.userId);
        expect(await refusalOf(link.send(message(chatId, 'hi')))).toMatchObject({
          refusal: 'forbidden',
        });
        expect(await refusalOf(link.readAfter(chatId, 0, 10))).toMatchObject({
          refusal: 'forbidden',
        });
        expect(
          dc.people
            .said({ userId: ann.userId, chatId })
            .filter(({ kind: said }) => said === 'message'),
        ).toEqual([]);
      });
    });

    it('each error of the table means what it says there, and ends no connection', {
      timeout: 60_000,
    }, async () => {
      const chatId = supergroup();
      const link = await open();
      const expected: Partial<Record<ErrorMeaning, Refusal['refusal']>> = {
        ...{
          frozen: 'frozen',
          limited: 'flood-wait',
          chat: 'forbidden',
          message: 'rejected',
          passing: 'unclear',
        },
      };
      for (const [name, meaning] of listedErrors) {
        const refusal = expected[meaning];
        if (
          refusal === undefined ||
          name === 'RANDOM_ID_DUPLICATE' ||
          name === 'CONNECTION_NOT_INITED'
        )
          continue;
        const effect = {
          kind: 'error',
          code: meaning === 'passing' ? 500 : 400,
          message: name.replace(/_X$/, '_5'),
        } as const;
        dc.fault({ method: 'messages.sendMessage', effect });
        expect([name, (await refusalOf(link.send(message(chatId, 'hi')))).refusal]).toEqual([
          name,
          refusal,
        ]);
      }
      expect(dc.people.said({ userId: ann.userId })).toEqual([]);
      expect((await link.check()).userId).toBe(ann.userId);
    });

    it('an introduction that Telegram has forgotten ends the connection, and is made on the next one', async () => {
      const chatId = supergroup();
      const port = make({ credentials: credentialsOf(ann), dial: dialTo(dc), ...limits });
      const first = await port.connect(new AbortController().signal);
      links.push(first);
      dc.fault({
        method: 'messages.sendMessage',
        effect: { kind: 'error', code: 400, message: 'CONNECTION_NOT_INITED' },
      });
      expect(await refusalOf(first.send(message(chatId, 'hi', '5')))).toEqual({
        refusal: 'unclear',
      });
      expect(classifyError((await first.lost).failure).class).toBe('transient');
      const second = await port.connect(new AbortController().signal);
      links.push(second);
      expect(await second.send(message(chatId, 'hi', '5'))).toMatchObject({ messageId: 1 });
    });

    it('too much to tell, of a group or of everything, is a gap', async () => {
      const chatId = supergroup();
      const heard = await hear();
      dc.people.tellTooLong(ann.userId, chatId);
      await until(() => heard.gaps).toEqual([chatId]);
      dc.people.tellTooLong(ann.userId, null);
      await until(() => heard.gaps).toEqual([chatId, null]);
    });

    it('slow mode is told with its seconds', async () => {
      const chatId = supergroup({ slowModeSeconds: 60 });
      const link = await open();
      await link.send(message(chatId, 'one', '1'));
      expect(await refusalOf(link.send(message(chatId, 'two', '2')))).toEqual({
        refusal: 'slow-mode',
        seconds: expect.toSatisfy((s: number) => s > 50 && s <= 60),
      });
      dc.people.setSlowMode(chatId, 0);
      await link.send(message(chatId, 'two', '2'));
    });

    it('one refused message takes no other along, in whatever packet they are', async () => {
      const groups = Array.from({ length: 20 }, () => supergroup());
      dc.people.restrict(groups[3] as string, ann.userId, 'muted');
      dc.people.restrict(groups[7] as string, ann.userId, 'muted');
      const heard = await hear();
      await heard.link.groups();
      const sends = groups.map((chatId, index) =>
        heard.link.send(message(chatId, 'hi', `${index + 1}`)),
      );
      for (const chatId of groups) say(chatId, 'hello');
      const outcomes = await Promise.allSettled(sends);
      expect(outcomes.flatMap(({ status }, index) => (status === 'rejected' ? index : []))).toEqual(
        [3, 7],
      );
      await until(() => heard.events.length).toBe(20);
    });

    it('an answer that was lost: said again with the same random id, it is said once', async () => {
      const chatId = supergroup();
      const link = await open(ann, { requestLimitMs: 400 });
      dc.fault({ method: 'messages.sendMessage', effect: { kind: 'lose-answer' } });
      expect(await refusalOf(link.send(message(chatId, 'hi', '77')))).toEqual({
        refusal: 'unclear',
      });
      await link.close();
      expect(await (await open()).send(message(chatId, 'hi', '77'))).toMatchObject({
        messageId: null,
      });
      expect(dc.people.said({ chatId, userId: ann.userId })).toHaveLength(1);
    });

    it('a request in flight when the line drops rejects at once, as one after the end does', async () => {
      const chatId = supergroup();
      const link = await open();
      dc.fault({ method: 'messages.sendMessage', times: null, effect: { kind: 'silence' } });
      const startedAt = performance.now();
      const sends = Array.from({ length: 20 }, (_, index) =>
        refusalOf(link.send(message(chatId, 'hi', `${index}`))),
      );
      setTimeout(() => dc.disconnectAll(), 100);
      expect(await Promise.all(sends)).toEqual(Array(20).fill({ refusal: 'unclear' }));
      await link.lost;
      expect(await refusalOf(link.send(message(chatId, 'hi', '99')))).toEqual({
        refusal: 'unclear',
      });
      expect(performance.now() - startedAt).toBeLessThan(4000);
    });

    it('what happened before anybody listened is heard first', async () => {
      const chatId = supergroup();
      const link = await open();
      say(chatId, 'early');
      await until(() => link.check().then(() => true)).toBe(true);
      const heard = await hear(link);
      say(chatId, 'late');
      await until(() => texts(heard.events)).toEqual(['early', 'late']);
    });

    it('more than a thousand of those are a gap', async () => {
      const chatId = supergroup();
      const link = await open();
      for (let index = 0; index < 1005; index += 1) say(chatId, `${index}`);
      await link.check();
      const heard = await hear(link);
      expect(heard.events).toHaveLength(1000);
      expect(texts(heard.events).at(-1)).toBe('1004');
      expect(heard.gaps).toEqual([null]);
    });

    it('the very first message of an account that is lost is missed', async () => {
      const chatId = basicGroup();
      say(chatId, 'before');
      const heard = await hear();
      await heard.link.check();
      dc.people.loseUpdates(ann.userId, 1);
      say(chatId, 'lost');
      say(chatId, 'heard');
      await until(() => heard.gaps).toEqual([null]);
      expect(texts(heard.events)).toEqual(['heard']);
    });

    it('somebody unknown in a short message is a gap', async () => {
      const chatId = basicGroup(true);
      const heard = await hear();
      say(chatId, 'who am I?');
      await until(() => heard.gaps).toEqual([chatId]);
      expect(await heard.link.readAfter(chatId, 0, 10)).toMatchObject([
        { text: 'who am I?', sender: { firstName: 'Bob' } },
      ]);
      say(chatId, 'now you know');
      expect(await only(heard)).toMatchObject({
        text: 'now you know',
        sender: { username: 'bobby' },
      });
    });

    it('private messages are heard as such', async () => {
      const heard = await hear();
      say(ann.userId, 'psst');
      expect(await only(heard)).toMatchObject({
        chatId: bob,
        sender: { id: bob },
        text: 'psst',
        isOwn: false,
      });
    });

    it('knows its groups right after the start, and no others', async () => {
      const chatId = supergroup({ title: 'Help desk' });
      const basic = basicGroup();
      supergroup({ members: [bob] });
      say(chatId, 'one');
      say(chatId, 'two');
      say(ann.userId, 'private');
      const link = await open();
      const { groups, isWhole } = await link.groups();
      expect(isWhole).toBe(true);
      expect(new Set(groups)).toEqual(
        new Set([
          { chatId, title: 'Help desk', lastMessageId: 2 },
          { chatId: basic, title: expect.any(String), lastMessageId: 0 },
        ]),
      );
    });

    it('is told when it is removed from a group, leaves it, is added again, and where a group has moved', async () => {
      const [shared, left, basic, other] = [supergroup(), supergroup(), basicGroup(), basicGroup()];
      const heard = await hear();
      await heard.link.groups();
      const told = async (chatId: string, membership: Membership) =>
        until(() => heard.memberships.at(-1)).toEqual([chatId, membership]);
      expect(new Map(heard.memberships)).toEqual(
        new Map([shared, left, basic, other].map((chatId) => [chatId, { is: 'in' }])),
      );
      dc.people.leave(shared, ann.userId, { by: bob });
      await told(shared, { is: 'out' });
      dc.people.leave(left, ann.userId);
      await told(left, { is: 'out' });
      dc.people.leave(basic, ann.userId, { by: bob });
      await told(basic, { is: 'out' });
      const { groups, isWhole } = await heard.link.groups();
      expect([groups.map(({ chatId }) => chatId), isWhole]).toEqual([[other], true]);
      dc.people.join(shared, [ann.userId], bob);
      await told(shared, { is: 'in' });
      const to = dc.people.upgrade(other);
      await until(() => heard.memberships).toContainEqual([other, { is: 'moved', to }]);
      expect(await refusalOf(heard.link.readAfter(left, 0, 10))).toMatchObject({
        refusal: 'forbidden',
      });
    });

    it('finds one of hundreds of groups, asking once', async () => {
      const groups = Array.from({ length: 230 }, () => supergroup());
      for (const chatId of groups) say(chatId, 'hello');
      const link = await open();
      const asked = [groups[0], groups[115], groups[229]] as string[];
      await Promise.all(
        asked.map((chatId, index) => link.send(message(chatId, 'here', `${index}`))),
      );
      expect(
        asked.flatMap((chatId) => dc.people.said({ chatId, userId: ann.userId })),
      ).toHaveLength(3);
      expect(await link.groups()).toMatchObject({ groups: { length: 230 }, isWhole: true });
      for (const unknown of ['-1009999999999', '-5', '42', 'garbage', '-0'])
        expect(await refusalOf(link.send(message(unknown, 'hi')))).toMatchObject({
          refusal: 'forbidden',
        });
    });

    it.each([1, 2])(
      'something that it cannot read is a gap, and the line stays (%i in a packet)',
      async (together) => {
        const chatId = supergroup();
        const heard = await hear();
        say(chatId, 'one');
        await until(() => heard.events.length).toBe(1);
        const [session] = [...dc.world.loginOf(ann.keyId).sessions.values()];
        session?.queue({
          body: Buffer.from('0badf00d00000000', 'hex'),
          isContent: true,
          isAnswer: false,
        });
        if (together === 2) say(chatId, 'two');
        await until(() => heard.gaps).toEqual([null]);
        expect(texts(await heard.link.readAfter(chatId, 1, 10))).toEqual(
          together === 2 ? ['two'] : [],
        );
        say(chatId, 'three');
        await until(() => texts(heard.events)).toEqual(['one', 'three']);
      },
    );

    it('a clock that is ten minutes off', async () => {
      await dc.stop();
      dc = await startDataCentre({ clockSkewMs: 600_000 });
      ann = dc.addAccount({ userId: ann.userId, firstName: 'Ann' });
      dc.people.addPerson({ userId: bob, firstName: 'Bob' });
      const chatId = supergroup({ members: [ann.userId, bob] });
      const heard = await hear();
      say(chatId, 'what time is it?');
      expect(await only(heard)).toMatchObject({
        sentAtMs: expect.toSatisfy((ms: number) => Math.abs(ms - Date.now() - 600_000) < 60_000),
      });
      await heard.link.send(message(chatId, 'late'));
      // The clock is told by refusing what was sent with a wrong one.
      dc.world.violations.length = 0;
    });

    it('salts that change in the middle of a conversation: all is said once, and heard in order', async () => {
      const groups = Array.from({ length: 5 }, () => supergroup());
      const heard = await hear();
      await heard.link.groups();
      const sends: Promise<unknown>[] = [];
      for (let index = 0; index < 200; index += 1) {
        const chatId = groups[index % 5] as string;
        say(chatId, `${index}`);
        sends.push(heard.link.send(message(chatId, `answer ${index}`, `${index + 1}`)));
        if (index % 40 === 20) dc.rotateSalts();
        if (index % 10 === 0) await heard.link.check();
      }
      const outcomes = await Promise.allSettled(sends);
      expect(outcomes.filter(({ status }) => status === 'rejected')).toEqual([]);
      await until(() => heard.events.length).toBe(200);
      expect(texts(heard.events)).toEqual(Array.from({ length: 200 }, (_, index) => `${index}`));
      const said = dc.people.said({ userId: ann.userId }).map(({ text }) => text);
      expect(new Set(said).size).toBe(200);
      expect(said).toHaveLength(200);
      expect(heard.gaps).toEqual([]);
    });

    it('answers that come late, out of turn or never do not hold up what is said', async () => {
      const chatId = supergroup();
      const heard = await hear(await open(ann, { requestLimitMs: 1500 }));
      await heard.link.groups();
      const send = (index: number) => heard.link.send(message(chatId, `${index}`, `${index}`));
      dc.fault({ method: 'messages.sendMessage', times: 2, effect: { kind: 'delay', ms: 600 } });
      dc.fault({ method: 'messages.sendMessage', times: 1, effect: { kind: 'silence' } });
      const sends = [1, 2, 3, 4, 5].map(send);
      for (let index = 0; index < 50; index += 1) say(chatId, `${index}`);
      await until(() => heard.events.length).toBe(50);
      const outcomes = await Promise.allSettled(sends);
      expect(outcomes.map(({ status }) => status)).toEqual([
        'fulfilled',
        'fulfilled',
        'rejected',
        'fulfilled',
        'fulfilled',
      ]);
      await send(3);
      expect(dc.people.said({ userId: ann.userId }).map(({ text }) => text)).toEqual([
        '4',
        '5',
        '1',
        '2',
        '3',
      ]);
    });

    it('twenty resets in a conversation, with gaps: heard or read, nothing is missing, and everything is said once', async () => {
      const chatId = supergroup();
      const seen = new Map<number, string>();
      const answered = new Set<number>();
      const unsaid: number[] = [];
      let index = 0;
      for (let round = 0; round < 20; round += 1) {
        const { link, events, gaps } = await hear();
        const note = (found: readonly ChatEvent[]) => {
          for (const event of found)
            if (event.kind === 'message' && !event.isOwn) seen.set(event.messageId, event.text);
        };
        const known = Math.max(0, ...seen.keys());
        note(await link.readAfter(chatId, known, 1000));
        const answer = async (id: number) => {
          answered.add(id);
          await link
            .send(message(chatId, `answer to ${id}`, `${id}`, id))
            .catch(() => unsaid.push(id));
        };
        const work = [
          ...unsaid.splice(0),
          ...[...seen.keys()].filter((id) => !answered.has(id)),
        ].map(answer);
        if (round % 3 === 0) dc.people.loseUpdates(ann.userId, 3);
        for (let said = 0; said < 15; said += 1) say(chatId, `${index++}`);
        if (round % 3 === 1) await until(() => events.length).toBeGreaterThan(5);
        if (round % 3 === 2) await Promise.all(work);
        dc.disconnectAll();
        await link.lost;
        await Promise.all(work);
        if (gaps.length === 0 && round % 3 !== 0) note(events);
      }
      dc.people.loseUpdates(ann.userId, 0);
      const { link } = await hear();
      for (const event of await link.readAfter(chatId, 0, 1000))
        if (event.kind === 'message' && !event.isOwn) seen.set(event.messageId, event.text);
      for (const id of [...unsaid, ...[...seen.keys()].filter((one) => !answered.has(one))])
        await link.send(message(chatId, `answer to ${id}`, `${id}`, id));
      expect([...seen.values()].map(Number).sort((a, b) => a - b)).toEqual(
        Array.from({ length: 300 }, (_, said) => said),
      );
      const answers = dc.people.said({ userId: ann.userId }).map(({ text }) => text);
      expect(answers).toHaveLength(300);
      expect(new Set(answers).size).toBe(300);
    });
  });
};

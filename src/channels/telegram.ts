import { type Message, moreNote } from '../alerts/message.ts';
import type { TelegramChannel } from '../model/alert-policy.ts';
import { type Channel, ChannelRefusal, type ChannelWorld } from './channel.ts';
import { request } from './http.ts';
import { shorten } from './shorten.ts';

/** Characters of one message (https://core.telegram.org/bots/api#sendmessage). */
const textLimit = 4_096;

/**
 * A bot that writes into a chat. One message each, cut where it is too long: two would be told
 * twice when the first is sent again.
 */
export const telegramChannel = (
  name: string,
  spec: TelegramChannel,
  world: ChannelWorld,
): Channel => ({
  send: async (message: Message): Promise<null> => {
    const token = (await world.readSecret(spec.token)).trim();
    if (!/^\d{1,20}:[\w-]{10,100}$/.test(token))
      throw new ChannelRefusal(
        name,
        'its token is no bot token',
        'a bot token looks like 123456:ABC-DEF, from @BotFather',
      );
    const url = new URL(`${spec.server}/bot${token}/sendMessage`);
    const body = JSON.stringify({
      chat_id: spec.chat,
      text: shorten(`${message.title}\n\n${message.text}`, textLimit, moreNote(message)),
      // Names of hosts look like addresses of pages.
      link_preview_options: { is_disabled: true },
      disable_notification: message.severity === 'info',
    });
    try {
      await request(name, url, { headers: { 'content-type': 'application/json' }, body }, world);
      return null;
    } catch (error) {
      throw error instanceof ChannelRefusal ? explained(name, error) : error;
    }
  },
});

/** Telegram says more than a status. */
function explained(name: string, error: ChannelRefusal): ChannelRefusal {
  const said = /: (\{.*)$/s.exec(error.message)?.[1];
  const seconds = Number(/"retry_after":\s*(\d{1,6})/.exec(said ?? '')?.[1]);
  const description = /"description":\s*"([^"]{1,200})"/.exec(said ?? '')?.[1];
  if (description === undefined) return error;
  const hints: readonly (readonly [RegExp, string])[] = [
    [
      /Unauthorized|Not Found/,
      'the token was revoked or is mistyped: get a new one from @BotFather',
    ],
    [/chat not found/, 'add the bot to that chat first, and check its id'],
    [
      /kicked|blocked|not a member|rights/,
      'the bot may not write there: add it again, with the right to send',
    ],
    [/Too Many/, 'Telegram asks the bot to pause; the message is sent afterwards'],
  ];
  const hint = hints.find(([pattern]) => pattern.test(description))?.[1] ?? error.hint;
  const retryMs =
    Number.isFinite(seconds) && seconds > 0 ? Math.min(86_400, seconds) * 1000 : error.retryAfterMs;
  return new ChannelRefusal(name, `Telegram answered: ${description}`, hint, retryMs);
}

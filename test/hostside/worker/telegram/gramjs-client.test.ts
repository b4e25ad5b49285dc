import { gramJsTelegram } from '../../../../hostside/worker/telegram/gramjs-client.ts';
import { telegramChatContract } from './telegram-chat-contract.ts';
import { type PortMaking, telegramContract } from './telegram-contract.ts';

const make = ({ credentials, dial, ...timing }: PortMaking) =>
  gramJsTelegram(credentials, { dial, timing });

telegramContract('GramJS', make);
telegramChatContract('GramJS', make);

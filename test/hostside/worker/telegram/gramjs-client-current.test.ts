import './speak-current-layer.ts';
import { LAYER } from 'telegram/tl/AllTLObjects.js';
import { expect, it } from 'vitest';
import { gramJsTelegram } from '../../../../hostside/worker/telegram/gramjs-client.ts';
import { currentLayer } from '../../../../src/release/telegram-layer.ts';
import { telegramChatContract } from './telegram-chat-contract.ts';
import { type PortMaking, telegramContract } from './telegram-contract.ts';

const make = ({ credentials, dial, ...timing }: PortMaking) =>
  gramJsTelegram(credentials, { dial, timing });

it('speaks the layer that workers are built with', () => expect(LAYER).toBe(currentLayer().layer));

telegramContract('GramJS, current layer', make);
telegramChatContract('GramJS, current layer', make);

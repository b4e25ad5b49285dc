import { gramJsTelegram } from '../../agent/worker/gramjs-client.ts';
import { telegramContract } from './telegram-contract.ts';

telegramContract('GramJS', ({ credentials, dial, ...timing }) => gramJsTelegram(credentials, { dial, timing }));

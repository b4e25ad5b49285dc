/**
 * What a model's server says of a refusal, fit for a log: its code and parameter, and its message
 * without anything of the conversation or the key.
 */
import type { Refusal } from './dialect.ts';
import type { Turn } from './model-port.ts';
import { fieldOf } from './parse-answer.ts';

const identifier = /^[\w.[\]-]{1,64}$/;
const longestMessage = 160;

const asIdentifier = (value: unknown): string => {
  const text = typeof value === 'number' ? String(value) : value;
  return typeof text === 'string' && identifier.test(text) ? text : '';
};

/**
 * The error of a body, whatever its shape: `{error: {...}}`, `{error: "..."}`, `{message}`,
 * `{detail}`.
 */
export function refusalIn(status: number, body: unknown): Refusal {
  const error = fieldOf(body, 'error') ?? body;
  const message =
    typeof error === 'string'
      ? error
      : (fieldOf(error, 'message') ?? fieldOf(error, 'detail') ?? fieldOf(body, 'message'));
  return {
    status,
    code: asIdentifier(fieldOf(error, 'code')) || asIdentifier(fieldOf(error, 'type')),
    param: asIdentifier(fieldOf(error, 'param')),
    message: typeof message === 'string' ? message.slice(0, 4_000) : '',
  };
}

const words = /[\p{L}\p{N}_-]+/gu;

/**
 * One line: every word of the conversation, every long run of letters and digits (keys, tokens,
 * addresses) and what follows a quotation
 * of the request is left out.
 */
function harmless(message: string, turns: readonly Turn[]): string {
  const request = message.search(/[{[]\s*"|key and prompt|sk-|Bearer/i);
  const own = (request >= 0 ? message.slice(0, request) : message)
    .slice(0, 600)
    .replace(/[\p{C}\s]+/gu, ' ');
  const said = new Set(
    turns.flatMap(({ role, content }) =>
      role === 'system' ? [] : (content.slice(0, 20_000).toLowerCase().match(words) ?? []),
    ),
  );
  const plain = own
    .replace(/\bhttps?:\/\/\S*/gi, '...')
    .replace(words, (word) =>
      word.length > 40 || (word.length > 3 && said.has(word.toLowerCase())) ? '...' : word,
    )
    .trim();
  return plain.length > longestMessage ? `${plain.slice(0, longestMessage - 3)}...` : plain;
}

/** `the server answered 400 (unsupported_parameter, max_tokens): Unsupported parameter`. */
export function wordsOfRefusal(refusal: Refusal, turns: readonly Turn[]): string {
  const names = [refusal.code, refusal.param].filter((name) => name !== '').join(', ');
  const said = harmless(refusal.message, turns);
  return (
    `the server answered ${refusal.status}${names === '' ? '' : ` (${names})`}` +
    `${said === '' ? '' : `: ${said}`}`
  );
}

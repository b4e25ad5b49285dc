/** What servers call a chat completion, read like anybody's words. */
import { type Completion, ModelFailure } from './model-port.ts';

type Fields = Readonly<Record<string, unknown>>;

export const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Fields)[name]
    : undefined;

export const listOf = (value: unknown, name: string): readonly unknown[] => {
  const list = fieldOf(value, name);
  return Array.isArray(list) ? list : [];
};

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0;
const mostParts = 10_000;

/** The text of a content: a string, or a list of parts of which only those of text count. */
function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content
    .slice(0, mostParts)
    .map((part: unknown) => {
      if (typeof part === 'string') return part;
      const type = fieldOf(part, 'type');
      const text = fieldOf(part, 'text');
      return (type === undefined || type === 'text' || type === 'output_text') &&
        typeof text === 'string'
        ? text
        : '';
    })
    .join('');
}

/**
 * One document out of a stream that was not asked for: server-sent events or lines, each with a
 * part of the answer. Events that no word ends broke off.
 */
function joinEvents(body: string): unknown {
  const isWhole = !/^\s{0,4}data:/m.test(body) || /^\s{0,4}data:\s{0,4}\[DONE\]/m.test(body);
  let content = '';
  let finish: unknown = null;
  let usage: unknown;
  for (const line of body.split('\n')) {
    const data = /^\s{0,4}(?:data:)?\s{0,4}(\{.*\})\s{0,4}$/.exec(line)?.[1];
    if (data === undefined) continue;
    const event = parsed(data);
    if (errorOf(event) !== undefined) return event;
    const [choice] = listOf(event, 'choices');
    content += textOf(fieldOf(fieldOf(choice, 'delta') ?? fieldOf(choice, 'message'), 'content'));
    finish = fieldOf(choice, 'finish_reason') ?? finish;
    usage = fieldOf(event, 'usage') ?? usage;
  }
  return {
    choices: [{ message: { content }, finish_reason: finish ?? (isWhole ? null : 'length') }],
    usage,
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ModelFailure('garbage', 'the answer is no JSON');
  }
}

/** A body of another content type than JSON comes as text. */
const documentOf = (answer: unknown): unknown => {
  if (typeof answer !== 'string') return answer;
  const body = answer.trim();
  if (/^(?:data|event|id|retry)?:/.test(body)) return joinEvents(body);
  if (!body.startsWith('{')) throw new ModelFailure('garbage', 'the answer is no JSON');
  return /^\{.*\}\s*\n\s*\{/.test(body.slice(0, 100_000)) ? joinEvents(body) : parsed(body);
};

const isSaid = (error: unknown): boolean =>
  error !== undefined &&
  error !== null &&
  error !== false &&
  error !== '' &&
  !(typeof error === 'object' && Object.keys(error).length === 0);

/** In its field, of the choice, or the document itself. */
function errorOf(document: unknown): unknown {
  const [choice] = listOf(document, 'choices');
  const found = [fieldOf(document, 'error'), fieldOf(choice, 'error')].find(isSaid);
  if (found !== undefined) return found;
  if (fieldOf(document, 'object') === 'error') return document;
  return fieldOf(choice, 'finish_reason') === 'error'
    ? { code: 502, message: 'the answer ended with an error' }
    : undefined;
}

/** The error that some servers send with status 200; undefined: there is none. */
export const errorIn = (answer: unknown): unknown => errorOf(documentOf(answer));

/**
 * Throws ModelFailure `garbage` where the server gave no text, with the reason as far as it told
 * one.
 */
export function parseCompletion(answer: unknown): Completion {
  const document = documentOf(answer);
  const [choice] = listOf(document, 'choices');
  const message = fieldOf(choice, 'message');
  const finish = fieldOf(choice, 'finish_reason');
  if (finish === 'content_filter')
    throw new ModelFailure('garbage', 'the answer was filtered by the server');
  const text = textOf(fieldOf(message, 'content') ?? fieldOf(choice, 'text')).trim();
  if (text === '') throw new ModelFailure('garbage', whyNoText(message, finish));
  const usage = fieldOf(document, 'usage');
  const [read, written] = [fieldOf(usage, 'prompt_tokens'), fieldOf(usage, 'completion_tokens')];
  return {
    text,
    isCutOff: finish === 'length',
    tokens: isCount(read) && isCount(written) ? { read, written } : null,
  };
}

function whyNoText(message: unknown, finish: unknown): string {
  const refusal = fieldOf(message, 'refusal');
  if (typeof refusal === 'string' && refusal !== '') return 'the model declined to answer';
  const hasReasoning = ['reasoning_content', 'reasoning', 'thinking'].some(
    (name) => textOf(fieldOf(message, name)) !== '',
  );
  if (finish === 'length')
    return hasReasoning
      ? 'the answer has no text: all of its tokens went into reasoning (raise answer_tokens)'
      : 'the answer has no text: it was cut off';
  if (hasReasoning) return 'the answer has no text, only reasoning';
  return finish === 'tool_calls' || finish === 'function_call'
    ? 'the answer has no text: the model wants to call a tool'
    : 'the answer has no text';
}

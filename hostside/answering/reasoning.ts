/**
 * What a model says besides its answer: reasoning between markers, and tokens that belong to its template. None of it is ever said in a
 * group. One pass over the text.
 */

/** Names of tags that open a block which is not the answer. The tags of the known families: DeepSeek, Qwen, Magistral, Kimi, Seed, Granite, tool calls. */
const blockNames =
  'think|thinking|thought|thoughts|reason|reasoning|reflection|scratchpad|analysis|inner_monologue|seed:think|tool_call|tool_calls|tool_code|function_call|function_calls';
const open = `(?:<|&lt;)(?:${blockNames})(?:\\s[^<>]{0,200})?(?:>|&gt;)|\\[(?:think|thinking|reasoning)\\]|\u25c1think\u25b7|<\\|(?:begin_of_thought|thinking|think|START_THINKING)\\|>|<unused94>|\\[TOOL_CALLS\\]`;
const close = `(?:<|&lt;)/(?:${blockNames})\\s{0,8}(?:>|&gt;)|\\[/(?:think|thinking|reasoning)\\]|\u25c1/think\u25b7|<\\|(?:end_of_thought|/thinking|/think|END_THINKING)\\|>|<unused95>`;
const blockMark = new RegExp(`(${open})|(${close})`, 'giu');

/** Harmony (gpt-oss): channels; what is said to people is in `final`. */
const harmonyFinal = /<\|channel\|>\s{0,8}final[^<]{0,40}<\|message\|>/giu;
const harmonyOther = /<\|channel\|>/iu;
/** The same where the server has dropped the special tokens and kept their words. */
const bareHarmony = /^\s{0,20}(?:assistant)?(?:analysis|commentary)(?=\S).*?assistantfinal/isu;
const bareHarmonyStart = /^\s{0,20}(?:assistantanalysis|analysis(?=[A-Z"'\u201c]))/u;

/** A turn ends here; whatever a model goes on to say plays another person. */
const turnEnd =
  /<\|(?:im_end|eot_id|eom_id|end|endoftext|end_of_text|return|call|eot|im_start|start|start_header_id|user|system|assistant)\|>|<(?:start|end)_of_turn>|<[|\uff5c](?:end\u2581of\u2581sentence|User|Assistant)[|\uff5c]>|<\/s>|\[INST\]/iu;
/** Any other token of a template. */
const otherToken =
  /<\|[a-z0-9_/]{1,40}\|>|<[\uff5c|][^<>|\uff5c\s]{1,40}[\uff5c|]>|<\/?s>|<(?:bos|eos|pad)>|\[\/INST\]|<\/?(?:answer|response|final|output)>/giu;

/** Without blocks between markers. A block that never ends leaves no text, and what stands before a stray end belongs to the block. */
function withoutBlocks(text: string): string {
  let kept = '';
  let from = 0;
  let depth = 0;
  for (const match of text.matchAll(blockMark)) {
    const isOpen = match[1] !== undefined;
    if (depth === 0) kept = isOpen ? kept + text.slice(from, match.index) : '';
    depth = Math.max(0, depth + (isOpen ? 1 : -1));
    from = match.index + match[0].length;
  }
  return depth > 0 ? '' : kept + text.slice(from);
}

function finalChannel(text: string): string {
  const finals = [...text.matchAll(harmonyFinal)];
  const last = finals.at(-1);
  if (last !== undefined) return text.slice(last.index + last[0].length);
  if (harmonyOther.test(text)) return '';
  const bare = bareHarmony.exec(text);
  if (bare !== null) return text.slice(bare[0].length);
  return bareHarmonyStart.test(text) ? '' : text;
}

/** The text before the turn ends. Tokens that stand in front of all words begin the turn. */
function firstTurn(text: string): string {
  let rest = text;
  for (let limit = 0; limit < 8; limit += 1) {
    const match = turnEnd.exec(rest);
    if (match === null) return rest;
    const before = rest.slice(0, match.index);
    if (before.replace(otherToken, '').trim() !== '') return before;
    rest = rest.slice(match.index + match[0].length).replace(/^\s{0,8}(?:assistant|model)\b:?/iu, '');
  }
  return '';
}

/** What the model says to people; empty when that is nothing. */
export const withoutReasoning = (text: string): string =>
  firstTurn(withoutBlocks(finalChannel(text)))
    .replace(otherToken, '')
    .trim();

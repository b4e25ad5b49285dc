/**
 * What a model says besides its answer: reasoning between markers, calls of tools, and tokens that
 * belong to its template. None of it is
 * ever said in a group. Markers are known by their shape and by the words of their name, because
 * every family of models invents names.
 * Time linear in the text: quantifiers have bounds.
 */

/** Words of a marker's name that make it one of reasoning, of tools, or the end of a block. */
const reasoningWords = new Set(
  (
    'think thinking thinks thought thoughts reason reasoning reasons reflect reflection ' +
    'scratchpad cot monologue analysis rationale deliberation internal'
  ).split(' '),
);
/** In names of tokens; an element `<Function>` may be part of an answer about programs. */
const tokenWords = new Set(['tool', 'tools', 'function', 'functions', 'python', 'action', 'dsml']);
const toolElement =
  /(?:tool|function)s?[_-]?(?:calls?|code|results?|responses?)\b|^(?:function|parameter)=|^invoke$/i;
const endWords = new Set(['end', 'stop', 'close', 'suffix']);

/** The angle brackets of markers in the guises in which servers pass them on. */
const brackets: readonly (readonly [RegExp, string])[] = [
  [/&(?:amp;){0,2}(?:lt|#0{0,3}60|#x0{0,3}3c);|\\u003c|[\uff1c\ufe64]/gi, '<'],
  [/&(?:amp;){0,2}(?:gt|#0{0,3}62|#x0{0,3}3e);|\\u003e|[\uff1e\ufe65]/gi, '>'],
];

/**
 * `<name attributes>`, also with a prefix between bars; `<|name|>`, `<|name>`, `<name|>`; `[NAME]`;
 * triangles.
 */
const tag =
  '<\\s{0,3}(?<end>/?)\\s{0,3}(?:[|\uff5c]\\w{1,20}[|\uff5c])?(?<tag>[a-z][\\w:.=-]{0,60})(?<rest>\\s[^<>]{0,300})?(?<alone>/?)>';
const name = '/?[\\w/:\u2581]{1,60}';
const token =
  `<[|\uff5c](?<token>${name})(?<bar>[|\uff5c]?)>|<(?<closing>${name}` +
  ')[|\uff5c]>|<unused9(?<unused>[45])>';
const square =
  '\\[(?<squareEnd>/?)(?<square>think|thinking|reasoning|tool_calls?|available_tools|tool_results)\\]';
const triangle = '\u25c1(?<triangleEnd>/?)(?<triangle>\\w{1,30})\u25b7';
const folded =
  '<details(?<kind>[^<>]{0,300})>(?:\\s{0,8}<summary>(?<summary>[^<>]{0,120})</summary>)?|(?<unfold></details>)';
const fence = '^\\s{0,3}```(?<fence>[^\\n`]{0,40})$';
const marks = new RegExp(`${folded}|${fence}|${token}|${tag}|${square}|${triangle}`, 'gimu');

interface Mark {
  readonly kind: 'reasoning' | 'tool' | 'folded' | 'fence';
  readonly isOpen: boolean;
}

/** Of `chain_of_thought`, and of `antThinking` also its parts. */
const wordsIn = (text: string): readonly string[] =>
  `${text} ${text.replace(/([a-z])([A-Z])/g, '$1 $2')}`.toLowerCase().split(/[^a-z0-9]+/);

const namesThinking = (text: string): boolean =>
  wordsIn(text).some((word) => reasoningWords.has(word));

function named(name: string, isEnd: boolean, isToken: boolean): Mark | null {
  const words = wordsIn(name);
  const isTool =
    toolElement.test(name) ||
    (isEnd && /^(?:function|parameter)$/i.test(name)) ||
    (isToken && words.some((word) => tokenWords.has(word)));
  if (!isTool && !words.some((word) => reasoningWords.has(word) || (isToken && word === 'inner')))
    return null;
  return {
    kind: isTool ? 'tool' : 'reasoning',
    isOpen: !isEnd && !words.some((word) => endWords.has(word)),
  };
}

function markOf(groups: Readonly<Record<string, string | undefined>>): Mark | null {
  const { unfold, kind, summary, fence: info, token: opening } = groups;
  if (unfold !== undefined) return { kind: 'folded', isOpen: false };
  if (kind !== undefined)
    return namesThinking(`${kind} ${summary ?? ''}`) ? { kind: 'folded', isOpen: true } : null;
  if (info !== undefined) return { kind: 'fence', isOpen: namesThinking(info) };
  // Two of Gemma's thousand tokens without a name.
  if (groups.unused !== undefined) return { kind: 'reasoning', isOpen: groups.unused === '4' };
  // A newer Gemma opens by `<|channel>` and closes by `<channel|>`.
  if (groups.closing !== undefined)
    return groups.closing === 'channel'
      ? { kind: 'reasoning', isOpen: false }
      : named(groups.closing, true, true);
  if (opening === 'channel' && groups.bar === '') return { kind: 'reasoning', isOpen: true };
  if (opening !== undefined) return named(opening, opening.startsWith('/'), true);
  if (groups.square !== undefined) return named(groups.square, groups.squareEnd === '/', true);
  if (groups.triangle !== undefined)
    return named(groups.triangle, groups.triangleEnd === '/', true);
  // An element without content.
  if (groups.alone === '/' || groups.rest?.trimEnd().endsWith('/') === true) return null;
  return named(groups.tag ?? '', groups.end === '/', false);
}

/**
 * Without blocks between markers. A block that never ends leaves no text, and what stands before a
 * stray end of reasoning belongs to it. Reasoning counts its
 * depth; calls of tools open more than they close, so that each end ends them.
 */
function withoutBlocks(text: string): string {
  let kept = '';
  let from = 0;
  const open = { reasoning: 0, tool: 0, folded: 0, fence: 0 };
  const isInside = (): boolean => open.reasoning + open.tool + open.folded + open.fence > 0;
  for (const match of text.matchAll(marks)) {
    const mark = markOf(match.groups ?? {});
    if (mark === null) continue;
    const { kind, isOpen } = mark;
    // A fence opens only with its words, and ends with any other.
    if (!isOpen && open[kind] === 0 && kind !== 'reasoning' && kind !== 'tool') continue;
    if (!isInside()) kept = isOpen || kind === 'tool' ? kept + text.slice(from, match.index) : '';
    open[kind] = nextDepth(open[kind], mark);
    from = match.index + match[0].length;
  }
  return isInside() ? '' : kept + text.slice(from);
}

function nextDepth(depth: number, { kind, isOpen }: Mark): number {
  if (kind === 'reasoning') return Math.max(0, depth + (isOpen ? 1 : -1));
  return isOpen ? 1 : 0;
}

/** Harmony (gpt-oss): channels; what is said to people is in `final`. */
const harmonyFinal =
  /<\|channel\|>\s{0,8}final[^<]{0,40}(?:<\|constrain\|>[^<]{0,40})?<\|message\|>/giu;
const harmonyOther = /<\|channel\|>/iu;
/** The same where the server has dropped the special tokens and kept their words. */
const bareHarmony =
  /^\s{0,20}(?:assistant\s{0,3})?(?:analysis|commentary)(?:(?=\S)[^\n]|\s{0,3}\n)/iu;
const bareStart =
  /^\s{0,20}(?:assistant\s{0,3}(?:analysis|commentary)|(?:analysis|commentary)(?:(?=[A-Z"'\u201c])|\s{0,3}\n))/u;
const bareFinal = /assistant\s{0,3}final|\n\s{0,3}final\s{0,3}\n/iu;

function finalChannel(text: string): string {
  const last = [...text.matchAll(harmonyFinal)].at(-1);
  if (last !== undefined) return text.slice(last.index + last[0].length);
  if (harmonyOther.test(text)) return '';
  const found = bareHarmony.test(text) ? bareFinal.exec(text) : null;
  if (found !== null) return text.slice(found.index + found[0].length);
  return bareStart.test(text) ? '' : text;
}

/** Granite says it in words. */
const saidThought = /^\s{0,20}here(?:'s|\u2019s| is) my (?:thought process|reasoning|thinking)\b/i;
const saidAnswer = /here(?:'s|\u2019s| is) my (?:final )?(?:response|answer):?/i;

function withoutSaidThought(text: string): string {
  if (!saidThought.test(text)) return text;
  const found = saidAnswer.exec(text);
  return found === null ? '' : text.slice(found.index + found[0].length);
}

/** A turn ends here; whatever a model goes on to say plays another person. */
const turnEnd =
  /<\|(?:im_end|eot_id|eom_id|end|endoftext|end_of_text|return|call|eot|im_start|start|start_header_id|user|system|assistant|channel)\|>|<(?:start|end)_of_turn>|<\|turn>|<turn\|>|<[|\uff5c](?:end\u2581of\u2581sentence|User|Assistant)[|\uff5c]>|<\/s>|\[INST\]|^\s{0,4}(?:#{2,4} ?(?:Human|User|Instruction|Input|System|Assistant|Response)\b|Human:\s)/imu;
/** Any other token of a template. */
const otherToken =
  /<\|[a-z0-9_/]{1,40}\|?>|<[a-z0-9_/]{1,40}\|>|<[\uff5c|][^<>|\uff5c\s]{1,40}[\uff5c|]>|<\/?s>|<(?:bos|eos|pad|unk|mask|unused\d{1,4})>|\[(?:\/INST|BOS|EOS|PAD|UNK)\]|<\/?(?:answer|response|final|output)>|<(?:think|thinking|reasoning) {0,2}\/>/giu;

/** The text before the turn ends. Tokens that stand in front of all words begin the turn. */
function firstTurn(text: string): string {
  let rest = text;
  for (let limit = 0; limit < 8; limit += 1) {
    const match = turnEnd.exec(rest);
    if (match === null) return rest;
    const before = rest.slice(0, match.index);
    if (before.replace(otherToken, '').trim() !== '') return before;
    rest = rest
      .slice(match.index + match[0].length)
      .replace(/^\s{0,8}(?:assistant|model)\b:?/iu, '');
  }
  return '';
}

/** What the model says to people; empty when that is nothing. */
export const withoutReasoning = (text: string): string => {
  const plain = brackets.reduce((seen, [guise, bracket]) => seen.replace(guise, bracket), text);
  return firstTurn(withoutBlocks(withoutSaidThought(finalChannel(plain))))
    .replace(otherToken, '')
    .trim();
};

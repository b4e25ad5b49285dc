import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cleanModelText } from '../../../hostside/answering/model-request.ts';

const answer = 'Water it in the morning.';

/** What models and servers are known to send, and what of it may be said; null: nothing. */
const recorded: readonly (readonly [string, string, string | null])[] = [
  ['a plain answer', answer, answer],
  ['think', `<think>The user asks about plants.</think>\n\n${answer}`, answer],
  ['an empty think', `<think>\n\n</think>\n\n${answer}`, answer],
  ['upper case', `<THINK>x</THINK>${answer}`, answer],
  ['with an attribute', `<think duration="3s">x</think>${answer}`, answer],
  ['thinking', `<thinking>x</thinking> ${answer}`, answer],
  ['reasoning', `<reasoning>x</reasoning>${answer}`, answer],
  ['reflection in the middle', `Water it <reflection>really?</reflection>in the morning.`, answer],
  ['scratchpad', `<scratchpad>x</scratchpad>${answer}`, answer],
  ['escaped', `&lt;think&gt;x&lt;/think&gt;${answer}`, answer],
  ['an opening that the template had', `The user asks.\nSo I say.\n</think>\n\n${answer}`, answer],
  ['a block that never ends', `<think>The user asks about ${answer}`, null],
  ['an answer and a block that never ends', `${answer}\n<think>Wait, is that`, null],
  ['a block in a block', `<think>a<think>b</think>c</think>${answer}`, answer],
  ['two blocks', `<think>a</think>Water it <think>b</think>in the morning.`, answer],
  ['square brackets', `[THINK]x[/THINK]${answer}`, answer],
  ['triangles', `◁think▷x◁/think▷${answer}`, answer],
  ['seed', `<seed:think>x</seed:think>${answer}`, answer],
  ['begin of thought', `<|begin_of_thought|>x<|end_of_thought|>${answer}`, answer],
  ['unused tokens', `<unused94>thought\nx<unused95>${answer}`, answer],
  [
    'harmony',
    '<|channel|>analysis<|message|>The user ' +
      `asks.<|end|><|start|>assistant<|channel|>final<|message|>${answer}<|return|>`,
    answer,
  ],
  ['harmony without final', '<|channel|>analysis<|message|>The user asks about plants', null],
  ['harmony with a commentary', `<|channel|>commentary to=functions.x<|message|>{}<|call|>`, null],
  [
    'harmony whose tokens are gone',
    `analysisThe user asks about plants.assistantfinal${answer}`,
    answer,
  ],
  ['harmony whose tokens are gone, cut off', 'analysisThe user asks about plants and', null],
  ['a word that is no channel', 'Analysis of the soil helps.', 'Analysis of the soil helps.'],
  ['end of turn', `${answer}<|im_end|>`, answer],
  [
    'the next turn played',
    `${answer}<|im_end|>\n<|im_start|>user\nThanks!<|im_end|>\n<|im_start|>assistant\nBye`,
    answer,
  ],
  ['the turn begins', `<|im_start|>assistant\n${answer}<|im_end|>`, answer],
  ['llama header', `<|start_header_id|>assistant<|end_header_id|>\n\n${answer}<|eot_id|>`, answer],
  ['gemma', `<start_of_turn>model\n${answer}<end_of_turn>`, answer],
  ['sentence marks', `<s> ${answer}</s>`, answer],
  ['full-width marks', `${answer}<｜end▁of▁sentence｜>`, answer],
  ['instructions', `${answer} [INST] and now? [/INST] no`, answer],
  ['end of text', `${answer}<|endoftext|>Human: next`, answer],
  ['answer tags', `<think>x</think><answer>${answer}</answer>`, answer],
  ['a tool call', '<tool_call>{"name":"x"}</tool_call>', null],
  ['a tool call that never ends', '<tool_call>{"name":"x"', null],
  ['mistral tools', '[TOOL_CALLS][{"name":"x"}]', null],
  ['only tokens', '<|im_start|>assistant\n<|im_end|>', null],
  ['only a block', '<think>x</think>', null],
  [
    'harmony with a format',
    '<|channel|>analysis<|message|>x<|end|><|start|>assistant<|channel|>final ' +
      `<|constrain|>json<|message|>${answer}<|return|>`,
    answer,
  ],
  [
    'harmony, and a channel after its end',
    `<|channel|>analysis<|message|>x<|channel|>final<|message|>${answer}` +
      '<|channel|>commentary<|message|>y',
    answer,
  ],
  ['harmony in lines', `analysis\nThe user asks.\nfinal\n${answer}`, answer],
  ['harmony in lines, cut off', 'analysis\nThe user asks.', null],
  ['harmony with a blank', `assistantanalysisThe user asks.assistant final ${answer}`, answer],
  ['half tokens', `<|channel>thought\nx<channel|>${answer}<turn|>`, answer],
  ['half tokens that never end', `${answer}<|channel>thought\nx`, null],
  ['a turn of half tokens', `<|turn>model\n${answer}<turn|>\n<|turn>user\nThanks`, answer],
  ['a call in half tokens', `<|tool_call>call:x{}<tool_call|>${answer}`, answer],
  [
    'a section of calls',
    `${answer}<|tool_calls_section_begin|><|tool_call_begin|>f:0<|tool_call_argument_begin|>{}<|tool_call_end|><|tool_calls_section_end|>`,
    answer,
  ],
  [
    'calls between full-width bars',
    `${answer}<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>x<｜tool▁call▁end｜><｜tool▁calls▁end｜>`,
    answer,
  ],
  [
    'calls with a prefix between bars',
    `${answer}<｜DSML｜function_calls><｜DSML｜invoke name="x">y</｜DSML｜invoke></｜DSML｜function_calls>`,
    answer,
  ],
  [
    'calls with a prefix',
    `${answer}<minimax:tool_call><invoke name="x"></invoke></minimax:tool_call>`,
    answer,
  ],
  [
    'a function by its name',
    `<function=x>\n<parameter=y>1</parameter></function>${answer}`,
    answer,
  ],
  ['code for a tool', '<|python_tag|>x.call(y)', null],
  ['an action', '<|START_ACTION|>[{}]<|END_ACTION|>', null],
  ['prefix and suffix', `<|inner_prefix|>x<|inner_suffix|>${answer}`, answer],
  ['start and end in the name', `<|think_start|>x<|think_end|>${answer}`, answer],
  ['begin and end without bars', `<think_begin>x<think_end>${answer}`, answer],
  ['in words', `Here is my thought process: x. Here is my response: ${answer}`, answer],
  ['in words, cut off', "Here's my thought process:\nx", null],
  ['blanks in the tag', `< think >x</ think >${answer}`, answer],
  ['a line in the tag', `<think\n>x</think\n>${answer}`, answer],
  ['numbers for brackets', `&#60;think&#62;x&#x3C;/think&#x3E;${answer}`, answer],
  ['escaped twice', `&amp;lt;think&amp;gt;x&amp;lt;/think&amp;gt;${answer}`, answer],
  ['escaped as in JSON', `\\u003cthink\\u003ex\\u003c/think\\u003e${answer}`, answer],
  ['full-width brackets', `＜think＞x＜/think＞${answer}`, answer],
  ['a fence', `\`\`\`thinking\nx\n\`\`\`\n${answer}`, answer],
  [
    'folded, by its kind',
    `<details type="reasoning" done="true"><summary>3 s</summary>x</details>${answer}`,
    answer,
  ],
  [
    'folded, by its summary',
    `<details>\n<summary>Thought for 3 seconds</summary>x</details>${answer}`,
    answer,
  ],
  ['an element without content', `<think/>${answer}`, answer],
  ['other letters', `<Think>x</tHINK>${answer}`, answer],
  ['sentence marks in brackets', `[BOS]<unk>${answer}[EOS]`, answer],
  ['the next person played', `${answer}\n### Human: and now?`, answer],
  ['a person played', `${answer}\n\nHuman: and now?`, answer],
  ['antThinking', `<antThinking>x</antThinking>${answer}`, answer],
  ['ant_thinking', `<ant_thinking>x</ant_thinking>${answer}`, answer],
  ['thought_process', `<thought_process>x</thought_process>${answer}`, answer],
  ['chain_of_thought', `<chain_of_thought>x</chain_of_thought>${answer}`, answer],
  ['internal', `<internal>x</internal>${answer}`, answer],
  ['inner_thoughts', `<inner_thoughts>x</inner_thoughts>${answer}`, answer],
  ['reasoning_content', `<reasoning_content>x</reasoning_content>${answer}`, answer],
  ['longcat_think', `<longcat_think>x</longcat_think>${answer}`, answer],
  ['deep-think', `<deep-think>x</deep-think>${answer}`, answer],
  ['rationale', `<rationale>x</rationale>${answer}`, answer],
  [
    'no marker: 0',
    'Use List<Function> and Map<string, Action>.',
    'Use List<Function> and Map<string, Action>.',
  ],
  [
    'no marker: 1',
    'The <b> tag, <div class="tool"> and <function> are elements.',
    'The <b> tag, <div class="tool"> and <function> are elements.',
  ],
  ['no marker: 2', '```js\nconst reason = 1;\n```', '```js\nconst reason = 1;\n```'],
  ['no marker: 3', 'Press [Enter], then [1].', 'Press [Enter], then [1].'],
  [
    'no marker: 4',
    '<details><summary>More</summary>Water</details>',
    '<details><summary>More</summary>Water</details>',
  ],
  ['no marker: 5', 'Analysis\nThe soil is dry.', 'Analysis\nThe soil is dry.'],
  ['no marker: 6', 'a <|> b', 'a <|> b'],
  ['no marker: 7', 'x <- y -> z', 'x <- y -> z'],
  ['no marker: 8', 'i < tool && tool > j', 'i < tool && tool > j'],
  ['comparison signs', 'If a < b and b > c, then think.', 'If a < b and b > c, then think.'],
];

test.each(recorded)('%s', (_name, said, wanted) => {
  expect(cleanModelText(said, true)).toBe(wanted);
});

test('no marker of reasoning is ever left, whatever stands around it', () => {
  const part = fc.constantFrom(
    '<think>',
    '</think>',
    'a ',
    '[THINK]',
    '[/THINK]',
    '◁think▷',
    '<|im_end|>',
    '\n',
    '<|channel|>final<|message|>',
    '<|channel|>analysis<|message|>',
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      expect(cleanModelText(parts.join(''), true) ?? '').not.toMatch(/think|<\||channel/i);
    }),
  );
});

test.each([
  ['dots', 'a.'.repeat(500_000)],
  ['dashes', 'a-'.repeat(500_000)],
  ['schemes', 'a://'.repeat(250_000)],
  ['open tags', '<think>'.repeat(150_000)],
  ['half tags', '<think '.repeat(150_000)],
  ['brackets', '<'.repeat(1_000_000)],
  ['escaped brackets', '&amp;lt;'.repeat(120_000)],
  ['fences', '```thinking\n'.repeat(80_000)],
  ['folds', '<details><summary>'.repeat(50_000)],
  ['half tokens', '<|a'.repeat(300_000)],
  ['names', `<${'a'.repeat(59)}`.repeat(16_000)],
  ['tokens', '<|im_start|>'.repeat(80_000)],
  ['words', 'analysis '.repeat(100_000)],
  ['blanks', ' '.repeat(1_000_000)],
  ['mentions', '@all'.repeat(250_000)],
])('a megabyte of %s costs little', (_name, text) => {
  const began = performance.now();
  cleanModelText(text, false);
  // linear work of some tens of milliseconds; what was quadratic took minutes
  expect(performance.now() - began).toBeLessThan(20_000);
});

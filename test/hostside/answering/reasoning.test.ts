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
    `<|channel|>analysis<|message|>The user asks.<|end|><|start|>assistant<|channel|>final<|message|>${answer}<|return|>`,
    answer,
  ],
  ['harmony without final', '<|channel|>analysis<|message|>The user asks about plants', null],
  ['harmony with a commentary', `<|channel|>commentary to=functions.x<|message|>{}<|call|>`, null],
  ['harmony whose tokens are gone', `analysisThe user asks about plants.assistantfinal${answer}`, answer],
  ['harmony whose tokens are gone, cut off', 'analysisThe user asks about plants and', null],
  ['a word that is no channel', 'Analysis of the soil helps.', 'Analysis of the soil helps.'],
  ['end of turn', `${answer}<|im_end|>`, answer],
  ['the next turn played', `${answer}<|im_end|>\n<|im_start|>user\nThanks!<|im_end|>\n<|im_start|>assistant\nBye`, answer],
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

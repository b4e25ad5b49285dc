import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compilePattern, patternText } from '../../../hostside/answering/pattern.ts';
import { PatternMistake } from '../../../hostside/answering/pattern-parts.ts';
import { rulesLookAt } from '../../../hostside/answering/words.ts';

describe('patterns', () => {
  const check = (source: string, text: string): void => {
    expect([source, text, compilePattern(source).matches(patternText(text))]).toEqual([
      source,
      text,
      new RegExp(source, 'iu').test(text),
    ]);
  };

  test('match what JavaScript matches', () => {
    const sources = [
      '',
      'a',
      'a|b',
      '(?:a|bc)+d',
      '^a.c$',
      'pri(?:c|s)e?s?\\b',
      '\\bfoo\\b',
      'fo\\B',
      '[^a-c]x',
      '[\\d-]{2,3}',
      'a{0}b',
      'a{2}',
      'a{2,}',
    ];
    sources.push(
      '(?<word>x)y',
      '\\p{Lu}+',
      '\\u{1F600}?😀',
      'straße',
      '(a*)*b',
      '(?:a?){3}a{3}',
      '[\\]a]+',
      'x*?y',
      '(|a)+$',
      '\\.\\/-',
      '\\x41\\u0042',
      '.',
    );
    const texts = [
      '',
      'a',
      'abc',
      'ABCD',
      'bcbcd',
      'foo bar',
      'price',
      'PRISES now',
      'x\ny',
      '12-3',
      'xxY',
      'ÄÖ',
      '😀',
      'STRASSE straße',
      ']]',
      './-',
      'aab',
      '\n',
    ];
    for (const source of sources) for (const text of texts) check(source, text);
  });

  test('also on random patterns and texts', () => {
    const atom = fc.constantFrom(
      'a',
      'b',
      '.',
      '\\w',
      '\\s',
      '[ab]',
      '[^a]',
      '\\b',
      '^',
      '$',
      'ß',
      'é',
      'k',
      '\\d',
      'ks',
      'S',
      'ks',
      'S',
    );
    const pattern = fc.letrec<{ part: string }>((tie) => ({
      part: fc.oneof(
        { depthSize: 'small' },
        atom,
        fc.tuple(tie('part'), tie('part')).map(([left, right]) => left + right),
        fc.tuple(tie('part'), tie('part')).map(([left, right]) => `(?:${left}|${right})`),
        fc
          .tuple(tie('part'), fc.constantFrom('*', '+', '?', '{2}', '{1,2}', '{0,1}?', '{1,}'))
          .map(([part, times]) => `(${part})${times}`),
      ),
    })).part;
    const text = fc.string({
      unit: fc.constantFrom('a', 'b', 'K', '\u212a', ' ', 'é', '1', '\n', '😀', 'ſ'),
      maxLength: 12,
    });
    fc.assert(fc.property(pattern, text, check), { numRuns: 1_500 });
  });

  test('cost is bounded by construction', () => {
    const evil = compilePattern('^(a+)+$');
    expect(evil.mostSteps).toBeLessThan(20_000);
    expect(evil.matches(patternText(`${'a'.repeat(900)}!`))).toBe(false);
    expect(compilePattern('(.*a){20}b').matches(patternText('a'.repeat(5_000)))).toBe(false);
    expect(compilePattern('b$').matches(patternText(`${'a'.repeat(rulesLookAt)}b`))).toBe(false);
  });

  test('what cannot be bounded or read is named', () => {
    const mistake = (source: string): string => {
      try {
        compilePattern(source);
        return 'none';
      } catch (error) {
        return error instanceof PatternMistake ? error.message : 'another error';
      }
    };
    expect(mistake('(a')).toMatch(/not a regular expression/);
    expect(mistake('(a)\\1')).toMatch(/back reference/);
    expect(mistake('a(?!b)')).toMatch(/ahead or behind/);
    expect(mistake('(?<=a)b')).toMatch(/ahead or behind/);
    expect(mistake('(?i:a)')).toMatch(/starts with \(\?/);
    expect(mistake('((a{99}){99}){99}')).toMatch(/too large/);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatTable } from '../../../src/cli/render/table.ts';
import { disarmed, visible, visibleJson, visibleLine } from '../../../src/model/visible.ts';

/** What no text of a host may bring to a terminal. */
const dangerous =
  /(?![\n\t])[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]|[\u200b-\u200c\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\u00ad\u3164\u{e0000}-\u{e007f}]/u;

describe('text of hosts on a terminal', () => {
  it.each([
    ['\u001b[31mred\u001b[0m', '\\x1b[31mred\\x1b[0m'],
    ['\u001b]52;c;ZXZpbA==\u0007', '\\x1b]52;c;ZXZpbA==\\x07'],
    ['\u009b2J\u009d0;title\u009c', '\\x9b2J\\x9d0;title\\x9c'],
    ['over\rwritten\b\u007f', 'over\\x0dwritten\\x08\\x7f'],
    ['line\r\nline', 'line\nline'],
    ['user\u202egnp.exe', 'user\\u{202e}gnp.exe'],
    ['\u2066isolated\u2069', '\\u{2066}isolated\\u{2069}'],
    ['zero\u200bwidth\ufeff\u00ad\u2060', 'zero\\u{200b}width\\u{feff}\\xad\\u{2060}'],
    ['tag\u{e0041}\u{e007f}', 'tag\\u{e0041}\\u{e007f}'],
    ['blank\u3164\u115f\u2028\u2029', 'blank\\u{3164}\\u{115f}\\u{2028}\\u{2029}'],
    ['half \ud83d a pair \udc00', 'half \\u{d83d} a pair \\u{dc00}'],
    ['letter\ufe0f', 'letter\\u{fe0f}'],
    ['section_start:1:x\r\u001b[0K', 'section_start:1:x\\x0d\\x1b[0K'],
  ])('%j becomes %j', (said, shown) => {
    expect(visible(said)).toBe(shown);
  });

  it.each([
    'Привет, мир',
    '你好',
    'שלום',
    'مرحبا',
    'é e\u0301',
    'हिन्दी',
    '✔ → – …',
    '👍🏽',
    '👨‍👩‍👧',
    '❤️',
    '1️⃣',
    'a\tb\nc',
  ])('%j stays as it is', (text) => {
    expect(visible(text)).toBe(text);
  });

  it('a letter keeps four marks, not ten thousand', () => {
    expect(visible(`Z${'\u0301'.repeat(10_000)}algo`)).toBe(
      `Z${'\u0301'.repeat(4)}(9996 more marks)algo`,
    );
  });

  it('emoji are joined so far and no further', () => {
    expect(visible(Array(50).fill('👩').join('\u200d'))).toContain('\\u{200d}');
  });

  it('a field of one line is one line', () => {
    expect(visibleLine('ok\n::error::x\tend\u2028')).toBe('ok\\n::error::x end\\u{2028}');
    expect(formatTable(['A'], [['x\ny'], ['z\u001b[2J']], '')).toBe('A\nx\\ny\nz\u001b[2J');
  });

  it('nothing dangerous is left of anything, and a second look changes nothing', () => {
    const units = fc
      .array(fc.integer({ min: 0, max: 0xffff }))
      .map((codes) => String.fromCharCode(...codes));
    const nasty = fc.array(
      fc.constantFrom(
        '\u001b',
        '\u009b',
        '\u202e',
        '\u200b',
        '👩',
        '\u200d',
        '\u0301',
        '\ufe0f',
        '1',
        '\u20e3',
        '\ud800',
        '\r',
        '\n',
      ),
    );
    fc.assert(
      fc.property(
        fc.oneof(
          units,
          fc.string({ unit: 'binary' }),
          nasty.map((parts) => parts.join('')),
        ),
        (text) => {
          const shown = visible(text);
          expect(shown).not.toMatch(dangerous);
          expect(visible(shown)).toBe(shown);
        },
      ),
      { numRuns: 3_000 },
    );
  });
});

describe('text of hosts in the log of a pipeline', () => {
  it.each([
    ['::error::x', '\\x3a:error::x'],
    ['ok\n  ::add-mask::y', 'ok\n  \\x3a:add-mask::y'],
    ['\u00a0\u3000::stop-commands::z', '\u00a0\u3000\\x3a:stop-commands::z'],
    ['x ##[command]y', 'x #\\x23[command]y'],
    ['##vso[task.setvariable]', '#\\x23vso[task.setvariable]'],
    ['##teamcity[x]', '#\\x23teamcity[x]'],
    ['a::b ::c', 'a::b ::c'],
    ['# heading ## other', '# heading ## other'],
  ])('%j becomes %j', (said, shown) => {
    expect(disarmed(said)).toBe(shown);
  });
});

it('JSON keeps its values and shows nothing that is obeyed', () => {
  const said = {
    reason: '\u001b[2J\u009b\u202e\u200b\ud800 ##[error]x ##vso[y] 👨‍👩‍👧 \u{e0041}\u2028"\\',
    n: [1, null],
  };
  const json = visibleJson(JSON.stringify(said));
  expect(JSON.parse(json)).toEqual(said);
  expect(json).not.toMatch(dangerous);
  expect(json).not.toMatch(/##\w*\[/);
});

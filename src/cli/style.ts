import { randomBytes } from 'node:crypto';
import colours from 'chalk';
import { visible } from './visible.ts';

/**
 * Colours as chalk would set them, but sealed: the sink (terminal.ts) makes an escape sequence only of what bears the token of this process. A host that sends
 * escape sequences of its own does not know it.
 */
const token = randomBytes(8).toString('hex');
const mark = (code: number): string => `\u001b${token}:${code};`;
const marks = new RegExp(`\u001b${token}:(\\d+);`);

export type Painter = (text: string) => string;

function painter(open: number, close: number): Painter {
  const [before, after] = [mark(open), mark(close)];
  return (text) => {
    if (colours.level === 0 || text === '') return text;
    // What ends an inner colour begins this one again, and a line never bears its colour into the next.
    return before + text.replaceAll(after, after + before).replaceAll('\n', `${after}\n${before}`) + after;
  };
}

export const chalk = {
  bold: painter(1, 22),
  dim: painter(2, 22),
  red: painter(31, 39),
  green: painter(32, 39),
  yellow: painter(33, 39),
} as const satisfies Record<string, Painter>;

/** Text with its colours, everything else through `keep`. For the sink. */
export const withColours = (text: string, keep: (part: string) => string): string =>
  text
    .split(marks)
    .map((part, index) => (index % 2 === 1 ? `\u001b[${part}m` : keep(part)))
    .join('');

/** As the sink will show it, without colours: for counting columns. */
export const withoutColours = (text: string): string =>
  text
    .split(marks)
    .filter((_, index) => index % 2 === 0)
    .map(visible)
    .join('');

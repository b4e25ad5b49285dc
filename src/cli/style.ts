import colours from 'chalk';
import { visible } from '../model/visible.ts';

/**
 * Colours as chalk would set them, but sealed: the sink (terminal.ts) makes an escape sequence only
 * of what bears the token of this process. A host that sends
 * escape sequences of its own does not know it. It is made by the first colour: a start without
 * colours does not load node:crypto, which takes 4 ms.
 */
let seal: { readonly token: string; readonly marks: RegExp } | undefined;

function makeSeal(): { readonly token: string; readonly marks: RegExp } {
  const token = process.getBuiltinModule('node:crypto').randomBytes(8).toString('hex');
  return { token, marks: new RegExp(`\u001b${token}:(\\d+);`) };
}

function mark(code: number): string {
  seal ??= makeSeal();
  return `\u001b${seal.token}:${code};`;
}

/** Parts of the text, every second one the code of a colour. */
const partsOf = (text: string): string[] => (seal === undefined ? [text] : text.split(seal.marks));

export type Painter = (text: string) => string;

function painter(open: number, close: number): Painter {
  return (text) => {
    if (colours.level === 0 || text === '') return text;
    const [before, after] = [mark(open), mark(close)];
    // What ends an inner colour begins this one again, and a line never bears its colour into the
    // next.
    return (
      before +
      text.replaceAll(after, after + before).replaceAll('\n', `${after}\n${before}`) +
      after
    );
  };
}

export const chalk = {
  bold: painter(1, 22),
  dim: painter(2, 22),
  red: painter(31, 39),
  green: painter(32, 39),
  yellow: painter(33, 39),
  /** White on black whatever the theme is: for what a camera has to read. */
  chalkboard: (text: string) => painter(97, 39)(painter(40, 49)(text)),
} as const satisfies Record<string, Painter>;

/** Text with its colours, everything else through `keep`. For the sink. */
export const withColours = (text: string, keep: (part: string) => string): string =>
  partsOf(text)
    .map((part, index) => (index % 2 === 1 ? `\u001b[${part}m` : keep(part)))
    .join('');

/**
 * A part of a text that has one colour: the codes that are open in it, in the order in which they
 * were opened.
 */
export interface Run {
  readonly codes: readonly number[];
  readonly text: string;
}

const closes: Readonly<Record<number, readonly number[]>> = {
  22: [1, 2],
  39: [31, 32, 33, 97],
  49: [40],
};
const closeOf = (code: number): number => (code < 3 ? 22 : code === 40 ? 49 : 39);

/** The text in parts of one colour each. */
export function runsOf(text: string): Run[] {
  let open: readonly number[] = [];
  return partsOf(text).flatMap((part, index) => {
    if (index % 2 === 0) return part === '' ? [] : [{ codes: open, text: part }];
    const code = Number(part);
    const ended = closes[code];
    open = ended === undefined ? [...open, code] : open.filter((each) => !ended.includes(each));
    return [];
  });
}

/** The inverse of {@link runsOf}. */
export const paintRun = ({ codes, text }: Run): string =>
  codes.map(mark).join('') +
  text +
  codes
    .map((code) => mark(closeOf(code)))
    .reverse()
    .join('');

/** As the sink will show it, without colours: for counting columns. */
export const withoutColours = (text: string): string =>
  partsOf(text)
    .filter((_, index) => index % 2 === 0)
    .map(visible)
    .join('');

/** What is wrong with a pattern, for the author of a script: completes "the pattern ...". */
export class PatternMistake extends Error {}

/** Whether one character, with its code point, belongs. */
export type CharTest = (character: string, code: number) => boolean;
export type Edge = 'start' | 'end' | 'word' | 'not-word';

/** What a pattern is made of. */
export type Part =
  | { readonly kind: 'character'; readonly test: CharTest; readonly literal: string | null }
  | { readonly kind: 'edge'; readonly edge: Edge }
  | { readonly kind: 'sequence'; readonly parts: readonly Part[] }
  | { readonly kind: 'choice'; readonly parts: readonly Part[] }
  | { readonly kind: 'repeat'; readonly part: Part; readonly least: number; readonly most: number };

/**
 * The engine of JavaScript judges single characters, so that classes, case and Unicode are exactly
 * its own. Each character is asked about once.
 */
export const characterTest = (source: string): CharTest => {
  const expression = new RegExp(`^(?:${source})$`, 'iu');
  const ascii = new Int8Array(128);
  return (character, code) => {
    if (code >= 128) return expression.test(character);
    if (ascii[code] === 0) ascii[code] = expression.test(character) ? 1 : -1;
    return ascii[code] === 1;
  };
};

class Reader {
  readonly #source: string;
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  read(): Part {
    const part = this.#choice();
    if (this.#at < this.#source.length) throw new PatternMistake('has a ")" without a "("');
    return part;
  }

  #peek(text: string): boolean {
    return this.#source.startsWith(text, this.#at);
  }

  #take(text: string): boolean {
    if (!this.#peek(text)) return false;
    this.#at += text.length;
    return true;
  }

  #match(expression: RegExp): RegExpExecArray | null {
    expression.lastIndex = this.#at;
    const found = expression.exec(this.#source);
    if (found !== null) this.#at = expression.lastIndex;
    return found;
  }

  #choice(): Part {
    const parts = [this.#sequence()];
    while (this.#take('|')) parts.push(this.#sequence());
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : { kind: 'choice', parts };
  }

  #sequence(): Part {
    const parts: Part[] = [];
    while (this.#at < this.#source.length && !this.#peek('|') && !this.#peek(')'))
      parts.push(this.#repeated(this.#atom()));
    return { kind: 'sequence', parts };
  }

  #repeated(part: Part): Part {
    const found = this.#match(/([*+?]|\{(\d{1,4})(,?)(\d{0,4})\})\??/y);
    if (found === null) return part;
    const [, sign = '', least = '', comma = '', most = ''] = found;
    if (sign === '*') return { kind: 'repeat', part, least: 0, most: Number.POSITIVE_INFINITY };
    if (sign === '+') return { kind: 'repeat', part, least: 1, most: Number.POSITIVE_INFINITY };
    if (sign === '?') return { kind: 'repeat', part, least: 0, most: 1 };
    const upper =
      comma === '' ? Number(least) : most === '' ? Number.POSITIVE_INFINITY : Number(most);
    return { kind: 'repeat', part, least: Number(least), most: upper };
  }

  #atom(): Part {
    if (this.#take('^')) return { kind: 'edge', edge: 'start' };
    if (this.#take('$')) return { kind: 'edge', edge: 'end' };
    if (this.#take('\\b')) return { kind: 'edge', edge: 'word' };
    if (this.#take('\\B')) return { kind: 'edge', edge: 'not-word' };
    if (this.#peek('(')) return this.#group();
    if (/\\[1-9k]/y.test(this.#source.slice(this.#at, this.#at + 2)))
      throw new PatternMistake('has a back reference (\\1); write the text out instead');
    const character = this.#match(
      /\[(?:[^\]\\]|\\.)*\]|\\(?:[pP]\{[^}]*\}|u\{[^}]*\}|u[0-9a-f]{4}|x[0-9a-f]{2}|c[a-z]|.)|[^\\]/isuy,
    );
    if (character === null) throw new PatternMistake('ends with a single "\\"');
    const literal = /^[a-z0-9 ]$/i.test(character[0]) ? character[0].toLowerCase() : null;
    return { kind: 'character', test: characterTest(character[0]), literal };
  }

  #group(): Part {
    if (this.#match(/\(\?<?[=!]/y) !== null)
      throw new PatternMistake(
        'looks ahead or behind ((?=, (?!, (?<=, (?<!), which cannot be bounded; split it ' +
          'into two rules',
      );
    if (this.#match(/\((?:\?:|\?<[\p{L}_$][\p{L}\p{N}_$]*>|(?!\?))/uy) === null)
      throw new PatternMistake('has a group that starts with (? and is not known');
    const part = this.#choice();
    if (!this.#take(')')) throw new PatternMistake('has a "(" without a ")"');
    return part;
  }
}

/**
 * Takes a regular expression apart that JavaScript accepts with the flags `iu`. Throws {@link
 * PatternMistake} for what cannot be bounded.
 */
export const readPattern = (source: string): Part => new Reader(source).read();

/**
 * Words of which every match contains at least one; null: there are none. Most messages contain
 * none of them, and are done.
 */
export const requiredWords = (part: Part): readonly string[] | null => {
  switch (part.kind) {
    case 'character':
      return part.literal === null ? null : [part.literal];
    case 'edge':
      return null;
    case 'repeat':
      return part.least > 0 ? requiredWords(part.part) : null;
    case 'choice': {
      const each = part.parts.map(requiredWords);
      return each.includes(null) ? null : each.flatMap((words) => words ?? []);
    }
    case 'sequence':
      return mostTelling(part.parts);
  }
};

/** Of all that a sequence requires what is longest; neighbouring letters are one word. */
const mostTelling = (parts: readonly Part[]): readonly string[] | null => {
  let best: readonly string[] | null = null;
  let run = '';
  const shortest = (words: readonly string[] | null): number =>
    words === null ? 0 : Math.min(...words.map(({ length }) => length));
  for (const part of parts) {
    const isLetter = part.kind === 'character' && part.literal !== null;
    run = isLetter ? run + part.literal : '';
    const words = isLetter ? [run] : requiredWords(part);
    if (words !== null && words.length <= 50 && shortest(words) > shortest(best)) best = words;
  }
  return best;
};

/**
 * Regular expressions whose cost is bounded by construction. A pattern becomes a non-deterministic automaton, and each of its states is visited at most once per
 * character: at most states x characters steps, whatever the pattern and the text are. So there is no clock in it, no time-out, and the same answer on every machine.
 * (The engine of JavaScript takes minutes for `(a+)+$` on 40 characters; a time limit by node:vm costs 0.2 ms a message and hits innocent patterns on a loaded host.)
 */
export interface Pattern {
  /** Whether it matches anywhere in the first {@link patternTextLength} characters of `text`. */
  readonly matches: (text: string) => boolean;
  /** Most steps that `matches` can take. */
  readonly mostSteps: number;
}

/** Characters of a message that a pattern looks at. */
export const patternTextLength = 1_000;
const mostStates = 2_000;

/** What is wrong with a pattern, for the author of a script: completes "the pattern ...". */
export class PatternMistake extends Error {}

type CharTest = (character: string) => boolean;
type Edge = 'start' | 'end' | 'word' | 'not-word';

/** What a pattern is made of. */
type Part =
  | { readonly kind: 'character'; readonly test: CharTest }
  | { readonly kind: 'edge'; readonly edge: Edge }
  | { readonly kind: 'sequence'; readonly parts: readonly Part[] }
  | { readonly kind: 'choice'; readonly parts: readonly Part[] }
  | { readonly kind: 'repeat'; readonly part: Part; readonly least: number; readonly most: number };

type State =
  | { readonly kind: 'character'; readonly test: CharTest; next: number }
  | { readonly kind: 'edge'; readonly edge: Edge; next: number }
  | { readonly kind: 'split'; next: number; other: number }
  | { readonly kind: 'end' };

/** The engine of JavaScript judges single characters, so that classes, case and Unicode are exactly its own. Each character is asked about once. */
const characterTest = (source: string): CharTest => {
  const expression = new RegExp(`^(?:${source})$`, 'iu');
  const ascii = new Int8Array(128);
  return (character) => {
    const code = character.length === 1 ? character.charCodeAt(0) : 128;
    if (code >= 128) return expression.test(character);
    if (ascii[code] === 0) ascii[code] = expression.test(character) ? 1 : -1;
    return ascii[code] === 1;
  };
};

class Reader {
  private readonly source: string;
  private at = 0;

  constructor(source: string) {
    this.source = source;
  }

  read(): Part {
    const part = this.choice();
    if (this.at < this.source.length) throw new PatternMistake('has a ")" without a "("');
    return part;
  }

  private peek(text: string): boolean {
    return this.source.startsWith(text, this.at);
  }

  private take(text: string): boolean {
    if (!this.peek(text)) return false;
    this.at += text.length;
    return true;
  }

  private match(expression: RegExp): RegExpExecArray | null {
    expression.lastIndex = this.at;
    const found = expression.exec(this.source);
    if (found !== null) this.at = expression.lastIndex;
    return found;
  }

  private choice(): Part {
    const parts = [this.sequence()];
    while (this.take('|')) parts.push(this.sequence());
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : { kind: 'choice', parts };
  }

  private sequence(): Part {
    const parts: Part[] = [];
    while (this.at < this.source.length && !this.peek('|') && !this.peek(')')) parts.push(this.repeated(this.atom()));
    return { kind: 'sequence', parts };
  }

  private repeated(part: Part): Part {
    const found = this.match(/([*+?]|\{(\d{1,4})(,?)(\d{0,4})\})\??/y);
    if (found === null) return part;
    const [, sign = '', least = '', comma = '', most = ''] = found;
    if (sign === '*') return { kind: 'repeat', part, least: 0, most: Number.POSITIVE_INFINITY };
    if (sign === '+') return { kind: 'repeat', part, least: 1, most: Number.POSITIVE_INFINITY };
    if (sign === '?') return { kind: 'repeat', part, least: 0, most: 1 };
    const upper = comma === '' ? Number(least) : most === '' ? Number.POSITIVE_INFINITY : Number(most);
    return { kind: 'repeat', part, least: Number(least), most: upper };
  }

  private atom(): Part {
    if (this.take('^')) return { kind: 'edge', edge: 'start' };
    if (this.take('$')) return { kind: 'edge', edge: 'end' };
    if (this.take('\\b')) return { kind: 'edge', edge: 'word' };
    if (this.take('\\B')) return { kind: 'edge', edge: 'not-word' };
    if (this.peek('(')) return this.group();
    if (/\\[1-9k]/y.test(this.source.slice(this.at, this.at + 2)))
      throw new PatternMistake('has a back reference (\\1); write the text out instead');
    const character = this.match(/\[(?:[^\]\\]|\\.)*\]|\\(?:[pP]\{[^}]*\}|u\{[^}]*\}|u[0-9a-f]{4}|x[0-9a-f]{2}|c[a-z]|.)|[^\\]/isuy);
    if (character === null) throw new PatternMistake('ends with a single "\\"');
    return { kind: 'character', test: characterTest(character[0]) };
  }

  private group(): Part {
    if (this.match(/\(\?<?[=!]/y) !== null)
      throw new PatternMistake('looks ahead or behind ((?=, (?!, (?<=, (?<!), which cannot be bounded; split it into two rules');
    if (this.match(/\((?:\?:|\?<[\p{L}_$][\p{L}\p{N}_$]*>|(?!\?))/uy) === null)
      throw new PatternMistake('has a group that starts with (? and is not known');
    const part = this.choice();
    if (!this.take(')')) throw new PatternMistake('has a "(" without a ")"');
    return part;
  }
}

/** States in reverse: what comes after a part is built before it. Returns where the part begins. */
const addStates = (part: Part, next: number, states: State[]): number => {
  const push = (state: State): number => {
    if (states.length >= mostStates) throw new PatternMistake(`is too large: written out it has more than ${mostStates} characters`);
    return states.push(state) - 1;
  };
  switch (part.kind) {
    case 'character':
      return push({ kind: 'character', test: part.test, next });
    case 'edge':
      return push({ kind: 'edge', edge: part.edge, next });
    case 'sequence':
      return part.parts.reduceRight((after, each) => addStates(each, after, states), next);
    case 'choice':
      return part.parts
        .map((each) => addStates(each, next, states))
        .reduceRight((other, first) => push({ kind: 'split', next: first, other }));
    case 'repeat':
      return addRepeat(part, next, states, push);
  }
};

const addRepeat = (part: Part & { kind: 'repeat' }, next: number, states: State[], push: (state: State) => number): number => {
  let start = next;
  if (part.most === Number.POSITIVE_INFINITY) {
    const loop: State & { kind: 'split' } = { kind: 'split', next, other: next };
    start = push(loop);
    loop.next = addStates(part.part, start, states);
  } else {
    for (let count = part.least; count < part.most; count += 1) {
      const inner = addStates(part.part, start, states);
      start = push({ kind: 'split', next: inner, other: next });
    }
  }
  for (let count = 0; count < part.least; count += 1) start = addStates(part.part, start, states);
  return start;
};

const isWord = (character: string | undefined): boolean => character !== undefined && wordCharacter(character);
const wordCharacter = characterTest('\\w');

const holds = (edge: Edge, characters: readonly string[], at: number): boolean => {
  if (edge === 'start') return at === 0;
  if (edge === 'end') return at === characters.length;
  return (isWord(characters[at - 1]) !== isWord(characters[at])) === (edge === 'word');
};

const search = (states: readonly State[], first: number, text: string): boolean => {
  const characters = [...text.slice(0, patternTextLength)];
  const seenAt = new Int32Array(states.length).fill(-1);
  const stack: number[] = [];
  let active: number[] = [];
  for (let at = 0; at <= characters.length; at += 1) {
    const waiting: number[] = [];
    stack.push(first, ...active);
    for (let id = stack.pop(); id !== undefined; id = stack.pop()) {
      if (seenAt[id] === at) continue;
      seenAt[id] = at;
      const state = states[id];
      if (state === undefined || state.kind === 'end') return true;
      if (state.kind === 'split') stack.push(state.other, state.next);
      else if (state.kind === 'character') waiting.push(id);
      else if (holds(state.edge, characters, at)) stack.push(state.next);
    }
    active = advance(states, waiting, characters[at]);
  }
  return false;
};

const advance = (states: readonly State[], waiting: readonly number[], character: string | undefined): number[] => {
  const reached: number[] = [];
  if (character === undefined) return reached;
  for (const id of waiting) {
    const state = states[id];
    if (state?.kind === 'character' && state.test(character)) reached.push(state.next);
  }
  return reached;
};

/** Reads `source`, a regular expression of JavaScript with the flags `iu`. Throws {@link PatternMistake}. */
export const compilePattern = (source: string): Pattern => {
  try {
    new RegExp(source, 'iu');
  } catch {
    throw new PatternMistake('is not a regular expression of JavaScript (flags iu): check brackets and backslashes');
  }
  const states: State[] = [{ kind: 'end' }];
  const first = addStates(new Reader(source).read(), 0, states);
  return { matches: (text) => search(states, first, text), mostSteps: states.length * (patternTextLength + 1) };
};

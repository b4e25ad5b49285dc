import {
  type CharTest,
  characterTest,
  type Edge,
  type Part,
  PatternMistake,
  readPattern,
  requiredWords,
} from './pattern-parts.ts';
import { rulesLookAt } from './words.ts';

/**
 * Regular expressions whose cost is bounded by construction. A pattern becomes a non-deterministic
 * automaton, and each of its states is visited at most once per
 * character: at most states x characters steps, whatever the pattern and the text are. So there is
 * no clock in it, no time-out, and the same answer on every machine.
 * (The engine of JavaScript takes minutes for `(a+)+$` on 40 characters; a time limit by node:vm
 * costs 0.2 ms a message and hits innocent patterns on a loaded host.)
 */
export interface Pattern {
  /** Whether it matches anywhere in `text`. */
  readonly matches: (text: PatternText) => boolean;
  /** Most steps that `matches` can take. */
  readonly mostSteps: number;
}

/**
 * A text taken apart once for many patterns: whole characters with their codes, the first {@link
 * rulesLookAt} of them.
 */
export interface PatternText {
  readonly characters: readonly string[];
  readonly codes: Int32Array;
  /**
   * The text in which every literal letter of a match is found: lower case, and the long s, which
   * `iu` takes for an s.
   */
  readonly lower: string;
}

export const patternText = (text: string): PatternText => {
  const head = text.slice(0, rulesLookAt);
  const characters = [...head];
  const codes = Int32Array.from(characters, (character) => character.codePointAt(0) ?? 0);
  return { characters, codes, lower: head.toLowerCase().replaceAll('ſ', 's') };
};

const mostStates = 2_000;

type State =
  | { readonly kind: 'character'; readonly test: CharTest; next: number }
  | { readonly kind: 'edge'; readonly edge: Edge; next: number }
  | { readonly kind: 'split'; next: number; other: number }
  | { readonly kind: 'end' };

/** States in reverse: what comes after a part is built before it. Returns where the part begins. */
const addStates = (part: Part, next: number, states: State[]): number => {
  const push = (state: State): number => {
    if (states.length >= mostStates)
      throw new PatternMistake(
        `is too large: written out it has more than ${mostStates} characters`,
      );
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

const addRepeat = (
  part: Part & { kind: 'repeat' },
  next: number,
  states: State[],
  push: (state: State) => number,
): number => {
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

const wordCharacter = characterTest('\\w');

const isWordAt = ({ characters, codes }: PatternText, at: number): boolean =>
  at >= 0 && at < codes.length && wordCharacter(characters[at] ?? '', codes[at] ?? 0);

const holds = (edge: Edge, text: PatternText, at: number): boolean => {
  if (edge === 'start') return at === 0;
  if (edge === 'end') return at === text.codes.length;
  return (isWordAt(text, at - 1) !== isWordAt(text, at)) === (edge === 'word');
};

/**
 * For each ASCII code whether a match may begin with it; null where a match may begin without a
 * character. Other characters always may.
 */
const beginnings = (states: readonly State[], first: number): Uint8Array | null => {
  const may = new Uint8Array(128);
  const seen = new Set<number>();
  const open = [first];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    const state = states[id];
    if (state === undefined || state.kind === 'end') return null;
    if (state.kind === 'character')
      for (let code = 0; code < 128; code += 1)
        may[code] ||= state.test(String.fromCharCode(code), code) ? 1 : 0;
    else open.push(state.next, ...(state.kind === 'split' ? [state.other] : []));
  }
  return may;
};

class Automaton {
  readonly #states: readonly State[];
  readonly #first: number;
  readonly #begins: Uint8Array | null;
  /** The position at which each state was visited last, counted on over all texts. */
  readonly #visited: Float64Array;
  #base = 1;
  readonly #open: number[] = [];
  #active: number[] = [];
  #reached: number[] = [];

  constructor(states: readonly State[], first: number) {
    this.#states = states;
    this.#first = first;
    this.#begins = beginnings(states, first);
    this.#visited = new Float64Array(states.length);
  }

  search(text: PatternText): boolean {
    const { codes } = text;
    this.#base += codes.length + 1;
    this.#active.length = 0;
    for (let at = 0; at <= codes.length; at += 1) {
      const mayBegin =
        this.#begins === null || (at < codes.length && this.#begins[codes[at] ?? 128] !== 0);
      if (mayBegin) this.#open.push(this.#first);
      else if (this.#active.length === 0) continue;
      for (const id of this.#active) this.#open.push(id);
      if (this.#step(text, at)) return true;
    }
    return false;
  }

  /** Visits what is open at a position, each state once; true when the end is among it. */
  #step(text: PatternText, at: number): boolean {
    this.#reached.length = 0;
    for (let id = this.#open.pop(); id !== undefined; id = this.#open.pop()) {
      if (this.#visited[id] === this.#base + at) continue;
      this.#visited[id] = this.#base + at;
      const state = this.#states[id];
      if (state === undefined || state.kind === 'end') {
        this.#open.length = 0;
        return true;
      }
      if (state.kind === 'split') this.#open.push(state.other, state.next);
      else if (state.kind === 'edge') {
        if (holds(state.edge, text, at)) this.#open.push(state.next);
      } else if (
        at < text.codes.length &&
        state.test(text.characters[at] ?? '', text.codes[at] ?? 0)
      )
        this.#reached.push(state.next);
    }
    [this.#active, this.#reached] = [this.#reached, this.#active];
    return false;
  }
}

/**
 * Reads `source`, a regular expression of JavaScript with the flags `iu`. Throws {@link
 * PatternMistake}.
 */
export const compilePattern = (source: string): Pattern => {
  try {
    new RegExp(source, 'iu');
  } catch {
    throw new PatternMistake(
      'is not a regular expression of JavaScript (flags iu): check brackets and backslashes',
    );
  }
  const states: State[] = [{ kind: 'end' }];
  const part = readPattern(source);
  const required = requiredWords(part);
  const first = addStates(part, 0, states);
  const automaton = new Automaton(states, first);
  return {
    matches: (text) =>
      (required === null || required.some((word) => text.lower.includes(word))) &&
      automaton.search(text),
    mostSteps: states.length * (rulesLookAt + 1),
  };
};

const skipWhite = (text: string): string => text.replace(/^[ \t\r\n]+/, '');

/** One word of a line and what follows it; null where nothing follows. */
export interface NextWord {
  readonly word: string;
  readonly rest: string | null;
}

/**
 * Takes the first word as OpenSSH takes keywords and the criteria of Match: it ends at white space
 * or at one `=`, and a double quote runs
 * to the next one. Null when a quote has no end.
 */
export function nextWord(text: string): NextWord | null {
  const at = text.search(/[ \t\r\n"=]/);
  if (at === -1) return { word: text, rest: null };
  if (text[at] === '"') {
    const joined = text.slice(0, at) + text.slice(at + 1);
    const close = joined.indexOf('"', at);
    return close === -1
      ? null
      : { word: joined.slice(0, close), rest: skipWhite(joined.slice(close + 1)) };
  }
  const rest = skipWhite(text.slice(at + 1));
  const isSecondEquals = text[at] !== '=' && rest.startsWith('=');
  return { word: text.slice(0, at), rest: isSecondEquals ? skipWhite(rest.slice(1)) : rest };
}

/**
 * Splits an argument into words: single and double quotes, backslash before a quote, a backslash or
 * (outside of quotes) a blank, and a `#`
 * at the start of a word ends the line. Null when a quote has no end.
 */
export function splitWords(text: string): string[] | null {
  const words: string[] = [];
  let at = 0;
  for (;;) {
    while (text[at] === ' ' || text[at] === '\t') at += 1;
    if (at >= text.length || text[at] === '#') return words;
    const taken = takeWord(text, at);
    if (taken === null) return null;
    words.push(taken.word);
    at = taken.end;
  }
}

function takeWord(text: string, from: number): { word: string; end: number } | null {
  let quote = '';
  let word = '';
  let at = from;
  for (; at < text.length; at += 1) {
    const letter = text[at] ?? '';
    const next = text[at + 1] ?? '';
    if (letter === '\\') {
      const isEscape =
        next === "'" || next === '"' || next === '\\' || (quote === '' && next === ' ');
      if (isEscape) at += 1;
      word += isEscape ? next : letter;
    } else if (quote === '' && (letter === ' ' || letter === '\t')) break;
    else if (quote === '' && (letter === '"' || letter === "'")) quote = letter;
    else if (quote !== '' && letter === quote) quote = '';
    else word += letter;
  }
  return quote === '' ? { word, end: at } : null;
}

/**
 * Whether one of OpenSSH's comma separated patterns matches: a `!` that matches decides against all
 * others, and alone matches nothing.
 */
export function listMatches(list: string, subject: string): boolean {
  return patternsMatch(list.split(','), subject);
}

/** The same for patterns that are words of their own, as those of Host. */
export function patternsMatch(patterns: readonly string[], subject: string): boolean {
  if (
    patterns.some(
      (pattern) => pattern.startsWith('!') && wildcardMatches(pattern.slice(1), subject),
    )
  )
    return false;
  return patterns.some((pattern) => !pattern.startsWith('!') && wildcardMatches(pattern, subject));
}

/**
 * OpenSSH's patterns: `*` any run, `?` one character, nothing else special. Case counts. In linear
 * time per star.
 */
export function wildcardMatches(pattern: string, text: string): boolean {
  let [at, star, resume] = [0, -1, 0];
  for (let read = 0; read < text.length; ) {
    if (pattern[at] === '*') {
      star = at++;
      resume = read;
    } else if (pattern[at] === '?' || pattern[at] === text[read]) {
      at += 1;
      read += 1;
    } else if (star !== -1) {
      at = star + 1;
      read = ++resume;
    } else return false;
  }
  while (pattern[at] === '*') at += 1;
  return at === pattern.length;
}

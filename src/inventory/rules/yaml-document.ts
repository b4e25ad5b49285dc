import {
  type Document,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  Parser,
  parseDocument,
  type YAMLError,
} from 'yaml';

/** Keys and indexes from the top of a document to a value. */
export type KeyPath = readonly (string | number)[];

export interface Position {
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
}

/** One mistake: where it is and what is wrong. `path` is empty where no key can be named. */
export interface Problem {
  readonly position: Position;
  readonly path: KeyPath;
  readonly text: string;
}

/** Where in a document to point at: the key of a pair, or its value. */
export type Target = 'key' | 'value';

/** A YAML text as plain data, with the place of every key and value. */
export interface YamlDocument {
  /** Undefined when `problems` holds a mistake that leaves no data to look at. */
  readonly value: unknown;
  readonly problems: readonly Problem[];
  /**
   * Position of the key or value at `path`, or of the nearest thing above it that is written down.
   */
  locate(path: KeyPath, target: Target): Position;
}

/**
 * The files of an operator need 6 levels. The limit keeps the recursive parser far from the end of
 * the stack, where V8 may end the process.
 */
const maxDepth = 48;
const maxCharacters = 8_000_000;
const maxAliases = 100;

// Our own words, because those of the parser repeat pieces of the text, and a piece of the text may
// be a secret.
const syntaxTexts: Readonly<Record<string, string>> = {
  BAD_ALIAS:
    'an alias (*name) is not written as YAML allows it; text that starts with * needs quotes',
  BAD_BLOCK_SCALAR_HEADER: 'the line after | or > holds something that YAML does not allow there',
  BAD_DIRECTIVE: 'unknown directive: a line must not begin with %',
  BAD_DQ_ESCAPE:
    'unknown escape in a "quoted" text: write \\\\ for one backslash, or use single quotes',
  BAD_INDENT: 'the indentation does not fit the lines above, or a bracket above is not closed',
  BAD_PROP_ORDER: 'anchors and tags must come before the value that they belong to',
  BAD_SCALAR_START: 'text that starts with @ or ` needs quotes',
  BLOCK_AS_IMPLICIT_KEY:
    'a mapping starts in the middle of a line: check the indentation, and put quotes ' +
    'around text with ": " in it',
  BLOCK_IN_FLOW: 'inside [ ] and { } only [ ] and { } can be nested',
  KEY_OVER_1024_CHARS: 'the key is longer than 1,024 characters',
  MISSING_CHAR:
    'a character is missing: a closing quote or bracket, a comma, or the colon and space ' +
    'after a key',
  MULTILINE_IMPLICIT_KEY:
    'this is no "key: value": a colon with a space after it is missing, or the ' +
    'indentation is wrong',
  MULTIPLE_ANCHORS: 'two anchors on one value',
  MULTIPLE_DOCS: 'a second document starts here (---): the file must be one document',
  MULTIPLE_TAGS: 'two tags on one value',
  NON_STRING_KEY: 'a key must be text',
  TAB_AS_INDENT: 'a tab is used as indentation: use spaces',
  TAG_RESOLVE_FAILED: 'tags (!name) are not supported; text that starts with ! needs quotes',
  UNEXPECTED_TOKEN: 'this is not expected here: check the indentation and the quotes around it',
};

const syntaxProblem = (error: YAMLError, counter: LineCounter): Problem => ({
  position: positionOf(error.pos[0], counter),
  path: [],
  text: syntaxTexts[error.code] ?? 'this is not valid YAML',
});

const positionOf = (offset: number, counter: LineCounter): Position => {
  const { line, col } = counter.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
};

const start: Position = { line: 1, column: 1 };

const unreadable = (text: string, position: Position = start): YamlDocument => ({
  value: undefined,
  problems: [{ position, path: [], text }],
  locate: () => position,
});

/**
 * Position of the first place that is nested too deeply, found without recursion; null when there
 * is none.
 */
const tooDeepAt = (text: string): Position | null => {
  const counter = new LineCounter();
  const parser = new Parser(counter.addNewLine);
  counter.addNewLine(0);
  for (const lexeme of new Lexer().lex(text)) {
    for (const _ of parser.next(lexeme));
    if (parser.stack.length > maxDepth) return positionOf(parser.offset, counter);
  }
  return null;
};

const pathId = (path: KeyPath): string => JSON.stringify(path.map(String));

interface Place {
  readonly key: number;
  readonly value: number;
}

/**
 * Notes the offset of every key and value below `node`, and every key that its mapping already has.
 * Aliases are not followed.
 */
const indexPlaces = (
  node: unknown,
  path: KeyPath,
  places: Map<string, Place>,
  repeated: { path: KeyPath; offset: number }[],
): void => {
  if (isSeq(node)) {
    for (const [index, item] of node.items.entries()) {
      const offset = (item as Node | null)?.range?.[0] ?? node.range?.[0] ?? 0;
      places.set(pathId([...path, index]), { key: offset, value: offset });
      indexPlaces(item, [...path, index], places, repeated);
    }
  }
  if (!isMap(node)) return;
  const seen = new Set<string>();
  for (const pair of node.items) {
    if (!isScalar(pair.key)) continue;
    const name = String(pair.key.value);
    const inner = [...path, name];
    const key = pair.key.range?.[0] ?? 0;
    if (seen.has(name)) repeated.push({ path: inner, offset: key });
    seen.add(name);
    const value = pair.value as Node | null;
    // An empty value has a range of no length somewhere after the colon: the key is the better
    // place to point at.
    const empty =
      value === null || (isScalar(value) && value.value === null && value.source === '');
    places.set(pathId(inner), { key, value: empty ? key : (value.range?.[0] ?? key) });
    indexPlaces(value, inner, places, repeated);
  }
};

const plainData = (document: Document): { readonly value: unknown } | null => {
  try {
    return { value: document.toJS({ maxAliasCount: maxAliases }) };
  } catch {
    return null;
  }
};

const aliasText =
  'an alias (*name) stands before its anchor (&name), inside it, or aliases multiply to more ' +
  `than ${maxAliases}: use groups to share settings`;

/** What a tagged text stands for, by its tag (`!name`). */
export type TextTags = Readonly<Record<string, (text: string) => unknown>>;

/**
 * Reads `text` as one YAML 1.2 document. Never throws: every mistake of syntax is a problem.
 * Repeated keys are a mistake, but leave data. `tags`: those that
 * a text may have; all others are a mistake.
 */
export const parseYamlDocument = (text: string, tags: TextTags = {}): YamlDocument => {
  if (text.length > maxCharacters)
    return unreadable(`the file has more than ${maxCharacters} characters`);
  const deep = tooDeepAt(text);
  if (deep !== null)
    return unreadable(
      'this is nested too deeply: a bracket is not closed, or this is another kind of file',
      deep,
    );
  const counter = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: counter,
    prettyErrors: false,
    stringKeys: true,
    uniqueKeys: false,
    logLevel: 'error',
    customTags: Object.entries(tags).map(([tag, resolve]) => ({ tag, resolve })),
  });
  const errors = [...document.errors, ...document.warnings];
  // Behind a tab every indentation looks wrong.
  const hasTab = errors.some(({ code }) => code === 'TAB_AS_INDENT');
  const syntax = errors
    .filter(({ code }) => !(hasTab && code === 'BAD_INDENT'))
    .map((error) => syntaxProblem(error, counter));
  if (syntax.length > 0) return { value: undefined, problems: syntax, locate: () => start };
  const data = plainData(document);
  if (data === null) return unreadable(aliasText, firstAlias(text));
  const places = new Map<string, Place>();
  const repeated: { path: KeyPath; offset: number }[] = [];
  indexPlaces(document.contents, [], places, repeated);
  return {
    value: data.value,
    problems: repeated.map(({ path, offset }) => ({
      position: positionOf(offset, counter),
      path,
      text: 'this key is given twice; remove one',
    })),
    locate: (path, target) => {
      for (let length = path.length; length > 0; length -= 1) {
        const place = places.get(pathId(path.slice(0, length)));
        // Above the wanted level only the key says where the thing would have to be.
        if (place !== undefined)
          return positionOf(length === path.length ? place[target] : place.key, counter);
      }
      return start;
    },
  };
};

const firstAlias = (text: string): Position => {
  const lines = text.split('\n');
  const line = lines.findIndex((each) => /(?:^|[\s,[])\*\S/.test(each));
  return line < 0
    ? start
    : { line: line + 1, column: (lines[line]?.search(/(?:^|(?<=[\s,[]))\*\S/) ?? 0) + 1 };
};

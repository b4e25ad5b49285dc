import type { SqliteCell } from '../sqlite-table.ts';
import { damage } from './sqlite-pages.ts';

interface Column {
  /** In lower case. */
  readonly name: string;
  /** What a row that is older than the column has in it. */
  readonly missing: SqliteCell;
}

/** How the rows of a plain table are stored. */
export interface TableShape {
  /**
   * In the order of a stored row: as declared, or the primary key first where there are no row ids.
   */
  readonly columns: readonly Column[];
  /** The column that is the row id itself; null without one. */
  readonly rowIdColumn: string | null;
}

interface Token {
  /** A bare word in upper case, or one sign; empty for what is quoted, which is never a keyword. */
  readonly word: string;
  readonly text: string;
}

const longestSql = 16_384;
/** What no program writes into a definition, and SQLite does not read. */
const control = /[^\P{Cc}\s]/u;
const tokenPattern =
  /\s+|--[^\n]*|\/\*[\s\S]*?\*\/|"((?:[^"]|"")*)"|`((?:[^`]|``)*)`|\[([^\]]*)\]|'((?:[^']|'')*)'|([\w$\u0080-\uffff]+)|([^\s\w"'`[])/y;

const tokensOf = (sql: string): Token[] => {
  if (sql.length > longestSql) throw damage('a table with an endless definition');
  if (control.test(sql)) throw damage('a definition with what is no text');
  const tokens: Token[] = [];
  const pattern = new RegExp(tokenPattern);
  while (pattern.lastIndex < sql.length) {
    const match = pattern.exec(sql);
    if (match === null || /^\d+[^\dExX]/.test(match[5] ?? ''))
      throw damage('a table with an unreadable definition');
    const [, double, back, bracket, single, word, sign] = match;
    const quoted =
      double?.replaceAll('""', '"') ??
      back?.replaceAll('``', '`') ??
      bracket ??
      single?.replaceAll("''", "'");
    if (quoted !== undefined) tokens.push({ word: '', text: quoted });
    else if (word !== undefined || sign !== undefined)
      tokens.push({ word: (word ?? sign ?? '').toUpperCase(), text: word ?? sign ?? '' });
  }
  return tokens;
};

/** What stands between the outer parentheses, divided at its commas; and what follows them. */
const definitionsOf = (tokens: readonly Token[]): { definitions: Token[][]; options: Token[] } => {
  const definitions: Token[][] = [[]];
  let depth = 0;
  for (const [index, token] of tokens.entries()) {
    if (token.word === ')') depth--;
    if (depth === 0 && token.word === ')') return { definitions, options: tokens.slice(index + 1) };
    if (depth === 1 && token.word === ',') definitions.push([]);
    else if (depth > 0) definitions.at(-1)?.push(token);
    if (token.word === '(') depth++;
  }
  throw damage('a table whose definition does not end');
};

const tableConstraints: ReadonlySet<string> = new Set([
  'CONSTRAINT',
  'PRIMARY',
  'UNIQUE',
  'CHECK',
  'FOREIGN',
]);
const columnConstraints: ReadonlySet<string> = new Set([
  ...tableConstraints,
  'NOT',
  'NULL',
  'DEFAULT',
  'COLLATE',
  'REFERENCES',
]);
/**
 * Computed columns and checks are expressions, and a descending key changes what the row id means:
 * no session has them.
 */
const notPlain: ReadonlySet<string> = new Set(['CHECK', 'GENERATED', 'AS', 'DESC']);

/**
 * Both apply to the words of one definition, each behind a blank, what is quoted as `Q`,
 * parentheses as words.
 */
const conflict = '(?: ON CONFLICT \\w+)?';
const ownConstraint = [
  ...[
    ' CONSTRAINT \\S+',
    ` PRIMARY KEY(?: ASC)?${conflict}(?: AUTOINCREMENT)?`,
    ` NOT NULL${conflict}`,
    ` NULL${conflict}`,
  ],
  ...[
    ` UNIQUE${conflict}`,
    ' DEFAULT(?: [-+])? [^ ()]+(?: \\. \\d+| Q)?',
    ' DEFAULT \\( .*',
    ' COLLATE \\S+',
    ' REFERENCES .*',
  ],
].join('|');
const id = '[A-Z_\\u0080-\\uffff][\\w$\\u0080-\\uffff]*';
const keywords = [...columnConstraints].join('|');
const columnForm = new RegExp(
  `^ ${id}(?: (?!(?:${keywords}) )${id})*(?: \\( [\\d ,]+ \\))?(?:${ownConstraint})* $`,
  's',
);
const constraintForm = new RegExp(
  `^(?: CONSTRAINT \\S+)?(?: (?:PRIMARY KEY|UNIQUE) \\( [^()]+ \\)${conflict}| FOREIGN KEY ` +
    '\\( [^()]+ \\) REFERENCES .*) $',
  's',
);

/**
 * SQLite refuses a whole file for one malformed definition: then the file is damaged, and its key
 * may be.
 */
const requireSound = (definitions: readonly Token[][], options: readonly Token[]): void => {
  for (const definition of definitions) {
    const words = ` ${definition.map(({ word }) => word || 'Q').join(' ')} `;
    const form = tableConstraints.has(definition[0]?.word ?? '') ? constraintForm : columnForm;
    if (!form.test(words)) throw damage('a table with an unsound definition');
  }
  const names = definitions.flatMap(([first]) =>
    first === undefined || tableConstraints.has(first.word) ? [] : [first.text.toLowerCase()],
  );
  if (new Set(names).size !== names.length) throw damage('a table with a column twice');
  const tail = options.map(({ word }) => word).join(' ');
  if (!/^(?:(?:WITHOUT ROWID|STRICT)(?: , (?:WITHOUT ROWID|STRICT))?)?$/.test(tail))
    throw damage('a table with unknown options');
};

/** Whole numbers, text and NULL; undefined for an expression. */
const defaultOf = (definition: readonly Token[]): SqliteCell | undefined => {
  const at = definition.findIndex(({ word }) => word === 'DEFAULT');
  const [first, second] = definition.slice(at + 1);
  if (at === -1 || first?.word === 'NULL') return null;
  if (first?.word === '') return first.text;
  const digits = first?.word === '-' || first?.word === '+' ? second?.word : first?.word;
  if (digits === undefined || !/^\d{1,18}$/.test(digits)) return undefined;
  return first?.word === '-' ? -BigInt(digits) : BigInt(digits);
};

const hasPrimaryKey = (definition: readonly Token[]): boolean =>
  definition.some(({ word }) => word === 'PRIMARY');

const typeOf = (definition: readonly Token[]): string => {
  const end = definition.findIndex(({ word }, index) => index > 0 && columnConstraints.has(word));
  return definition
    .slice(1, end === -1 ? undefined : end)
    .map(({ text }) => text.toUpperCase())
    .join(' ');
};

const keyColumns = (columns: readonly Token[][], constraints: readonly Token[][]): string[] => {
  const constraint = constraints.find(hasPrimaryKey);
  const own = columns.find(hasPrimaryKey)?.[0]?.text;
  const named = constraint
    ?.slice(constraint.findIndex(({ word }) => word === '(') + 1)
    .filter(({ word }) => word === '' || /^\w/.test(word));
  return (own === undefined ? (named ?? []).map(({ text }) => text) : [own]).map((name) =>
    name.toLowerCase(),
  );
};

const readDefinition = (
  sql: string,
  name: string,
): ReturnType<typeof definitionsOf> & { readonly tokens: Token[] } => {
  const tokens = tokensOf(sql);
  const [create, table, named, opening] = tokens;
  if (create?.word !== 'CREATE' || table?.word !== 'TABLE' || opening?.word !== '(')
    throw damage('a table without a definition');
  if (named?.text.toLowerCase() !== name.toLowerCase())
    throw damage('a table with the definition of another');
  return { tokens, ...definitionsOf(tokens) };
};

/**
 * Of a table that is not read itself. Throws RangeError where SQLite would read nothing of the file
 * for its sake.
 */
export const requireDefinition = (sql: string, name: string): void => {
  if (sql.length > longestSql) return;
  const { tokens, definitions, options } = readDefinition(sql, name);
  if (!tokens.some(({ word }) => notPlain.has(word))) requireSound(definitions, options);
};

const afterColumn: ReadonlySet<string | undefined> = new Set([undefined, 'ASC', 'DESC', 'COLLATE']);

/** As {@link requireDefinition}, of an index of `table`, whose own definition is `tableSql`. */
export const requireIndex = (
  sql: SqliteCell,
  name: string,
  table: string,
  tableSql: SqliteCell,
): void => {
  if (typeof tableSql !== 'string' || tableSql.length > longestSql) return;
  const known = tokensOf(tableSql);
  if (typeof sql !== 'string') {
    // SQLite's own, for a key or a UNIQUE.
    const isOwn = name.startsWith(`sqlite_autoindex_${table}_`) && /_[1-9]\d*$/.test(name);
    if (!isOwn || !known.some(({ word }) => word === 'PRIMARY' || word === 'UNIQUE'))
      throw damage('an index without a definition');
    return;
  }
  if (sql.length > longestSql) return;
  const [create, ...rest] = tokensOf(sql);
  const [index, named, on, of, opening, ...columns] =
    rest[0]?.word === 'UNIQUE' ? rest.slice(1) : rest;
  if (
    create?.word !== 'CREATE' ||
    index?.word !== 'INDEX' ||
    on?.word !== 'ON' ||
    opening?.word !== '('
  )
    throw damage('an index without a definition');
  if (named?.text.toLowerCase() !== name || of?.text.toLowerCase() !== table)
    throw damage('an index with the definition of another');
  const names = new Set(known.map(({ text }) => text.toLowerCase()));
  for (const [column, next] of definitionsOf([opening, ...columns]).definitions)
    if (afterColumn.has(next?.word) && !names.has(column?.text.toLowerCase() ?? ''))
      throw damage('an index of a column that is not there');
};

/**
 * The shape of a table by its CREATE TABLE statement; null where it is not plain (computed columns,
 * checks, defaults that are expressions).
 * `name`: as the file's list has it; `hasRowIds` is how the table is stored. Throws RangeError for
 * a statement that cannot be read.
 */
export const readTableShape = (
  sql: string,
  name: string,
  hasRowIds: boolean,
): TableShape | null => {
  const { tokens, definitions, options } = readDefinition(sql, name);
  if (tokens.some(({ word }) => notPlain.has(word))) return null;
  requireSound(definitions, options);
  if (options.some(({ word }) => word === 'WITHOUT') === hasRowIds)
    throw damage('a table stored unlike its definition');
  const isConstraint = ([first]: Token[]): boolean =>
    first !== undefined && tableConstraints.has(first.word);
  const declared = definitions.filter((definition) => !isConstraint(definition));
  const columns = declared.map((definition) => ({
    name: definition[0]?.text.toLowerCase() ?? '',
    missing: defaultOf(definition),
  }));
  const plain = columns.flatMap(({ name, missing }) =>
    missing === undefined ? [] : [{ name, missing }],
  );
  if (plain.length !== columns.length) return null;
  const key = keyColumns(declared, definitions.filter(isConstraint));
  const isAlias =
    hasRowIds &&
    key.length === 1 &&
    declared.some((one) => one[0]?.text.toLowerCase() === key[0] && typeOf(one) === 'INTEGER');
  if (hasRowIds) return { columns: plain, rowIdColumn: isAlias ? (key[0] ?? null) : null };
  const first = key.flatMap((name) => plain.filter((column) => column.name === name));
  return {
    columns: [...first, ...plain.filter(({ name }) => !key.includes(name))],
    rowIdColumn: null,
  };
};

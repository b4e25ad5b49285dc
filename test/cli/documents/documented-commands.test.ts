/**
 * Every command that the documents, the templates and the hints of fleet name exists, with the
 * options and as many arguments as they give it.
 */
import { existsSync, globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { buildProgram } from '../../../src/cli/program.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const program = buildProgram();
const filesOf = (pattern: string): string[] => globSync(pattern, { cwd: root }).toSorted();

const subcommand = (command: Command, word: string | undefined): Command | undefined =>
  command.commands.find((each) => each.name() === word || each.aliases().includes(word ?? ''));

interface Found {
  readonly command: Command;
  /** The commands on the way to it, without it. */
  readonly parent: Command;
  readonly rest: readonly string[];
}

function find(words: readonly string[], from: Command = program): Found {
  let [command, parent, at] = [from, from, 0];
  for (
    let next = subcommand(command, words[at]);
    next !== undefined;
    next = subcommand(command, words[at])
  ) {
    [parent, command, at] = [command, next, at + 1];
  }
  return { command, parent, rest: words.slice(at) };
}

/**
 * A command that only stands before others: one that acts itself (`fleet backup`) takes options and
 * arguments of its own.
 */
const isParentOnly = (command: Command): boolean =>
  command.commands.length > 0 && Reflect.get(command, '_actionHandler') === null;

/** What commander would say of these words, without running anything; null: nothing. */
function mistakeIn({ command, rest }: Found): string | null {
  if (rest.includes('--help')) return null;
  if (isParentOnly(command))
    return rest.length === 0 ? null : `"${command.name()}" has no command ${rest[0]}`;
  const options = [...command.options, ...program.options];
  let positional = 0;
  for (let at = 0; at < rest.length; at += 1) {
    const word = rest[at] ?? '';
    if (word === '--') {
      positional += rest.length - at - 1;
      break;
    }
    if (!/^-{1,2}[a-z]/.test(word)) {
      positional += 1;
      continue;
    }
    const [flag, value] = word.split('=', 2);
    const option = options.find(({ short, long }) => flag === short || flag === long);
    if (option === undefined) return `${command.name()} has no option ${flag}`;
    if ((option.required || option.optional) && value === undefined) at += 1;
    if (option.variadic)
      while (rest[at + 1] !== undefined && !rest[at + 1]?.startsWith('-')) at += 1;
  }
  const declared = command.registeredArguments;
  const least = declared.filter(({ required }) => required).length;
  const most = declared.some(({ variadic }) => variadic)
    ? Number.POSITIVE_INFINITY
    : declared.length;
  return positional < least || positional > most
    ? `${command.name()} takes ${least} to ${most} arguments, not ${positional}`
    : null;
}

/**
 * Words of one command as documents write it: `[optional]`, alternatives with `|`, `...` for more
 * of the same.
 */
const wordsOf = (text: string): string[] =>
  text
    .replace(/\s[#>]\s.*$/, '')
    .replace(/'[^']*'|"[^"]*"/g, 'TEXT')
    .replace(/[[\]]/g, ' ')
    .replaceAll('...', '')
    .split(/\s+/)
    .flatMap((word) => {
      const choices = word.split(/\\?\|/);
      return [choices[0] ?? '', ...choices.slice(1).filter((choice) => choice.startsWith('-'))];
    })
    .filter((word) => word !== '');

/**
 * Every command of a line `fleet A · B · C`; those after the first are named from where the first
 * one stands.
 */
function checkLine(line: string): string[] {
  const [first = '', ...more] = line.replace(/^fleet\s+/, '').split(' · ');
  const found = find(wordsOf(first));
  const all = [found, ...more.map((part) => find(wordsOf(part), found.parent))];
  return all.flatMap((each, index) => {
    if (each.command === found.parent && index > 0)
      return [`there is no command ${more[index - 1]}`];
    // A name alone stands for the command, not for a call of it.
    const isNameOnly = each.rest.length === 0;
    const mistake = isNameOnly ? null : mistakeIn(each);
    return mistake === null ? [] : [mistake];
  });
}

/** Code in backticks, and lines of code blocks and scripts. */
function documented(text: string): string[] {
  const blocks = [...text.matchAll(/```[a-z]*\n([\s\S]*?)```/g)].map(([, block = '']) => block);
  const prose = text.replace(/```[\s\S]*?```/g, '');
  const inline = [...prose.matchAll(/`(fleet [^`\n]+)`/g)].map(([, line = '']) => line);
  const lines = blocks
    .flatMap((block) => block.split('\n'))
    .map((line) => /^\s*(?:\$ )?(fleet [^|>;&]*)/.exec(line)?.[1] ?? '');
  return [...inline, ...lines.filter((line) => line !== '')];
}

describe('documents', () => {
  test.each(['README.md', 'SECURITY.md', 'ARCHITECTURE.md', ...filesOf('docs/*.md')])(
    '%s names no command that does not exist',
    (path) => {
      const lines = documented(readFileSync(join(root, path), 'utf8'));
      const wrong = lines.flatMap((line) =>
        checkLine(line).map((mistake) => `${line}: ${mistake}`),
      );
      expect(wrong).toEqual([]);
    },
  );

  test('the overview has every command', () => {
    const text = readFileSync(join(root, 'docs/overview.md'), 'utf8');
    const named = new Set(
      documented(text).flatMap((line) => {
        const [first = '', ...more] = line.replace(/^fleet\s+/, '').split(' · ');
        const found = find(wordsOf(first));
        return [found, ...more.map((part) => find(wordsOf(part), found.parent))].map(
          ({ command }) => command,
        );
      }),
    );
    const all = (command: Command): Command[] =>
      command.commands.length === 0 ? [command] : command.commands.flatMap(all);
    const missing = all(program).filter(
      (command) => !named.has(command) && command.name() !== 'help',
    );
    expect(missing.map((command) => `${command.parent?.name()} ${command.name()}`)).toEqual([]);
  });
});

/** Links of a text to files of the project, with their anchors. */
const linked = (text: string): readonly string[] =>
  [...text.matchAll(/\]\((?!https?:|#)([^)\s]+)\)/g)].map(([, path = '']) => path);

/** As the forges make an anchor of a heading. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');

describe('links', () => {
  test.each([...filesOf('*.md'), ...filesOf('docs/*.md')])(
    '%s links to files and headings that exist',
    (path) => {
      const folder = join(root, path, '..');
      const wrong = linked(readFileSync(join(root, path), 'utf8')).filter((link) => {
        const [file = '', anchor] = link.split('#');
        if (!existsSync(join(folder, file))) return true;
        if (anchor === undefined) return false;
        const headings = readFileSync(join(folder, file), 'utf8').matchAll(/^#+ (.*)$/gm);
        return ![...headings].some(([, heading = '']) => anchorOf(heading) === anchor);
      });
      expect(wrong).toEqual([]);
    },
  );

  test.each(['README.md', 'README.zh-CN.md'])('%s leads to every document', (path) => {
    const links = new Set(
      linked(readFileSync(join(root, path), 'utf8')).map((link) => link.split('#')[0]),
    );
    const english = filesOf('docs/*.md').filter(
      (file) => !file.endsWith('zh-CN.md') && !file.endsWith('first-day.md'),
    );
    expect(english.filter((file) => !links.has(file))).toEqual([]);
    expect([...links].some((link) => link?.startsWith('docs/first-day'))).toBe(true);
  });
});

/** Names of commands below others, such as `unpin`: without the word before them they are none. */
const nested = new Set(
  program.commands
    .flatMap((command) => command.commands.map((each) => each.name()))
    .filter((name) => subcommand(program, name) === undefined),
);

/**
 * The commands that a text names among other words: as far as they are subcommands, options,
 * placeholders and values in the code.
 */
function hinted(text: string): { readonly line: string; readonly words: readonly string[] }[] {
  return [
    ...text.matchAll(
      /(?<!\ba |# |update\(`)\bfleet ((?:[a-z][a-z-]+|--?[a-z][a-z-]*|[A-Z][A-Z.]*|\$\{[^}]*\}| )+)/g,
    ),
  ].flatMap(([line, rest = '']) => {
    const words = rest
      .replace(/\$\{[^}]*\}/g, 'VALUE')
      .split(' ')
      .filter((word) => word !== '');
    return subcommand(program, words[0]) === undefined && !nested.has(words[0] ?? '')
      ? []
      : [{ line, words }];
  });
}

test('hints of fleet name no command and no option that does not exist', () => {
  const wrong: string[] = [];
  let count = 0;
  for (const path of [
    ...filesOf('src/**/*.ts'),
    ...filesOf('hostside/**/*.ts'),
    ...filesOf('templates/**/*.{sh,yaml,yml,rules}'),
  ]) {
    for (const { line, words } of hinted(readFileSync(join(root, path), 'utf8'))) {
      count += 1;
      const { command, rest } = find(words);
      if (command === program)
        wrong.push(`${path}: ${line}: "${words[0]}" stands below another command`);
      const end = rest.findIndex((word) => /^[a-z]/.test(word));
      const own = end === -1 ? rest : rest.slice(0, end);
      if (isParentOnly(command) && end === 0)
        wrong.push(`${path}: ${line}: "${command.name()}" has no command ${rest[0]}`);
      const options = [...command.options, ...program.options];
      for (const word of own.filter((each) => each.startsWith('--') && each !== '--'))
        if (!options.some(({ long }) => long === word))
          wrong.push(`${path}: ${line}: no option ${word}`);
    }
  }
  expect(count).toBeGreaterThan(200);
  expect(wrong).toEqual([]);
});

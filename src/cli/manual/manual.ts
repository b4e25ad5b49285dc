/** docs/commands.md and fleet(1), from the commands themselves. */
import type { Command } from 'commander';
import { type CommandPage, commandPages, optionRows } from './pages.ts';

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');

const table = (
  head: readonly [string, string],
  rows: readonly (readonly [string, string])[],
): string =>
  [
    `| ${head[0]} | ${head[1]} |`,
    '| --- | --- |',
    ...rows.map(([first, second]) => `| \`${first.replaceAll('|', '\\|')}\` | ${cell(second)} |`),
  ].join('\n');

const markdownOf = ({
  name,
  aliases,
  usage,
  summary,
  options,
  examples,
  exits,
  files,
}: CommandPage): string =>
  [
    `### ${name}`,
    `${cell(summary)}.${aliases.length === 0 ? '' : ` Also: \`${aliases.join('`, `')}\`.`}`,
    `Usage: ${cell(usage).replaceAll('[', '\\[')}`,
    ...(options.length <= 1 ? [] : [table(['option', 'meaning'], options.slice(0, -1))]),
    'Examples:',
    examples.map(([words, meaning]) => `- \`${words}\`: ${cell(meaning)}`).join('\n'),
    table(['exit code', 'meaning'], exits),
    ...(files.length === 0 ? [] : [`Files: ${files.map(([path]) => `\`${path}\``).join(', ')}`]),
  ].join('\n\n');

/** The text of docs/commands.md. */
export function commandsMarkdown(program: Command): string {
  const groups = Map.groupBy(commandPages(program), ({ group }) => group);
  return `${[
    '# Commands',
    'Made from the commands themselves by `node scripts/generate-commands.ts`; `fleet ' +
      'COMMAND --help` and `man fleet` say the same.',
    '## Options of every command',
    table(
      ['option', 'meaning'],
      optionRows(program).filter(([term]) => !/--(?:help|version)/.test(term)),
    ),
    ...[...groups].flatMap(([group, pages]) => [`## ${group}`, ...pages.map(markdownOf)]),
  ].join('\n\n')}\n`;
}

/** A line of roff: backslashes, hyphens that are typed, and what looks like a request. */
const roff = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/gm, '\\&$1');

const tagged = (rows: readonly (readonly [string, string])[]): string =>
  rows.map(([term, meaning]) => `.TP\n.B ${roff(term)}\n${roff(meaning)}`).join('\n');

const roffOf = ({ name, usage, summary, options, examples, exits, files }: CommandPage): string =>
  [
    `.SS ${roff(name)}`,
    `${roff(summary)}.`,
    `.PP\n.B ${roff(usage)}`,
    ...(options.length <= 1 ? [] : [tagged(options.slice(0, -1))]),
    `.PP\nExamples:\n${tagged(examples)}`,
    `.PP\nExit codes:\n${tagged(exits)}`,
    ...(files.length === 0 ? [] : [`.PP\nFiles: ${roff(files.map(([path]) => path).join(', '))}`]),
  ].join('\n');

/** The page fleet(1). `version` as in package.json. */
export function manualPage(program: Command, version: string): string {
  const groups = Map.groupBy(commandPages(program), ({ group }) => group);
  return `${[
    `.TH FLEET 1 "" "fleet ${version}" "fleet"`,
    '.SH NAME\nfleet \\- runs session\\-bound workers on many small servers over SSH',
    '.SH SYNOPSIS\n.B fleet\n[\\fIoptions\\fR] \\fIcommand\\fR [\\fIargument\\fR ...]',
    `.SH DESCRIPTION\n${roff(program.description())}`,
    `.SH OPTIONS\n${tagged(optionRows(program))}`,
    ...[...groups].map(
      ([group, pages]) => `.SH ${group.toUpperCase()}\n${pages.map(roffOf).join('\n')}`,
    ),
    '.SH ENVIRONMENT',
    tagged([
      ['FLEET_INVENTORY', 'the inventory, where --inventory does not name one'],
      ['NO_COLOR', 'no colours'],
      ['PAGER', 'shows long output on a terminal; empty or cat: none'],
      ['SSH_AUTH_SOCK', 'the ssh agent whose keys are tried'],
    ]),
  ].join('\n')}\n`;
}

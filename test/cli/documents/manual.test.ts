/** Help, docs/commands.md and the manual come from the same objects. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { eventsMarkdown } from '../../../src/cli/manual/events-manual.ts';
import { describedAs } from '../../../src/cli/manual/help.ts';
import { commandsMarkdown, manualPage } from '../../../src/cli/manual/manual.ts';
import { commandPages } from '../../../src/cli/manual/pages.ts';
import { buildProgram } from '../../../src/cli/program.ts';
import { verbs } from '../../../src/verbs/registry.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const program = buildProgram();
const leaves = (command: Command): Command[] =>
  command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);

test('docs/commands.md is what the commands say: npm run generate:commands', () => {
  expect(readFileSync(join(root, 'docs', 'commands.md'), 'utf8')).toBe(commandsMarkdown(program));
});

test('docs/events.md has every kind of event: npm run generate:commands', () => {
  expect(readFileSync(join(root, 'docs', 'events.md'), 'utf8')).toBe(eventsMarkdown());
});

test('every command has examples, and every verb a name of its own', () => {
  const bare = leaves(program).filter(
    (command) => (describedAs(command)?.examples.length ?? 0) < 2,
  );
  expect(bare.map((command) => command.name())).toEqual([]);
  expect(new Set(verbs.map(({ name }) => name)).size).toBe(verbs.length);
});

test('-n means --dry-run, and --check is the same, wherever either is', () => {
  const all = leaves(program).flatMap((command) =>
    command.options.map((option) => ({ command: command.name(), option })),
  );
  expect(all.filter(({ option }) => option.short === '-n' && option.long !== '--dry-run')).toEqual(
    [],
  );
  const shown = all.filter(({ option }) => option.long === '--check' && !option.hidden);
  expect(shown).toEqual([]);
});

test('help of every verb fits 80 columns', () => {
  const long = leaves(program).flatMap((command) => {
    let help = '';
    const writeOut = (text: string): void => {
      help += text;
    };
    command.configureOutput({ writeOut, getOutHelpWidth: () => 80 });
    command.outputHelp();
    return help.split('\n').filter((line) => [...line].length > 80 && !line.startsWith('  fleet '));
  });
  expect(long).toEqual([]);
});

test('the manual is clean for mandoc and man', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fleet-manual-'));
  try {
    const page = join(folder, 'fleet.1');
    writeFileSync(page, manualPage(program, '1.2.3'));
    const has = (name: string): boolean =>
      ['/usr/bin', '/bin'].some((path) => existsSync(join(path, name)));
    if (has('mandoc')) execFileSync('mandoc', ['-Tlint', '-Werror', page], { stdio: 'pipe' });
    if (has('man') && has('groff')) {
      const said = execFileSync('sh', ['-c', `man --warnings -l '${page}' 2>&1 >/dev/null`], {
        env: { PATH: process.env.PATH, MANWIDTH: '80', LC_ALL: 'C.UTF-8' },
      });
      expect(said.toString()).toBe('');
    }
    expect(readFileSync(page, 'utf8').match(/^\.SS /gm)).toHaveLength(commandPages(program).length);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

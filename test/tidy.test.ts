import { globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

/** What each room may import besides itself and Node's own modules: the table in ARCHITECTURE.md. */
const rooms: Readonly<Record<string, readonly string[]>> = {
  'src/model': [],
  'src/surroundings': ['src/model'],
  'src/planning': ['src/model'],
  'src/ownership': ['src/model', 'hostside/protocol'],
  'src/sessions': ['src/model'],
  'src/alerts': ['src/model'],
  'src/report': ['src/model', 'd3-scale', 'd3-shape'],
  'src/inventory': ['src/model', 'src/alerts', 'src/surroundings', 'hostside/protocol', 'yaml', 'zod', 'picomatch'],
  'src/scripts': ['src/model', 'src/surroundings', 'src/inventory', 'hostside/answering', 'hostside/protocol', 'zod'],
  'src/remote': ['src/model', 'src/surroundings', 'hostside/protocol', 'ssh2', 'ssh-config', 'p-limit'],
  'src/ledger': ['src/model', 'src/alerts', 'src/surroundings', 'src/planning', 'src/ownership', 'kysely', 'better-sqlite3'],
  'src/vault': ['src/model', 'src/surroundings', 'src/sessions', 'age-encryption', 'yauzl', 'better-sqlite3', 'zod'],
  'src/facts': ['src/model', 'src/remote', 'hostside/protocol', 'zod'],
  'src/steps': ['src/model', 'src/remote', 'hostside/protocol', 'yaml', 'zod'],
  'src/release': ['src/model', 'src/surroundings', 'src/steps', 'hostside/protocol', 'esbuild', 'zod'],
  'src/channels': ['src/model', 'src/surroundings', 'src/alerts', 'src/release', 'yaml', 'zod', 'nodemailer'],
  'src/workflows': ['src', 'hostside/protocol', 'zod'],
  'src/verbs': ['src', 'hostside/protocol', 'zod'],
  'src/cli': ['src', 'hostside/protocol', 'commander', 'chalk', 'listr2', '@inquirer/prompts', 'uqr', 'zod'],
  hostside: ['hostside'],
  'hostside/answering': ['hostside/protocol'],
  'hostside/worker': ['hostside', 'telegram', 'openai'],
};

/** Rooms that decide and never act. */
const pureRooms = ['src/model', 'src/alerts', 'src/report', 'src/planning', 'src/ownership', 'src/sessions', 'hostside/answering'];
const impure =
  /\bawait\b|\basync\b|\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bprocess\.(?:env|argv|std|pid|cwd|hrtime|memory)|\bsetTimeout\b|node:(?!crypto\b)/;

interface Source {
  readonly path: string;
  readonly room: string;
  readonly text: string;
  /** Without comments and string contents, so that prose never counts. */
  readonly code: string;
}

const roomOf = (path: string): string =>
  Object.keys(rooms)
    .filter((room) => path.startsWith(`${room}/`))
    .sort((a, b) => b.length - a.length)[0] ?? '';

const withoutComments = (text: string): string => text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');

const sources: Source[] = globSync('{src,hostside}/**/*.ts').map((path) => {
  const text = readFileSync(path, 'utf8');
  return { path, room: roomOf(path), text, code: withoutComments(text) };
});

/** Every module that a file names in an import, static or dynamic; relative ones as paths from the root. */
function importsOf({ path, code }: Source): string[] {
  const statements = [...code.matchAll(/^(?:import|export)\b[^;]*?\bfrom '([^'\n]+)';$|^import '([^'\n]+)';$|\bimport\('([^'\n]+)'\)/gm)];
  const names = statements.map((match) => match[1] ?? match[2] ?? match[3] ?? '');
  return names.map((name) => (name.startsWith('.') ? new URL(name, `file:///${path}`).pathname.slice(1) : name));
}

const isAllowed = (source: Source, name: string): boolean => {
  if (name.startsWith('node:') || name.startsWith(`${source.room}/`)) return true;
  return (rooms[source.room] ?? []).some((allowed) => name === allowed || name.startsWith(`${allowed}/`));
};

describe('tidy', () => {
  it('knows the room of every file', () => {
    expect(sources.length).toBeGreaterThan(50);
    expect(sources.filter(({ room }) => room === '').map(({ path }) => path)).toEqual([]);
  });

  it('imports only point to the rooms that the table names', () => {
    const wrong = sources.flatMap((source) =>
      importsOf(source)
        .filter((name) => !isAllowed(source, name))
        .map((name) => `${source.path} imports ${name}`),
    );
    expect(wrong).toEqual([]);
  });

  it('only src/cli imports the CLI, and only src/remote knows ssh2', () => {
    const wrong = sources.filter((source) => source.room !== 'src/cli' && importsOf(source).some((name) => name.startsWith('src/cli')));
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  it('pure rooms have no clock, chance, environment, waiting or I/O', () => {
    const wrong = sources.filter(
      ({ room, code }) =>
        pureRooms.includes(room) && impure.test(code.replace(/'[^'\n]*'/g, (quoted) => (quoted.startsWith("'node:") ? quoted : "''"))),
    );
    expect(wrong.map(({ path, code }) => `${path}: ${impure.exec(code)?.[0]}`)).toEqual([]);
  });

  it('only the CLI and the programs on hosts print', () => {
    const wrong = sources.filter(({ room, code }) => room.startsWith('src/') && room !== 'src/cli' && /\bconsole\./.test(code));
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  it('only the sink writes to a terminal or a log, and only it knows how colours are written', () => {
    const writes =
      /\bconsole(?:\.|\[)|\bprocess\.(?:stdout|stderr)\.(?:write|end|pipe|_)|\bprocess\.(?:stdout|stderr)\b(?!\.|\s*\})|\bwriteSync\(|\[['"](?:stdout|stderr)['"]\]|\{[^}]*\b(?:stdout|stderr)\b[^}]*\}\s*=\s*process\b|\b(?:pipe|pipeline)\([^)]*process\./;
    const cli = sources.filter(({ room }) => room.startsWith('src/'));
    const allowed = ['src/cli/terminal.ts', 'src/cli/prompts/confirm.ts'];
    expect(cli.filter(({ path, code }) => !allowed.includes(path) && writes.test(code)).map(({ path }) => path)).toEqual([]);
    const importers = (name: string): string[] => cli.filter((source) => importsOf(source).includes(name)).map(({ path }) => path);
    expect(importers('chalk')).toEqual(['src/cli/style.ts']);
    expect(importers('listr2')).toEqual(['src/cli/progress/progress.ts']);
    expect(importers('@inquirer/prompts')).toEqual(['src/cli/prompts/confirm.ts']);
    expect(cli.filter(({ code }) => /\\u001b|\\x1b|\\033/i.test(code)).map(({ path }) => path)).toEqual([
      'src/cli/style.ts',
      'src/cli/terminal.ts',
    ]);
  });

  it('files stay short', () => {
    const long = sources.map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 })).filter(({ lines }) => lines > 300);
    expect(long).toEqual([]);
  });

  it('cites no document that is not in the repository', () => {
    const cited = /\b(?:DESIGN|EXCLUSIVITY|REQUIREMENTS|HOUSE|STACKS|FAULTS)(?:\.md\b| (?:section|row)s? \d)|\b[Rr]equirement [A-F]\d/;
    const files = globSync('{src,hostside,templates,scripts,bench,docs}/**/*.{ts,sh,md,yaml,service}');
    expect(files.filter((path) => cited.test(readFileSync(path, 'utf8')))).toEqual([]);
  });

  it('no name that says nothing, no mark of unfinished work', () => {
    expect(sources.filter(({ path }) => /(utils?|helpers?|manager|common)\.ts$/.test(path)).map(({ path }) => path)).toEqual([]);
    expect(sources.filter(({ text }) => /\b(TODO|FIXME|XXX|HACK)\b|@ts-ignore/.test(text)).map(({ path }) => path)).toEqual([]);
  });
});

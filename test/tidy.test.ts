import { existsSync, globSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

/**
 * What each room may import besides itself and Node's own modules: the table in ARCHITECTURE.md.
 */
const rooms: Readonly<Record<string, readonly string[]>> = {
  'src/model': [],
  'src/surroundings': ['src/model'],
  'src/planning': ['src/model'],
  'src/ownership': ['src/model', 'hostside/protocol'],
  'src/sessions': ['src/model'],
  'src/alerts': ['src/model'],
  'src/report': ['src/model', 'd3-scale', 'd3-shape'],
  'src/dashboard': ['src/report', 'preact'],
  'src/inventory': [
    'src/model',
    'src/alerts',
    'src/surroundings',
    'hostside/protocol',
    'yaml',
    'zod',
    'picomatch',
  ],
  'src/scripts': [
    'src/model',
    'src/surroundings',
    'src/inventory',
    'hostside/answering',
    'hostside/protocol',
    'zod',
  ],
  'src/remote': [
    'src/model',
    'src/surroundings',
    'hostside/protocol',
    'ssh2',
    'ssh-config',
    'p-limit',
  ],
  'src/ledger': [
    'src/model',
    'src/alerts',
    'src/surroundings',
    'src/planning',
    'src/ownership',
    'kysely',
    'better-sqlite3',
    'pg',
  ],
  'src/vault': [
    'src/model',
    'src/surroundings',
    'src/sessions',
    'age-encryption',
    'yauzl',
    'better-sqlite3',
    'zod',
  ],
  'src/facts': ['src/model', 'src/remote', 'hostside/protocol', 'zod'],
  'src/steps': ['src/model', 'src/remote', 'hostside/protocol', 'yaml', 'zod'],
  'src/release': [
    'src/model',
    'src/surroundings',
    'src/steps',
    'hostside/protocol',
    'esbuild',
    'zod',
  ],
  'src/channels': [
    'src/model',
    'src/surroundings',
    'src/alerts',
    'src/release',
    'yaml',
    'zod',
    'nodemailer',
  ],
  'src/workflows': ['src', 'hostside/protocol', 'zod'],
  'src/verbs': ['src', 'hostside/protocol', 'zod'],
  'src/serve': [
    'src/model',
    'src/surroundings',
    'src/inventory',
    'src/ledger',
    'src/vault',
    'src/release',
    'src/workflows',
    'src/verbs',
    'fastify',
    'zod',
  ],
  'src/cli': [
    'src',
    'hostside/protocol',
    'commander',
    'chalk',
    'listr2',
    '@inquirer/prompts',
    'uqr',
    'zod',
  ],
  hostside: ['hostside'],
  'hostside/answering': ['hostside/protocol'],
  'hostside/worker': ['hostside', 'telegram', 'openai'],
};

/**
 * Besides itself and what its room may import, what a folder of these rooms may import of the
 * room's other folders; '': the room's own files.
 */
const walls: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  'src/planning': {
    fleet: [],
    placement: ['fleet'],
    rebalance: ['fleet', 'placement'],
    advice: ['fleet', 'placement', 'rebalance'],
  },
  'src/remote': {
    '': [],
    shared: [''],
    config: ['shared'],
    session: ['', 'shared', 'config'],
    ssh2: ['', 'shared', 'config', 'session'],
    openssh: ['', 'shared', 'config', 'session'],
    ssh: ['', 'shared', 'config', 'session', 'ssh2', 'openssh'],
  },
  'src/inventory': {
    schema: [],
    rules: ['schema'],
    '': ['schema', 'rules'],
    explain: ['', 'schema', 'rules'],
    new: ['', 'schema', 'rules'],
  },
  'src/workflows': {
    '': [],
    hosts: [''],
    init: ['', 'hosts'],
    answers: ['', 'hosts'],
    trials: ['', 'hosts', 'answers'],
    ownership: ['', 'hosts', 'answers'],
    accounts: ['', 'hosts', 'init', 'answers', 'trials', 'ownership'],
    moves: ['', 'hosts', 'init', 'answers', 'ownership'],
    custody: ['', 'hosts', 'answers', 'ownership'],
    alerts: ['', 'hosts'],
    checkup: [
      '',
      'hosts',
      'init',
      'answers',
      'trials',
      'ownership',
      'accounts',
      'moves',
      'custody',
      'alerts',
    ],
    config: ['', 'hosts', 'init', 'answers'],
    new: [''],
    copy: [''],
  },
  // What answers, what speaks HTTP, and what runs verbs in a process of its own.
  'src/serve': { http: [''], runs: [''], '': ['http', 'runs'] },
  hostside: {
    protocol: [],
    machine: ['protocol'],
    claims: ['protocol', 'machine'],
    gate: ['protocol', 'machine', 'claims'],
    hold: ['protocol', 'machine', 'claims'],
    helper: ['protocol', 'machine', 'claims', 'gate', 'hold'],
    sampler: ['protocol', 'machine', 'claims', 'hold', 'helper'],
    answering: ['protocol'],
    'worker/telegram': ['protocol', 'machine'],
    'worker/lifecycle': ['protocol', 'machine', 'worker/telegram'],
    'worker/model': ['protocol', 'worker/lifecycle'],
    'worker/conversation': [
      'protocol',
      'machine',
      'answering',
      'worker/telegram',
      'worker/lifecycle',
      'worker/model',
    ],
    'worker/login': ['protocol', 'machine', 'worker/telegram'],
    worker: [
      'protocol',
      'machine',
      'gate',
      'worker/telegram',
      'worker/lifecycle',
      'worker/conversation',
    ],
  },
};

/** The folder of a room with walls that holds a file: the longest that the table has. */
const folderOf = (room: string, path: string): string =>
  Object.keys(walls[room] ?? {})
    .filter((folder) => folder !== '' && path.startsWith(`${room}/${folder}/`))
    .sort((a, b) => b.length - a.length)[0] ?? '';

/** Rooms that decide and never act. */
const pureRooms = [
  'src/model',
  'src/alerts',
  'src/report',
  'src/planning',
  'src/ownership',
  'src/sessions',
  'hostside/answering',
];
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

const withoutComments = (text: string): string =>
  text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');

const sources: Source[] = globSync('{src,hostside}/**/*.{ts,tsx}').map((path) => {
  const text = readFileSync(path, 'utf8');
  return { path, room: roomOf(path), text, code: withoutComments(text) };
});

/**
 * Every module that a file names in an import, static or dynamic; relative ones as paths from the
 * root.
 */
function importsOf({ path, code }: Source): string[] {
  const statements = [
    ...code.matchAll(
      /^(?:import|export)\b[^;]*?\bfrom '([^'\n]+)';$|^import '([^'\n]+)';$|\bimport\(\s*'([^'\n]+)'\s*\)/gm,
    ),
  ];
  const names = statements.map((match) => match[1] ?? match[2] ?? match[3] ?? '');
  return names.map((name) =>
    name.startsWith('.') ? new URL(name, `file:///${path}`).pathname.slice(1) : name,
  );
}

const isAllowed = (source: Source, name: string): boolean => {
  if (name.startsWith('node:') || name.startsWith(`${source.room}/`)) return true;
  return (rooms[source.room] ?? []).some(
    (allowed) => name === allowed || name.startsWith(`${allowed}/`),
  );
};

/** Strings, templates (with one template inside) and patterns; comments, which have to be short. */
const literalOrComment =
  /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\[\s\S]|\$\{(?:[^{}`]|\{[^{}]*\}|`(?:\\[\s\S]|[^`\\])*`)*\}|[^`\\])*`|(?<=[(,=:[!&|?]\s*)\/(?!\*)(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/g;

/** A literal without its text, on as many lines; comments as they are. */
const shorten = (found: string): string =>
  /^\/[/*]/.test(found) ? found : found.replace(/[^\n]+/g, "''");

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

  it('the folders of a room import one another only as the walls allow', () => {
    const wrong = Object.entries(walls).flatMap(([room, folders]) =>
      sources
        .filter(({ path }) => path.startsWith(`${room}/`))
        .flatMap((source) => {
          const own = folderOf(room, source.path);
          const named = importsOf(source).filter((name) => name.startsWith(`${room}/`));
          return named
            .filter((name) => ![own, ...(folders[own] ?? [])].includes(folderOf(room, name)))
            .map((name) => `${source.path} imports ${name}`);
        }),
    );
    expect(wrong).toEqual([]);
  });

  it('no two files import each other, in one step or many, types included', () => {
    const importsOfPath = new Map(sources.map((source) => [source.path, importsOf(source)]));
    const cycles: string[] = [];
    const done = new Set<string>();
    const visit = (path: string, way: readonly string[]): void => {
      const start = way.indexOf(path);
      if (start !== -1) cycles.push([...way.slice(start), path].join(' -> '));
      if (start !== -1 || done.has(path)) return;
      for (const name of importsOfPath.get(path) ?? []) visit(name, [...way, path]);
      done.add(path);
    };
    for (const { path } of sources) visit(path, []);
    expect(cycles).toEqual([]);
  });

  it('only the engines of the ledger know what speaks to a database', () => {
    const found = sources
      .filter(({ path }) => path.startsWith('src/ledger/'))
      .flatMap((source) =>
        importsOf(source)
          .filter((name) => name === 'better-sqlite3' || name === 'pg')
          .filter((name) => {
            const folder = name === 'pg' ? 'postgres' : 'sqlite';
            return !source.path.startsWith(`src/ledger/engines/${folder}/`);
          })
          .map((name) => `${source.path} imports ${name}`),
      );
    expect(found).toEqual([]);
  });

  it('nothing is exported for tests alone', () => {
    // These stand in for packages where the programs for hosts are built.
    const standIns = ['hostside/worker/aes-ige.ts'];
    const shipped = globSync('{src,hostside,scripts,bench}/**/*.{ts,tsx}').map((path) => {
      const text = readFileSync(path, 'utf8');
      return { path, room: roomOf(path), text, code: withoutComments(text) };
    });
    const importers = new Map<string, string[]>();
    for (const source of shipped)
      for (const name of importsOf(source))
        importers.set(name, [...(importers.get(name) ?? []), source.code]);
    const shippedSources = sources.filter(({ path }) => !standIns.includes(path));
    const idle = shippedSources.flatMap(({ path, code }) =>
      [
        ...code.matchAll(
          /^export (?:async )?(?:abstract )?(?:function\*?|const|class|interface|type) (\w+)/gm,
        ),
      ]
        .map(([, name = '']) => ({ name, word: new RegExp(`\\b${name}\\b`, 'g') }))
        .filter(({ word }) => (code.match(word) ?? []).length === 1)
        .filter(
          ({ word }) => !(importers.get(path) ?? []).some((other) => other.search(word) !== -1),
        )
        .map(({ name }) => `${path}: ${name}`),
    );
    expect(idle).toEqual([]);
  });

  it('no folder is a drawer', () => {
    const files = globSync('{src,hostside,test,bench,scripts,docs,templates}/**/*', {
      withFileTypes: true,
    }).filter((entry) => entry.isFile());
    const full = [...Map.groupBy(files, ({ parentPath }) => parentPath)].filter(
      ([, inside]) => inside.length > 20,
    );
    expect(full.map(([folder, inside]) => `${folder}: ${inside.length} files`)).toEqual([]);
  });

  it('only src/cli imports the CLI, and only src/remote knows ssh2', () => {
    const wrong = sources.filter(
      (source) =>
        source.room !== 'src/cli' && importsOf(source).some((name) => name.startsWith('src/cli')),
    );
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  it('pure rooms have no clock, chance, environment, waiting or I/O', () => {
    const wrong = sources.filter(
      ({ room, code }) =>
        pureRooms.includes(room) &&
        impure.test(
          code.replace(/'[^'\n]*'/g, (quoted) => (quoted.startsWith("'node:") ? quoted : "''")),
        ),
    );
    expect(wrong.map(({ path, code }) => `${path}: ${impure.exec(code)?.[0]}`)).toEqual([]);
  });

  it('only the CLI and the programs on hosts print', () => {
    const wrong = sources.filter(
      ({ room, code }) => room.startsWith('src/') && room !== 'src/cli' && /\bconsole\./.test(code),
    );
    expect(wrong.map(({ path }) => path)).toEqual([]);
  });

  it('only the sink writes to a terminal or a log, and only it knows how colours are written', () => {
    const writes =
      /\bconsole(?:\.|\[)|\bprocess\.(?:stdout|stderr)\.(?:write|end|pipe|_)|\bprocess\.(?:stdout|stderr)\b(?!\.|\s*\})|\bwriteSync\(|\[['"](?:stdout|stderr)['"]\]|\{[^}]*\b(?:stdout|stderr)\b[^}]*\}\s*=\s*process\b|\b(?:pipe|pipeline)\([^)]*process\./;
    const cli = sources.filter(({ room }) => room.startsWith('src/'));
    const allowed = ['src/cli/terminal.ts', 'src/cli/prompts/confirm.ts'];
    expect(
      cli
        .filter(({ path, code }) => !allowed.includes(path) && writes.test(code))
        .map(({ path }) => path),
    ).toEqual([]);
    const importers = (name: string): string[] =>
      cli.filter((source) => importsOf(source).includes(name)).map(({ path }) => path);
    expect(importers('chalk')).toEqual(['src/cli/style.ts']);
    expect(importers('listr2')).toEqual(['src/cli/progress/progress.ts']);
    expect(importers('@inquirer/prompts')).toEqual(['src/cli/prompts/confirm.ts']);
    expect(
      cli.filter(({ code }) => /\\u001b|\\x1b|\\033/i.test(code)).map(({ path }) => path),
    ).toEqual(['src/cli/style.ts', 'src/cli/terminal.ts']);
  });

  it('files stay short', () => {
    const long = sources
      .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
      .filter(({ lines }) => lines > 460);
    expect(long).toEqual([]);
  });

  it('lines end before column 101, but for texts, patterns and data that cannot be broken', () => {
    const files = globSync('{src,hostside,test,bench,scripts}/**/*.{ts,tsx,cjs,mjs}').filter(
      (path) => !path.includes('fixtures/'),
    );
    const long = files.flatMap((path) => {
      const text = readFileSync(path, 'utf8');
      if (!/^.{101}/m.test(text)) return [];
      const lines = text.replace(literalOrComment, shorten).split('\n');
      return lines.flatMap((line, at) => (line.length > 100 ? [`${path}:${at + 1}`] : []));
    });
    expect(long).toEqual([]);
  });

  it('cites no document that is not in the repository', () => {
    const cited =
      /\b(?:DESIGN|EXCLUSIVITY|REQUIREMENTS|HOUSE|STACKS|FAULTS)(?:\.md\b| (?:section|row)s? \d)|\b[Rr]equirement [A-F]\d/;
    const files = globSync(
      '{src,hostside,templates,scripts,bench,docs}/**/*.{ts,sh,md,yaml,service}',
    );
    expect(files.filter((path) => cited.test(readFileSync(path, 'utf8')))).toEqual([]);
  });

  it('names no file that is not there', () => {
    const named =
      /(?<![\w/.@-])(?:src|hostside|test|docs|templates|scripts|bench)\/[\w./-]+\.(?:ts|md|sh|py|cjs|json|ya?ml|service|conf)\b/g;
    // The example of CONTRIBUTING.md is a verb that somebody is about to write. Data files may be
    // the reader's own.
    const invented = ['src/verbs/hosts/oldest.ts'];
    const files = globSync(
      '{src,hostside,templates,scripts,bench,docs}/**/*.{ts,sh,md,service}',
    ).concat(globSync('*.md'));
    const absent = files.flatMap((path) =>
      [...readFileSync(path, 'utf8').matchAll(named)]
        .map(([name]) => name)
        .filter(
          (name) =>
            !/[A-Z]{4}/.test(name) &&
            /\.(?:ts|sh|py|cjs|service)$/.test(name) &&
            !invented.includes(name) &&
            !existsSync(name),
        )
        .map((name) => `${path} names ${name}`),
    );
    expect(absent).toEqual([]);
  });

  it('no name that says nothing, no mark of unfinished work', () => {
    expect(
      sources
        .filter(({ path }) => /(utils?|helpers?|manager|common)\.ts$/.test(path))
        .map(({ path }) => path),
    ).toEqual([]);
    expect(
      sources
        .filter(({ text }) => /\b(TODO|FIXME|XXX|HACK)\b|@ts-ignore/.test(text))
        .map(({ path }) => path),
    ).toEqual([]);
  });
});

import { createHash } from 'node:crypto';
import type { ReleaseFile } from '../model/release.ts';
import { quoteShell } from '../remote/shared/shell-command.ts';
import type { PythonSettings } from './profile.ts';
import { type Step, shellWords } from './step.ts';

/** Where the environments lie on a host; an account's worker is `ROOT/NAME/current/run`. */
const pythonRoot = '/opt/fleet/python';

/** A file of a project as it lies on the operator's side. */
export interface ProjectFile extends ReleaseFile {
  readonly content: Buffer;
}

/** A Python environment of a profile with the files of its project. */
export interface PythonEnvironment {
  readonly name: string;
  readonly settings: PythonSettings;
  /** Ordered by path. */
  readonly files: readonly ProjectFile[];
}

/** Most of a project's texts that a program carries along to show differences, bytes. */
const shownBytes = 256 * 1024;

/**
 * The project's files, a venv with its requirements, and the switch to both in one step
 * (templates/host-program/python.sh). A venv is made anew when
 * the requirements, the project's wheels or a setting changes, or Python's minor version on the
 * host. `showTexts`: differences are shown file by file.
 */
export function pythonStep({ name, settings, files }: PythonEnvironment, showTexts: boolean): Step {
  const base = `${pythonRoot}/${name}`;
  const project = digest(files.map(fileLine));
  const venv = venvDigest(settings, files);
  const values = {
    interpreter: settings.interpreter,
    project,
    venv,
    release: digest([project, venv, settings.run]),
    entry: settings.run,
    requirements: settings.requirements ?? '',
    system: settings.systemPackages ? '1' : '',
    pip: pipOptions(settings).join(' '),
    files: files.map(fileLine).join('\n'),
  };
  return {
    id: `python-${name}`,
    title: `Python environment ${name} (${files.length} files)`,
    after: ['packages'],
    looksAt: {
      paths: [
        settings.interpreter,
        `${base}/current`,
        ...files.map(({ path }) => `${base}/projects/${project}/${path}`),
      ],
    },
    declare: [
      ...Object.entries(values).map(([key, value]) => `PY[${name}.${key}]=${quoteShell(value)}`),
      ...(showTexts
        ? shownTexts(files).map(
            ({ path, text }) =>
              `F_TEXT[${quoteShell(`${base}/current/project/${path}`)}]=${quoteShell(text)}`,
          )
        : []),
    ].join('\n'),
    check: `want_python ${shellWords([name])}`,
    apply: `put_python ${shellWords([name])}`,
  };
}

const fileLine = ({ sha256, bytes, mode, path }: ReleaseFile): string =>
  `${sha256} ${bytes} ${mode.toString(8)} ${path}`;

const digest = (lines: readonly string[]): string =>
  createHash('sha256')
    .update(`fleet python v1\n${lines.join('\n')}\n`)
    .digest('hex')
    .slice(0, 16);

const pipOptions = ({ index, wheels }: PythonSettings): readonly string[] => [
  ...(index === undefined ? [] : index === 'none' ? ['--no-index'] : ['--index-url', index]),
  // pip passes over an index without TLS unless it is told that this is meant.
  ...(index?.startsWith('http://') === true ? ['--trusted-host', new URL(index).hostname] : []),
  ...(wheels === undefined ? [] : ['--find-links', wheels]),
];

function venvDigest(settings: PythonSettings, files: readonly ProjectFile[]): string {
  const { requirements, wheels, interpreter, systemPackages } = settings;
  const named =
    requirements === undefined ? new Set<string>() : requirementFiles(requirements, files);
  const counts = ({ path }: ReleaseFile): boolean =>
    named.has(path) || (wheels !== undefined && path.startsWith(`${wheels}/`));
  return digest([
    interpreter,
    String(systemPackages),
    ...pipOptions(settings),
    requirements ?? '',
    ...files.filter(counts).map(fileLine),
  ]);
}

/**
 * The requirements file and those that it names with -r or -c, and so on; paths within the project.
 */
export function requirementFiles(
  start: string,
  files: readonly ProjectFile[],
): ReadonlySet<string> {
  const found = new Set<string>();
  const open = [start];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    const file = files.find((candidate) => candidate.path === path);
    if (file === undefined || found.has(path)) continue;
    found.add(path);
    const folder = path.split('/').slice(0, -1);
    for (const [, named = ''] of file.content
      .toString('utf8')
      .matchAll(/^\s*(?:-r|-c|--requirement|--constraint)[ =]?\s*([^\s#]+)/gm)) {
      open.push(within([...folder, ...named.split('/')]));
    }
  }
  return found;
}

const within = (segments: readonly string[]): string => {
  const path: string[] = [];
  for (const segment of segments) {
    if (segment === '..') path.pop();
    else if (segment !== '.' && segment !== '') path.push(segment);
  }
  return path.join('/');
};

function shownTexts(
  files: readonly ProjectFile[],
): readonly { readonly path: string; readonly text: string }[] {
  let left = shownBytes;
  return files.flatMap(({ path, content }) => {
    left -= content.length;
    if (left < 0 || content.includes(0)) return [];
    return [{ path, text: content.toString('utf8') }];
  });
}

import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { FleetError } from '../model/errors.ts';
import { wildcardMatches } from './known-hosts.ts';
import type { SshConfigLine } from './ssh-options.ts';

/** OpenSSH's own limit on nested Include. */
const MAX_INCLUDE_DEPTH = 16;

/**
 * Reads ssh config files in order, Include expanded, missing files skipped. `homeDirectory` is what `~` means; relative includes
 * of a user's file are below `~/.ssh`, those of another file beside it. Rejects with `ssh-config` when a file does not parse.
 */
export async function readSshConfig(files: readonly string[], homeDirectory: string): Promise<SshConfigLine[]> {
  const lines: SshConfigLine[] = [];
  for (const file of files) lines.push(...(await readOne(file, homeDirectory, 0)));
  return lines;
}

async function readOne(file: string, homeDirectory: string, depth: number): Promise<SshConfigLine[]> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new FleetError('ssh-config', `${file} could not be read`, { hint: 'make the file readable or remove it', cause });
  }
  if (depth > MAX_INCLUDE_DEPTH) {
    throw new FleetError('ssh-config', `${file} is included more than ${MAX_INCLUDE_DEPTH} levels deep`, {
      hint: 'a file probably includes itself: remove that Include',
    });
  }
  return expand(await parseText(text, file), file, homeDirectory, depth);
}

async function parseText(text: string, file: string): Promise<SshConfigLine[]> {
  const { parse } = await import('ssh-config');
  try {
    return toLines(parse(text));
  } catch (cause) {
    throw new FleetError('ssh-config', `${file} is not a valid ssh config`, { hint: `try: ssh -G -F ${file} localhost`, cause });
  }
}

type ParsedConfig = ReturnType<typeof import('ssh-config').parse>;

function toLines(config: ParsedConfig): SshConfigLine[] {
  return [...config].flatMap((line): SshConfigLine[] => {
    if (!('param' in line) || line.param === '') return [];
    const values = typeof line.value === 'string' ? [line.value] : line.value.map(({ val }) => val);
    const body = 'config' in line ? toLines(line.config) : [];
    return [{ keyword: line.param.toLowerCase(), values, body }];
  });
}

async function expand(lines: readonly SshConfigLine[], file: string, homeDirectory: string, depth: number): Promise<SshConfigLine[]> {
  const out: SshConfigLine[] = [];
  for (const line of lines) {
    if (line.keyword === 'include') {
      for (const pattern of line.values) out.push(...(await include(pattern, file, homeDirectory, depth)));
    } else {
      out.push({ ...line, body: await expand(line.body, file, homeDirectory, depth) });
    }
  }
  return out;
}

async function include(pattern: string, file: string, homeDirectory: string, depth: number): Promise<SshConfigLine[]> {
  const plain = pattern.startsWith('~/') ? join(homeDirectory, pattern.slice(2)) : pattern;
  const path = isAbsolute(plain) ? plain : join(dirname(file), plain);
  const lines: SshConfigLine[] = [];
  for (const one of await matchingFiles(path)) lines.push(...(await readOne(one, homeDirectory, depth + 1)));
  return lines;
}

/** Patterns are allowed in the last component. In alphabetical order; a file that starts with a dot must be named. */
async function matchingFiles(path: string): Promise<string[]> {
  const pattern = basename(path);
  if (!/[*?]/.test(pattern)) return [path];
  const names = await readdir(dirname(path)).catch(() => []);
  return names
    .filter((name) => !name.startsWith('.') && wildcardMatches(pattern, name))
    .sort()
    .map((name) => join(dirname(path), name));
}

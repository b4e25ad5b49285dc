import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { type HostLine, parseHostLine } from '../../src/workflows/init/init-events.ts';

const directory = join(import.meta.dirname, '..', '..', 'templates', 'host-program');
export const library: string = [
  'core.sh',
  ...readdirSync(directory).filter((name) => name !== 'core.sh'),
]
  .map((name) => readFileSync(join(directory, name), 'utf8'))
  .join('\n');

export interface LibraryRun {
  readonly lines: readonly HostLine[];
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
}

/** A scratch directory that stands for /run, /var/lib and /var/backups of the program. */
export const scratch = (): string => mkdtempSync(join(tmpdir(), 'fleet-steps-'));

/**
 * Runs `script` after the shell library in a real bash, everything that it keeps below `root`.
 * `stdin` is what the operator sends.
 */
export function runLibrary(
  script: string,
  root: string,
  stdin: string | Uint8Array | Readable = '',
): Promise<LibraryRun> {
  const places =
    `STATE='${root}/state' BACKUPS='${root}/backups' RUN='${root}/run' UFW='${root}/ufw'; ` +
    `mkdir -p '${root}/run'`;
  const child = spawn('bash', [
    '-c',
    `${library}\n${places}\nMODE=apply DIFF= PATHS=() UNITS=() PACKAGES=()\n${script}\n`,
  ]);
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  child.stdin.on('error', () => {});
  if (stdin instanceof Readable) stdin.pipe(child.stdin);
  else child.stdin.end(stdin);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      const stdout = Buffer.concat(out).toString('utf8');
      const lines = stdout.split('\n').flatMap((line) => parseHostLine(line) ?? []);
      resolve({ lines, stdout, stderr: Buffer.concat(err).toString('utf8'), code });
    });
  });
}

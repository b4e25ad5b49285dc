import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('./on-terminal.py', import.meta.url));

export interface TerminalOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly columns?: number;
}

/** A command on a pseudo-terminal of 24 lines, as a person has it. */
export interface OnTerminal {
  /** Everything that it has shown so far, escape sequences included. */
  shown(): string;
  /**
   * Waits until it has shown the text; fails with what it shows when that takes longer than a
   * minute.
   */
  shows(text: string): Promise<void>;
  type(keys: string): void;
  /** The window is closed: the terminal is gone at once. */
  vanishes(): void;
  /** Its exit code; fails when it does not end within so many ms. Default: a minute. */
  readonly ends: (withinMs?: number) => Promise<number>;
}

export const ctrlC = '\u0003';
const limitMs = 60_000;

export function startOnTerminal(
  argv: readonly string[],
  { cwd, env, columns = 80 }: TerminalOptions,
): OnTerminal {
  const child = spawn('python3', [program, String(columns), '24', ...argv], {
    cwd,
    env: { PAGER: 'cat', ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let shown = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
  });
  const has = (text: string): boolean =>
    shown.includes(text) || shown.replace(/\r?\n */g, ' ').includes(text);
  const ended = once(child, 'close').then(([code]) => code as number);
  const late = async (withinMs: number): Promise<never> => {
    await sleep(withinMs, undefined, { ref: false });
    child.kill('SIGKILL');
    throw new Error(`it did not end within ${withinMs / 1000} s; the terminal shows:\n${shown}`);
  };
  return {
    shown: () => shown,
    shows: async (text) => {
      for (const deadline = Date.now() + limitMs; !has(text); await sleep(20)) {
        if (Date.now() > deadline)
          throw new Error(`"${text}" did not appear; the terminal shows:\n${shown}`);
      }
    },
    type: (keys) => child.stdin.write(keys),
    vanishes: () => child.kill('SIGKILL'),
    ends: (withinMs = limitMs) => Promise.race([ended, late(withinMs)]),
  };
}
